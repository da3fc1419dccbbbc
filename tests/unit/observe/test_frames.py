from __future__ import annotations

import time

import pytest

from sidecar.core.fingerprint import Frame, fingerprint, stable_name
from sidecar.observe.fatal import Fatal, find, read_frames

# What each runtime prints, and the frames in it, innermost first.
PRINTED = {
    "Python": (
        ('Traceback (most recent call last):\n  File "/a/main.py", line 9, in <module>\n    serve()\n    ~~~~~^^\n'
        '  File "/a/server.py", line 3, in serve\n    1 / 0\nZeroDivisionError: division by zero\n'),
        ["server:serve", "main:<module>"],
    ),
    "Python, a group of exceptions": (
        (
            '  + Exception Group Traceback (most recent call last):\n  |   File "/a/main.py", line 9, in <module>\n  |     run()\n'
            "  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)\n  +-+---------------- 1 ----------------\n"
            '    | Traceback (most recent call last):\n    |   File "/a/jobs.py", line 5, in job\n    |     1 / 0\n'
            "    | ZeroDivisionError: division by zero\n    +------------------------------------\n"
        ),
        ["jobs:job"],
    ),
    "Python, of native code": (
        ("Fatal Python error: Segmentation fault\n\nThread 0x00007f01 (most recent call first):\n"
        '  File "/a/other.py", line 1 in wait\n\nCurrent thread 0x00007f02 (most recent call first):\n'
        '  File "/a/codec.py", line 4 in decode\n  File "/a/main.py", line 9 in <module>\n\nExtension modules: numpy\n'),
        ["codec:decode", "main:<module>"],
    ),
    ".NET": (
        ("Unhandled exception. System.InvalidOperationException: no\n ---> System.IO.IOException: inner\n"
        "   at Api.Jobs.Run(String id) in C:\\src\\Jobs.cs:line 37\n   --- End of inner exception stack trace ---\n"
        "   at Api.Program.<Main>$(String[] args)\n"),
        ["Api.Jobs.Run", "Api.Program.<Main>$"],
    ),
    ".NET, a stack overflow": (
        ("Stack overflow.\nRepeat 9216 times:\n--------------------------------\n   at Api.Tree.Walk(Node)\n"
        "--------------------------------\n   at Api.Program.Main()\n"),
        ["Api.Tree.Walk", "Api.Program.Main"],
    ),
    "Node": (
        ("/a/server.js:3\n    throw error;\n    ^\n\nTypeError: server.listen is not a function\n    at serve (/a/server.js:3:40)\n"
        "    at new Api (file:///a/api.mjs:7:1)\n    at async Promise.all (index 0)\n    at /a/main.js:1:1\n\nNode.js v20.1.0\n"),
        ["server:serve", "api:Api", "index 0:Promise.all", "main"],
    ),
    "Node, a plain Error": (
        (
            "/a/jobs.js:2\nthrow e\n^\n\nError: no job 4711\n    at inner (/a/jobs.js:2:33)\n    at async Jobs.go (/a/jobs.js:3:29)\n"
            "    at node:internal/main/run_main_module:28:49 {\n  code: 'X'\n}\n\nNode.js v20.20.2\n"
        ),
        ["jobs:inner", "jobs:Jobs.go", "run_main_module"],
    ),
    "Java": (
        ('Exception in thread "main" java.lang.IllegalStateException: no\n\tat com.acme.Jobs.run(Jobs.java:12)\n'
        "\tat app//com.acme.Main.main(Main.java:4) ~[app.jar!/:1.0]\nCaused by: java.io.IOException\n\t... 2 more\n"),
        ["com.acme.Jobs.run", "com.acme.Main.main"],
    ),
    "Go": (
        ("panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nacme/api/jobs.(*Queue).Pop(0xc00001, 0x5)\n"
        "\t/src/jobs/queue.go:41 +0x1d\nmain.main()\n\t/src/main.go:9 +0x25\n\ngoroutine 18 [select]:\nmain.other()\n\t/src/main.go:1 +0x1\n"),
        ["jobs.(*Queue).Pop", "main.main"],
    ),
    "Rust": (
        "thread 'main' panicked at src/main.rs:4:5:\nno\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
        ["main"],
    ),
    "Rust with a backtrace": (
        ("thread 'main' panicked at src/main.rs:4:5:\nno\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/1/panicking.rs:5:5\n"
        "   1: api::jobs::run::h0123456789abcdef\n             at ./src/jobs.rs:4:5\n"),
        ["rust_begin_unwind", "api::jobs::run"],
    ),
    "Ruby": (
        "/a/jobs.rb:3:in 'Jobs#run': no such job (ArgumentError)\n\tfrom /a/jobs.rb:9:in `block in start'\n\tfrom main.rb:1:in '<main>'\n",
        ["jobs:run", "jobs:block in start", "main:<main>"],
    ),
    "C, by glibc": (
        "*** stack smashing detected ***\n./api(decode_frame+0x1d)[0x55d0c0]\n/lib/libav.so.60(+0x77f)[0x7f00a]\n./api(main+0x9)[0x55d0d]\n",
        ["decode_frame", "libav", "main"],
    ),
    "C++, by AddressSanitizer": (
        ("==12==ERROR: AddressSanitizer: heap-use-after-free on address 0x6020 at pc 0x4c\n    #0 0x4c5a in av::Decoder::next(int) /src/a.cpp:12:3\n"
        "    #1 0x4c in main /src/main.cpp:3\n    #2 0x7f (/lib/libc.so.6+0x29d8f) (BuildId: c0)\n\nfreed by thread T0 here:\n    #0 0x49 in free\n"),
        ["av::Decoder::next", "main", "libc"],
    ),
    "the JVM, of native code": (
        "# A fatal error has been detected by the Java Runtime Environment:\n#\n# Problematic frame:\n# C  [libav.so.60+0x1139]  decode_frame+0x9\n",
        ["decode_frame"],
    ),
    "Node, of native code": (
        "FATAL ERROR: Reached heap limit\n----- Native stack trace -----\n\n 1: 0xb8e1e0 node::Abort() [/usr/bin/node]\n 2: 0xa9  [/a/av.node]\n",
        ["node::Abort", "av"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("printed", "frames"), PRINTED.values(), ids=PRINTED)
def test_the_stack_of_each_runtime_is_read_innermost_first(printed: str, frames: list[str]) -> None:
    output = f"info: listening on 127.0.0.1:5005\n{printed}"
    assert [stable_name(frame) for frame in read_frames(find(output), output)] == frames


@pytest.mark.parametrize(
    "output",
    [
        "",
        "Error: retried\n    at inner (/a/jobs.js:2:33)\nserving\n",
        "listening\n#12 connected\n 1: one\nat work (4)\n",
    ],
)
def test_ordinary_output_has_no_frames(output: str) -> None:
    assert read_frames(find(output), output) == []


def test_of_a_thousand_frames_of_python_the_innermost_come_first() -> None:
    frames = "".join(f'  File "/a/deep.py", line {number}, in f{number}\n    f()\n' for number in range(1000))
    output = f"Traceback (most recent call last):\n{frames}RecursionError: maximum recursion depth exceeded\n"
    assert read_frames(find(output), output)[0] == Frame("f999", "/a/deep.py")


HOSTILE = [
    *("\n" * 65_000, "\t" * 65_000, "a:1:in 'b': " * 5_000, "a:1:in 'b" * 6_000, "    at " + "a " * 30_000, "    at " + "(" * 60_000),
    *("   at a in b:line " * 3_500, "1: 0x1 " * 9_000, "#0 0x1 in " * 6_500, '  File "' * 8_000, "Error: x\n" * 7_000, "x: " * 20_000),
]  # fmt: skip


@pytest.mark.parametrize("output", HOSTILE, ids=[repr(output[:12]) for output in HOSTILE])
def test_hostile_output_is_read_in_time_that_grows_with_its_length(output: str) -> None:
    for kind in (None, "dotnet", "java", "node", "python", "go", "rust", "ruby"):
        begun = time.process_time()
        fatal = find(output) if kind is None else Fatal(kind, "", "", output[:300], output)
        fingerprint("exception", "X", read_frames(fatal, output))
        assert time.process_time() - begun < 1.0, kind
