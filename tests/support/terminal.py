"""A program in a real pseudo-terminal: its output, key presses, and the terminal's state. POSIX only."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

import psutil

from tests.support.processes import DEADLINE

# The program must lead a session and own the terminal as a shell's job does, otherwise Ctrl+C reaches no process.
_OWNER = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-Z\\-_])|\x07")


def shown(data: bytes) -> str:
    """The text without sequences that only move the cursor or set colours.

    Ctrl+C makes the terminal discard pending output, even in the middle of a character (termios(3), NOFLSH).
    """
    return _CONTROL.sub("", data.decode("utf-8", "replace"))


class Terminal:
    """Use it as a context manager; on exit the program is killed if it still runs.

    Attributes:
        written: all output bytes.
        before: the terminal's attributes before the program ran.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], *, columns: int = 100, lines: int = 40) -> None:
        self._master, self._slave = pty.openpty()
        self._closed = False
        self.resize(columns, lines)
        self.before = self.attributes()
        self.written = b""
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _OWNER, *command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**env, "TERM": "xterm-256color"},
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)
        self.close()

    def close(self) -> None:
        """Closes the terminal like its window: the kernel sends SIGHUP, and nothing can be read or written any more."""
        if not self._closed:
            self._closed = True
            os.close(self._slave)
            os.close(self._master)

    def attributes(self) -> list[Any]:
        """The result of tcgetattr: modes, speeds, characters."""
        return termios.tcgetattr(self._slave)

    def resize(self, columns: int, lines: int) -> None:
        """Resizes the terminal; the kernel notifies the program with SIGWINCH."""
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Sends keys, including Ctrl+C, as if typed."""
        os.write(self._master, keys.encode())

    def kill(self, number: signal.Signals) -> None:
        """Sends a signal to the program only."""
        self.process.send_signal(number)

    def kill_session(self) -> None:
        """Kills everything that the program started, too: each of a shell's jobs is a process group."""
        for process in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
            with contextlib.suppress(psutil.NoSuchProcess):  # a shell's completion may just have ended
                process.kill()

    def read(self, seconds: float) -> bytes:
        """Reads the output that arrives within that time, possibly nothing."""
        if not select.select([self._master], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # EIO: no process has the other end open
            data = b""
        self.written += data
        return data

    def wait_for(self, pattern: str, *, since: int = 0, deadline: float = DEADLINE) -> re.Match[str]:
        """Reads until the output after ``since`` bytes matches the pattern."""
        end = time.monotonic() + deadline
        while not (found := re.search(pattern, shown(self.written[since:]))):
            if time.monotonic() > end:
                raise AssertionError(f"not within {deadline} s: {pattern!r} in\n{shown(self.written[since:])[-4000:]}")
            self.read(0.05)
        return found

    def wait(self, deadline: float = DEADLINE) -> int:
        """Returns the exit status once all output has been read."""
        end = time.monotonic() + deadline
        while self.process.poll() is None:
            assert time.monotonic() < end, f"still runs after {deadline} s:\n{shown(self.written)[-4000:]}"
            self.read(0.05)
        while self.read(0.05):
            pass
        return self.process.returncode
