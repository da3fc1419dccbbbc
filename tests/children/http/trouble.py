"""A backend's misbehaviour: crashes, floods of output, processes left behind."""

from __future__ import annotations

import os
import signal
import sys

SLEEPER = "import time\ntime.sleep(600)"


def flood(size: int) -> None:
    """Writes that many bytes to stdout, in numbered lines."""
    written = number = 0
    while written < size:
        block = b"".join(b"%08d %s\n" % (number + index, b"0123456789" * 8) for index in range(700))
        number += 700
        view = memoryview(block[: size - written])
        written += len(view)
        while view:
            view = view[os.write(1, view) :]


def spawn_child(kind: str) -> int:
    """Starts a child process that sleeps for ten minutes; returns its pid (the last one's if there are several)."""
    import subprocess  # late: it costs 8 ms, and few backends have children

    command = [sys.executable, "-I", "-S", "-c", SLEEPER]
    if kind == "plain":
        return subprocess.Popen(command, stdin=subprocess.DEVNULL).pid  # holds our stdout
    if kind == "quiet":
        nothing = subprocess.DEVNULL
        return subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing).pid
    if kind != "daemon":
        raise ValueError(kind)
    leave = "stdin=-3, stdout=-3, stderr=-3, start_new_session=True"  # own session, parent gone
    code = f"import subprocess, sys\nprint(subprocess.Popen({command!r}, {leave}).pid, flush=True)\n"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout
    return int(process.stdout.readline())


def crash(kind: str) -> None:
    """Ends the process as a bug would: ``exception abort kill`` or an exit status."""
    if kind == "exception":
        text = "Unhandled exception. System.InvalidOperationException: trouble was asked for\n   at Test.Backend()\n"
        os.write(2, text.encode())
    if kind.isdigit():
        os._exit(int(kind))
    if os.name == "nt":
        status = {"exception": 0xE0434352, "abort": 0xC0000409, "kill": 1}[kind]
        os._exit(status - 2**32 if status > 2**31 else status)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would be written into the checkout
    # A managed .NET crash on Linux is always SIGABRT.
    os.kill(os.getpid(), signal.SIGKILL if kind == "kill" else signal.SIGABRT)
