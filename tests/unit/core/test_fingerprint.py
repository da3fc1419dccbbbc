from __future__ import annotations

import pytest

from sidecar.core.fingerprint import Frame, fingerprint, stable_name

# Two prints of the same place, by other machines, runs or builds; and what is left of both.
SAME = [
    (Frame("Api.Jobs.Run(String id, Int32 n)"), Frame("Api.Jobs.Run(String id)"), "Api.Jobs.Run"),
    (Frame("Api.Jobs.<RunAsync>d__12.MoveNext()"), Frame("Api.Jobs.RunAsync()"), "Api.Jobs.RunAsync"),
    (Frame("Api.<>c__DisplayClass3_0.<Map>b__1()"), Frame("Api.<>c__DisplayClass14_0.<Map>b__0()"), "Api.<>c__DisplayClass.<Map>b__"),
    (Frame("Api.Program.<Main>g__Run|0_1(Int32 a)"), Frame("Api.Program.<Main>g__Run|2_0(Int32 a)"), "Api.Program.<Main>g__Run|"),
    (Frame("main.(*Server).Handle(0xc0000b4000, {0x1, 0x2})"), Frame("main.(*Server).Handle(...)"), "main.(*Server).Handle"),
    (Frame("github.com/acme/api/jobs.Run.func1.2()"), Frame("example.org/jobs.Run.func3()"), "jobs.Run.func"),
    (Frame("app::jobs::run::h0123456789abcdef"), Frame("app::jobs::run::hfedcba9876543210"), "app::jobs::run"),
    (Frame("com.acme.Jobs.lambda$run$0"), Frame("app//com.acme.Jobs.lambda$run$3"), "com.acme.Jobs.lambda$run"),
    (Frame("com.acme.Jobs$$Lambda$14/0x0000000800c03000.run"), Frame("com.acme.Jobs$$Lambda/0x7f00.run"), "com.acme.Jobs"),
    (Frame("com.acme.Api$$EnhancerBySpringCGLIB$$1a2b3c.run"), Frame("com.acme.Api$$EnhancerBySpringCGLIB$$ff00.run"), "com.acme.Api.run"),
    (Frame("serve", "/opt/app/server.py"), Frame("serve", "C:\\Users\\ann\\app\\server.py"), "server:serve"),
    (Frame("Server.run [as go]", "/opt/app/main.4f3c2a1b.js:1:2"), Frame("Server.run", "file:///C:/app/main.js:33:1"), "main:Server.run"),
    (Frame("", "/opt/app/index-C7xJ2k9a.js:1:40"), Frame("", "/home/ann/index.js:2:8"), "index"),
    (Frame("worker_41233", ""), Frame("worker_977501", ""), "worker_"),
    (Frame("job_6ba7b810-9dad-11d1-80b4-00c04fd430c8"), Frame("job_7d444840-9dc0-11d1-b245-5ffdce74fad2"), "job_"),
    (Frame("0x00007f1234"), Frame("0x7ffd10"), ""),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "left"), SAME, ids=[left or "address" for *_, left in SAME])
def test_a_frame_keeps_nothing_of_its_machine_run_or_build(one: Frame, other: Frame, left: str) -> None:
    assert stable_name(one) == stable_name(other) == left
    assert fingerprint("exception", "X", [one]) == fingerprint("exception", "X", [other])


def test_cause_type_and_frames_each_make_another_fingerprint() -> None:
    frames = [Frame("a.run1()"), Frame("a.main()")]
    all_of_them = {
        fingerprint("exception", "X", frames),
        fingerprint("exception", "Y", frames),
        fingerprint("disk_full", "X", frames),
        fingerprint("exception", "X", [Frame("a.run2()"), frames[1]]),
        fingerprint("exception", "X", frames[::-1]),
        fingerprint("exception", "", []),
    }
    assert len(all_of_them) == 6
    assert all(len(each) == 16 and int(each, 16) >= 0 for each in all_of_them)


def test_the_frames_of_the_language_count_only_where_there_are_no_others() -> None:
    own = Frame("Api.Jobs.Run()")
    assert fingerprint("x", "X", [Frame("System.Net.Sockets.Socket.DoBind(EndPoint e)"), own]) == fingerprint(
        "x", "X", [own]
    )
    assert fingerprint("x", "X", [Frame("run", "/usr/lib/python3.12/asyncio/runners.py"), own]) == fingerprint(
        "x", "X", [own]
    )
    assert fingerprint("x", "X", [Frame("System.A.B()")]) != fingerprint("x", "X", [Frame("System.A.C()")])
    installed = Frame("serve", "/opt/venv/lib/python3.12/site-packages/app/server.py")
    assert fingerprint("x", "X", [installed, own]) != fingerprint("x", "X", [own])


def test_only_the_top_counts_and_a_recursion_once_wherever_it_was_cut_off() -> None:
    top = [Frame(f"f{number}()") for number in range(5)]
    assert fingerprint("x", "X", [*top, Frame("by_one_way()")]) == fingerprint("x", "X", [*top, Frame("by_another()")])
    even, odd = Frame("App.IsEven(Int32 n)"), Frame("App.IsOdd(Int32 n)")
    assert fingerprint("overflow", "", [even, odd] * 500) == fingerprint("overflow", "", [odd, even] * 300)
