"""A backend's misbehaviour: crashes, floods of output, processes left behind."""

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SLEEPER = "import time\ntime.sleep(600)"


def flood(descriptor: int, size: int, line: str = "0123456789" * 8) -> float:
    """Writes that many bytes in numbered lines; returns the milliseconds that it took."""
    began = time.monotonic()
    written = number = 0
    while written < size:
        block = b"".join(b"%08d %s\n" % (number + index, line.encode()) for index in range(700))
        number += 700
        view = memoryview(block[: size - written])
        written += len(view)
        while view:
            view = view[os.write(descriptor, view) :]
    return (time.monotonic() - began) * 1000


def spawn_child(kind: str) -> int:
    """Starts a child process that sleeps for ten minutes; returns its pid (the last one's if there are several)."""
    import subprocess  # late: it costs 8 ms, and few backends have children

    command = [sys.executable, "-I", "-S", "-c", SLEEPER]
    if kind == "plain":
        return subprocess.Popen(command, stdin=subprocess.DEVNULL).pid  # holds our stdout
    quiet: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if kind == "quiet":
        return subprocess.Popen(command, **quiet).pid
    middle = f"import subprocess, sys\nprint(subprocess.Popen({command!r}, {{}}).pid, flush=True)\n"
    out: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    if kind == "grandchild":
        code = middle.format("stdin=-3, stdout=2") + SLEEPER
        process = subprocess.Popen([sys.executable, "-c", code], **out)
    elif kind == "daemon":  # own session, parent gone
        code = middle.format("stdin=-3, stdout=-3, stderr=-3, start_new_session=True")
        process = subprocess.Popen([sys.executable, "-c", code], **out)
    else:
        raise ValueError(kind)
    return int(process.stdout.readline())


def crash(kind: str) -> None:
    """Ends the process as a bug would: ``exception abort kill segfault`` or an exit status."""
    if kind == "exception":
        text = "Unhandled exception. System.InvalidOperationException: trouble was asked for\n   at Test.Backend()\n"
        os.write(2, text.encode())
    if kind.isdigit():
        os._exit(int(kind))
    if os.name == "nt":
        status = {"exception": 0xE0434352, "abort": 0xC0000409, "segfault": 0xC0000005, "kill": 1}[kind]
        os._exit(status - 2**32 if status > 2**31 else status)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would be written into the checkout
    # A managed .NET crash on Linux is always SIGABRT.
    number = {"exception": signal.SIGABRT, "abort": signal.SIGABRT, "kill": signal.SIGKILL, "segfault": signal.SIGSEGV}[
        kind
    ]
    os.kill(os.getpid(), number)
