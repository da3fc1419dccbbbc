"""Starting a program: what it inherits, and the error if it cannot be started."""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from sidecar.core.exit_status import ExitStatus
from sidecar.errors import (
    BackendNotAFileError,
    BackendNotExecutableError,
    BackendNotFoundError,
    InternalError,
    SidecarError,
)
from sidecar.process.executability import posix as refusal
from sidecar.process.posix import PosixProcessLayer
from tests.support.processes import until
from tests.support.runs import Recorder, child, python, spec


async def run(layer: PosixProcessLayer, *command: str, **more: object) -> Recorder:
    recorder = Recorder()
    await layer.launch(spec(command, **more), recorder)  # type: ignore[arg-type]
    await recorder.is_gone()
    return recorder


async def failure(layer: PosixProcessLayer, *command: str, **more: object) -> SidecarError:
    recorder = Recorder()
    with pytest.raises(SidecarError) as caught:
        await layer.launch(spec(command, **more), recorder)  # type: ignore[arg-type]
    assert recorder.order == []
    assert caught.value.hint
    assert caught.value.data
    return caught.value


def script(path: Path, text: bytes, mode: int = 0o755) -> str:
    path.write_bytes(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("code", [0, 1, 3, 143, 255])
async def test_an_exit_code_is_reported_as_it_is(layer: PosixProcessLayer, code: int) -> None:
    assert (await run(layer, *child("leave", "code", code))).status == ExitStatus(code=code)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGPIPE])
async def test_a_signal_is_reported_as_it_is(layer: PosixProcessLayer, number: int) -> None:
    assert (await run(layer, *child("leave", "signal", number))).status == ExitStatus(signal=number)


async def test_a_core_dump_is_reported(layer: PosixProcessLayer, tmp_path: Path) -> None:
    status = (await run(layer, *child("leave", "core"), cwd=str(tmp_path))).status
    assert status.signal == signal.SIGABRT
    # Whether a core is written is the system's decision (core_pattern, hard limit): the flag must agree with it.
    import subprocess

    reference = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -c 2048; cd "$1" && kill -ABRT $$', "sh", str(tmp_path)], check=False
    )
    assert reference.returncode == -signal.SIGABRT
    if any(tmp_path.iterdir()):
        assert status.core_dumped


async def test_the_program_gets_its_folder_environment_and_arguments(layer: PosixProcessLayer, tmp_path: Path) -> None:
    code = "import os,sys; print(os.getcwd(), os.environ['Logging__Level.Dotted'], sys.argv[1:])"
    env = {"Logging__Level.Dotted": "été $HOME `x`"}
    recorder = await run(
        layer, *python(code), "a b", "", "ü", cwd=str(tmp_path), env={**env, "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}
    )
    assert recorder.out.decode() == f"{tmp_path} été $HOME `x` ['a b', '', 'ü']\n"


async def test_the_program_gets_no_descriptor_but_the_three(layer: PosixProcessLayer) -> None:
    code = "import os; print([n for n in range(200) if os.path.exists(f'/dev/fd/{n}')], os.read(0, 10))"
    recorder = await run(layer, *python(code))
    assert recorder.out.decode().split("]")[0] in ("[0, 1, 2", "[0, 1, 2, 3")  # 3: the folder that is being read
    assert recorder.out.decode().endswith("b''\n")


async def test_the_program_leads_a_session_and_has_no_signal_ignored_or_blocked(layer: PosixProcessLayer) -> None:
    code = (
        "import os,signal; print(os.getsid(0) == os.getpid() == os.getpgid(0), signal.pthread_sigmask(0, ()), "
        "open('/proc/self/status').read().split('SigIgn:')[1].split()[0])"
    )
    leads, mask, ignored = (await run(layer, *python(code))).out.decode().split()
    assert (leads, mask) == ("True", "set()")
    # Python itself ignores SIGPIPE (13) and SIGXFSZ (25) when it starts; 32 and 33 belong to the C library.
    assert int(ignored, 16) & ~(3 << 31) == 1 << 12 | 1 << 24


async def test_the_limits_are_applied(layer: PosixProcessLayer) -> None:
    code = (
        "import os,resource; print(os.nice(0), resource.getrlimit(resource.RLIMIT_NOFILE)[0], "
        "open('/proc/self/status').read().split('NoNewPrivs:')[1].split()[0])"
    )
    recorder = await run(layer, *python(code), nice=5, open_files=99, no_new_privileges=True)
    assert recorder.out == b"5 99 1\n"


async def test_a_limit_above_the_hard_one_is_explained(layer: PosixProcessLayer) -> None:
    error = await failure(layer, "/bin/true", open_files=1 << 40)
    assert isinstance(error, BackendNotExecutableError)
    assert "limits.open_files" in str(error.hint)


async def test_a_missing_program_is_not_found(layer: PosixProcessLayer, tmp_path: Path) -> None:
    error = await failure(layer, str(tmp_path / "missing"))
    assert isinstance(error, BackendNotFoundError)
    assert error.data == {"path": str(tmp_path / "missing")}


async def test_a_directory_is_not_a_file(layer: PosixProcessLayer, tmp_path: Path) -> None:
    error = await failure(layer, str(tmp_path))
    assert isinstance(error, BackendNotAFileError)
    assert "is a folder" in error.message


async def test_a_pipe_in_the_file_system_is_not_a_file(layer: PosixProcessLayer, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o777)
    assert isinstance(await failure(layer, str(tmp_path / "fifo")), BackendNotAFileError)


NOT_EXECUTABLE = {
    "no run bit": (b"#!/bin/sh\n", 0o644, "chmod"),
    "empty": (b"", 0o755, "empty"),
    "text without a first line": (b"echo hello\n", 0o755, "#!"),
    "windows program": (b"MZ\x90\0" + bytes(100), 0o755, "a program for Windows"),
    "another processor": (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0\xf3\xff" + bytes(100), 0o755, "processor"),
    "missing interpreter": (b"#!/nowhere/python3 -u\n", 0o755, "/nowhere/python3"),
    "interpreter with CR": (b"#!/bin/sh\r\necho\r\n", 0o755, "carriage return"),
}


@pytest.mark.parametrize("case", NOT_EXECUTABLE)
async def test_a_file_that_cannot_be_executed_is_reported_with_its_cause(
    layer: PosixProcessLayer, tmp_path: Path, case: str
) -> None:
    text, mode, says = NOT_EXECUTABLE[case]
    path = script(tmp_path / "program", text, mode)
    error = await failure(layer, path)
    assert isinstance(error, BackendNotExecutableError)
    assert error.data == {"path": path}
    assert says in f"{error.message} {error.hint}"


async def test_an_interpreter_that_may_not_be_executed_is_named(layer: PosixProcessLayer, tmp_path: Path) -> None:
    interpreter = script(tmp_path / "interpreter", b"\x7fELF", 0o644)
    error = await failure(layer, script(tmp_path / "program", f"#!{interpreter}\n".encode()))
    assert interpreter in error.message


async def test_a_missing_loader_is_distinguished_from_a_missing_program(
    layer: PosixProcessLayer, tmp_path: Path
) -> None:
    if sys.platform != "linux":
        pytest.skip("the loader's path is part of an ELF file")
    data = Path("/bin/true").read_bytes()
    start = data.index(b"/lib")
    end = data.index(b"\0", start)
    path = script(tmp_path / "program", data[:start] + b"/" + b"x" * (end - start - 1) + data[end:])
    error = await failure(layer, path)
    assert isinstance(error, BackendNotExecutableError)
    assert "loader" in error.message


async def test_a_program_that_is_being_written_is_reported(layer: PosixProcessLayer, tmp_path: Path) -> None:
    path = script(tmp_path / "program", Path("/bin/true").read_bytes())
    with Path(path).open("r+b"):
        error = await failure(layer, path)
    assert "being written" in error.message


async def test_a_missing_working_directory_is_reported_as_such(layer: PosixProcessLayer, tmp_path: Path) -> None:
    error = await failure(layer, "/bin/true", cwd=str(tmp_path / "missing"))
    assert isinstance(error, BackendNotFoundError)
    assert error.data == {"path": str(tmp_path / "missing")}
    (tmp_path / "file").touch()
    assert isinstance(await failure(layer, "/bin/true", cwd=str(tmp_path / "file")), BackendNotAFileError)


async def test_too_long_an_environment_is_reported(layer: PosixProcessLayer) -> None:
    error = await failure(layer, "/bin/true", env={f"V{n}": "x" * 100_000 for n in range(40)})
    assert "too long" in error.message


async def test_arguments_that_execve_rejects_are_reported(layer: PosixProcessLayer) -> None:
    assert "NUL" in str((await failure(layer, "/bin/true", "a\0b")).hint)


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit(2)")
@pytest.mark.parametrize("left", [1, 4])
async def test_a_guardian_without_a_descriptor_reports_the_limit(layer: PosixProcessLayer, left: int) -> None:
    """One descriptor is too few for the backend's pipes; four leave none for the result of execve."""
    import resource

    pid = layer.guardian.pid
    await until(lambda: "backend-guard" in Path(f"/proc/{pid}/comm").read_text())
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)  # type: ignore[attr-defined,unused-ignore]  # Linux only
    used = 1 + max(map(int, os.listdir(f"/proc/{pid}/fd")))  # noqa: PTH208 - names are all that is needed
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + left, before[1]))  # type: ignore[attr-defined,unused-ignore]
    with pytest.raises(InternalError) as caught:
        await layer.launch(spec(("/bin/true",)), Recorder())
    assert "Too many open files" in caught.value.message
    assert "raise it (ulimit -n for open files" in caught.value.hint
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)  # type: ignore[attr-defined,unused-ignore]
    recorder = Recorder()
    await layer.launch(spec(("/bin/true",)), recorder)
    assert await recorder.is_gone() == []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc lists the descriptors")
@pytest.mark.parametrize("left", [0, 2, 4, 6])
async def test_a_launch_without_a_descriptor_fails_and_the_next_one_works(layer: PosixProcessLayer, left: int) -> None:
    import resource

    def descriptors() -> list[str]:
        return sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are all that is needed

    await run(layer, "/bin/true")
    before, limits = descriptors(), resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = [os.dup(0) for _ in range(200)]  # fills the gaps below the limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare[-1] + 1, limits[1]))
    for fd in spare[-left:] if left else ():
        os.close(fd)
    try:
        with pytest.raises(OSError, match="Too many open files"):
            await layer.launch(spec(("/bin/true",)), Recorder())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for fd in spare[: len(spare) - left]:
            os.close(fd)
    assert descriptors() == before
    assert (await run(layer, "/bin/echo", "again")).out == b"again\n"


@pytest.mark.parametrize("step", ["fork", "exec"])
@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM])
def test_a_shortage_is_not_blamed_on_the_program(step: str, number: int) -> None:
    """The shortage may be over at the next attempt, which an error about the program would prevent."""
    error = refusal.explain(step, number, spec(("/bin/true",)))
    assert isinstance(error, InternalError)
    assert os.strerror(number) in error.message
    assert "-u for processes" in error.hint


async def test_a_relative_path_counts_from_the_working_directory(layer: PosixProcessLayer, tmp_path: Path) -> None:
    script(tmp_path / "here", b"#!/bin/sh\necho here\n")
    assert (await run(layer, "./here", cwd=str(tmp_path))).out == b"here\n"
    assert stat.S_ISREG((tmp_path / "here").stat().st_mode)


async def test_a_failed_launch_leaves_the_layer_ready_for_the_next_one(layer: PosixProcessLayer) -> None:
    for _attempt in range(3):
        await failure(layer, "/nowhere/program")
        assert (await run(layer, "/bin/true")).status == ExitStatus(code=0)
