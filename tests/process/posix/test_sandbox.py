"""The sandbox of the process layer: its rules under each version of Landlock, its folders, and what it leaves alone."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from sidecar.errors import BackendNotExecutableError
from sidecar.process import landlock, prctl, sandbox, seccomp
from sidecar.process.base import SandboxRequest
from sidecar.process.posix import PosixProcessLayer
from sidecar.process.sandbox import folders, linux
from tests.support.runs import Recorder, python, spec

pytestmark = pytest.mark.skipif(sys.platform != "linux" or landlock.abi() < 6, reason="no Landlock of ABI 6 here")


def request(data: Path, level: str = "standard", **more: object) -> SandboxRequest:
    base = SandboxRequest("standard", (str(data),), (), (), 20000, (), sys.executable, str(data))
    return structs.replace(base, level=level, **more)  # type: ignore[arg-type]


def in_sandbox(rules: landlock.Rules, attempt: Callable[[], object], program: bytes = b"") -> int:
    """The errno of an attempt by a child under the rules; 0: it succeeded."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            prctl.forbid_new_privileges()
            if any(rules):
                landlock.restrict(rules)
            if program:
                prctl.filter_system_calls(program)
            attempt()
            status = 0
        except OSError as error:
            status = error.errno or 98
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("version", range(1, 8))
def test_older_versions_enforce_what_they_have(version: int, tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    data.mkdir()
    outside.write_text("kept")
    rules, _ = linux.rules(request(data), version)
    assert in_sandbox(rules, lambda: (data / "x").write_text("ours")) == 0
    assert in_sandbox(rules, lambda: outside.write_text("evil")) == 13
    # 0: this version leaves it to the user's rights.
    assert in_sandbox(rules, lambda: os.truncate(outside, 4)) == (0 if version < 3 else 13)
    assert in_sandbox(rules, lambda: os.kill(os.getppid(), 0)) == (0 if version < 6 else 1)
    assert outside.read_text() == "kept"


SOCKETS = {
    "tcp": (socket.AF_INET, socket.SOCK_STREAM, 0, 0),
    "tcp6": (socket.AF_INET6, socket.SOCK_STREAM | 0o4000 | 0o2000000, 6, 0),  # SOCK_NONBLOCK, SOCK_CLOEXEC
    "unix": (socket.AF_UNIX, socket.SOCK_DGRAM, 0, 0),
    "netlink": (16, socket.SOCK_RAW, 0, 0),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM | 0o2000000, 0, 13),
    "udp6": (socket.AF_INET6, socket.SOCK_DGRAM, 17, 13),
    "ping": (socket.AF_INET, socket.SOCK_DGRAM, 1, 13),
    "mptcp": (socket.AF_INET, socket.SOCK_STREAM, 262, 93),
    "sctp": (socket.AF_INET, socket.SOCK_STREAM, 132, 93),
    "seqpacket": (socket.AF_INET, socket.SOCK_SEQPACKET, 132, 13),
    "raw": (socket.AF_INET, socket.SOCK_RAW, 255, 13),
    "packet": (17, socket.SOCK_RAW, 0, 97),
    "vsock": (40, socket.SOCK_STREAM, 0, 97),
    "smc": (43, socket.SOCK_STREAM, 0, 97),
}


@pytest.mark.parametrize("dns", [False, True])
@pytest.mark.parametrize("name", SOCKETS)
def test_the_filter_leaves_tcp_and_unix(name: str, dns: bool) -> None:
    family, kind, protocol, denied = SOCKETS[name]
    if dns:
        denied = {"udp": 0, "udp6": 0, "ping": 93}.get(name, denied)
    program = seccomp.strict_filter(udp=dns)
    nothing = (0, 0, 0, (), ())
    assert in_sandbox(nothing, lambda: socket.socket(family, kind, protocol), program) == denied


def test_the_filter_lets_a_process_limit_only_itself() -> None:
    import resource

    nothing, program = (0, 0, 0, (), ()), seccomp.strict_filter(udp=False)
    limit = resource.getrlimit(resource.RLIMIT_CORE)
    assert in_sandbox(nothing, lambda: resource.setrlimit(resource.RLIMIT_CORE, limit), program) == 0
    assert in_sandbox(nothing, lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CORE), program) == 13


def test_a_machine_with_unknown_calls_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "n", "6", "v", "riscv64")))
    assert seccomp.strict_filter(udp=False) == b""
    found = sandbox.enforcement("strict", port_known=True)
    assert [each.name for each in found.missing] == ["protocols"]


def test_a_kernel_without_landlock_has_no_rules(tmp_path: Path) -> None:
    rules, _ = linux.rules(request(tmp_path), 0)
    assert not any(rules[:3])


async def test_a_run_is_confined_and_its_pipes_work(layer: PosixProcessLayer, tmp_path: Path) -> None:
    """With an executed guardian, which has no site packages."""
    data = tmp_path / "data"
    data.mkdir()
    confinement, notes = sandbox.prepare(request(data))
    assert notes == []
    recorder = Recorder()
    code = (
        "import os,sys; open('x','w'); print(sys.stdin.readline(), end='');\n"
        f"try: open({str(tmp_path / 'y')!r},'w')\nexcept OSError as e: print(e.errno)\n"
        "print([int(fd) for fd in os.listdir('/proc/self/fd')][:-1])"
    )
    running = await layer.launch(spec(python(code), cwd=str(data), confinement=confinement, stdin="open"), recorder)
    running.close_stdin()
    assert await recorder.is_gone() == []
    assert recorder.out == b"13\n[0, 1, 2]\n"
    assert (data / "x").exists()


async def test_a_program_outside_of_strict_is_explained(layer: PosixProcessLayer, tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    data = tmp_path / "data"
    data.mkdir()
    confinement, _ = sandbox.prepare(request(data, "strict"))  # of Python
    with pytest.raises(BackendNotExecutableError) as caught:
        await layer.launch(spec((str(tool),), cwd=str(data), confinement=confinement), Recorder())
    assert "sandbox.read" in caught.value.hint


# Folders ----------------------------------------------------------------------------------------------------------------


def test_a_folder_within_another_needs_no_rule(tmp_path: Path) -> None:
    data, temp = str(tmp_path / "data"), str(tmp_path / "data" / "temp")
    assert folders.select_writable([data, temp, data]) == ([data], [])


def test_a_link_that_the_backend_may_have_made_leads_nowhere(tmp_path: Path) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    home.mkdir()
    (data / "temp").symlink_to(home)
    (tmp_path / "alias").symlink_to(data)
    for path in (data / "temp", tmp_path / "alias" / "temp", tmp_path / "alias" / "temp" / "deeper"):
        kept, notes = folders.select_writable([str(data), str(path)])
        assert str(path) not in kept, path
        assert not any(os.path.realpath(one).startswith(str(home)) for one in kept)
        assert "redirect it anywhere" in notes[0]
    readable, notes = folders.select_readable([str(data / "temp")], [str(data)])
    assert (readable, len(notes)) == ([], 1)


def test_a_link_of_the_user_is_followed(tmp_path: Path) -> None:
    data, videos = tmp_path / "data", tmp_path / "videos"
    data.mkdir()
    videos.mkdir()
    (tmp_path / "link").symlink_to(videos)
    assert folders.select_writable([str(data), str(tmp_path / "link")]) == ([str(data), str(tmp_path / "link")], [])


def test_the_home_folder_is_never_an_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for program, cwd in ((str(tmp_path / "server"), "/usr"), ("/usr/bin/env", "/"), ("/usr/bin/env", str(tmp_path))):
        own, notes = linux.own_folders(request(tmp_path, program=program, cwd=cwd), [])
        assert "/" not in own
        assert str(tmp_path) not in own
        assert len(notes) == 1
        assert "sandbox.read" in notes[0]


def test_a_python_environment_is_an_own_folder(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").touch()
    (venv / "bin" / "python").symlink_to("/opt/python/bin/python3")
    script = venv / "bin" / "uvicorn"
    script.write_text(f"#!{venv}/bin/python\n")
    own, _ = linux.own_folders(request(tmp_path, program=str(script), cwd=str(venv)), [])
    assert {str(venv), str(venv / "bin"), "/opt/python/bin", "/opt/python/lib"} <= set(own)


@pytest.mark.parametrize("way", ["link", "first line", "link to a link", "linked folder", "linked interpreter"])
def test_a_program_that_the_backend_may_change_leads_to_no_folder(way: str, tmp_path: Path) -> None:
    """At the next start the backend could read any of the user's folders that contains a program."""
    data, home = tmp_path / "data", tmp_path / "home" / "bin"
    data.mkdir()
    home.mkdir(parents=True)
    tool, program = home / "tool", data / "server"
    tool.write_text("#!/bin/sh\n")
    if way == "link":
        program.symlink_to(tool)
    elif way == "first line":
        program.write_text(f"#!{tool}\n")
    else:
        program = tmp_path / "app" / "server"  # the app's own, which leads into the data folder
        program.parent.mkdir()
        (data / "bin").symlink_to(home)
        (data / "current").symlink_to(tool)
        if way == "linked interpreter":
            program.write_text(f"#!{data}/current\n")
        else:
            program.symlink_to(data / ("current" if way == "link to a link" else "bin/tool"))
    strict = request(data, "strict", program=str(program))
    assert not sandbox.is_allowed(strict, str(home / "key"), write=False)
    assert sandbox.is_allowed(strict, str(program.parent / "x"), write=False)
    assert "sandbox.read" in linux.own_folders(strict, [str(data)])[1][0]
    assert sandbox.is_allowed(
        structs.replace(strict, folders=(str(tmp_path / "other"),)), str(home / "key"), write=False
    )


@pytest.mark.parametrize(
    ("path", "read", "write"),
    [("{data}/a/b", True, True), ("{home}/x", False, False), ("/usr/lib/x", True, False), ("/dev/null", True, True)],
)
def test_is_allowed_reports_what_the_sandbox_allows(path: str, read: bool, write: bool, tmp_path: Path) -> None:
    data = tmp_path / "data"
    strict = request(data, "strict")
    path = path.format(data=data, home=tmp_path / "home")
    assert sandbox.is_allowed(strict, path, write=False) is read
    assert sandbox.is_allowed(strict, path, write=True) is write
    assert sandbox.is_allowed(request(data), path, write=False) is True
