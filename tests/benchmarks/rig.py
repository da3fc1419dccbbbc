"""A sidecar under measurement: one thread, one blocking conversation, a time on every frame as it is read.

The client of the other tests reads on its own thread, whose wake-up would be part of every figure.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil

from tests.support.launch import ROOT, clean_environment, sidecar_command, toml_value
from tests.support.pipes import Message, pack, take_messages

CHILDREN = Path(__file__).resolve().parent / "children"
PATIENCE = 60.0  # seconds for anything that is awaited


class Moment(NamedTuple):
    """A message, and when it was read (time.monotonic)."""

    at: float
    message: Message


def environment(extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """As for the other tests, but byte code is kept: a user's sidecar does not compile itself at every start."""
    return clean_environment({"PYTHONDONTWRITEBYTECODE": None, **(extra or {})})


def bare(*words: str) -> list[str]:
    """The command of a Python that loads nothing it need not."""
    return [sys.executable, "-I", "-S", *words]


def packed_command() -> list[str] | None:
    """What starts the packed sidecar of this checkout; None where packaging/build made none."""
    program = ROOT / "dist" / "sidecar" / ("sidecar.exe" if sys.platform == "win32" else "sidecar")
    return [str(program)] if program.exists() else None


def helper(name: str, *words: object) -> list[str]:
    """The command of children/NAME.py in a bare Python."""
    return bare(str(CHILDREN / f"{name}.py"), *map(str, words))


class Sidecar:
    """A running ``sidecar serve``; a context manager that ends it and removes its data folder.

    Attributes:
        spawned: when it was spawned (time.monotonic).
        received: every message so far.
    """

    def __init__(
        self,
        backend: Sequence[str] = (),
        *,
        settings: Mapping[str, Any] | None = None,
        flags: Sequence[str] = (),
        command: Sequence[str] | None = None,
        first: Sequence[Message] = (),
    ) -> None:
        self._data = Path(tempfile.mkdtemp(prefix="sidecar-bench-"))
        values = {
            "paths.data": str(self._data),
            **({} if backend else {"backend.autostart": False}),
            **(settings or {}),
        }
        words = [word for name, value in values.items() for word in ("--set", f"{name}={toml_value(value)}")]
        tail = ["--", *backend] if backend else []
        whole = [*(command or sidecar_command()), "serve", *words, *flags, *tail]
        self.received: list[Moment] = []
        self._unread = bytearray()
        self._next_id = 1000
        pipe = subprocess.PIPE
        with (self._data / "stderr").open("wb") as log:  # a pipe would want to be read
            self.spawned = time.monotonic()
            self.process = subprocess.Popen(whole, stdin=pipe, stdout=pipe, stderr=log, env=environment(), bufsize=0)
        self.stdin, self.stdout = self.process.stdin.fileno(), self.process.stdout.fileno()
        for message in first:
            self.send(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        family = self.family() if self.process.poll() is None else []
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            while os.read(self.stdout, 1 << 16):
                pass
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            _gone, left = psutil.wait_procs(family, timeout=5)
            for process in left:
                process.kill()
            shutil.rmtree(self._data, ignore_errors=True)
        if left:
            raise AssertionError(f"the sidecar left processes behind: {left}")

    @property
    def pid(self) -> int:
        return self.process.pid

    def family(self) -> list[psutil.Process]:
        """Everything below the sidecar."""
        try:
            found: list[psutil.Process] = psutil.Process(self.pid).children(recursive=True)
        except psutil.Error:
            return []
        return found

    # Speaking

    def send(self, message: Message) -> None:
        os.write(self.stdin, pack(message))

    def request(self, channel: str, *args: Any) -> int:
        """Sends it, and gives its id."""
        self._next_id += 1
        self.send({"type": "request", "id": self._next_id, "channel": channel, "args": list(args)})
        return self._next_id

    def call(self, channel: str, *args: Any) -> Moment:
        """A request and its answer; RuntimeError where that is an error."""
        return self.answer(self.request(channel, *args))

    def settle(self) -> None:
        """Until it answers, and what it imports late is in the way of nothing."""
        self.call("sidecar:ping", "there?")
        time.sleep(0.5)

    def answer(self, request_id: int) -> Moment:
        """The answer to a request."""
        moment = self.until(lambda message: message.get("id") == request_id, f"the answer to {request_id}")
        if moment.message["type"] == "error":
            raise RuntimeError(moment.message["error"]["message"])
        return moment

    # Listening

    def mark(self) -> int:
        """A place in what was received, for ``until``."""
        return len(self.received)

    def until(
        self, wanted: Callable[[Message], bool], what: str, *, since: int = 0, patience: float = PATIENCE
    ) -> Moment:
        """The first message that is wanted; TimeoutError, EOFError."""
        place = since
        deadline = time.monotonic() + patience
        while True:
            found = self.find(wanted, since=place)
            if found:
                return found
            place = len(self.received)
            if (
                os.name == "posix"
                and not select.select([self.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]
            ):
                last = [moment.message for moment in self.received[-3:]]
                raise TimeoutError(f"no {what} within {patience} s; last: {last}")
            self.read(what)

    def find(self, wanted: Callable[[Message], bool], *, since: int = 0) -> Moment | None:
        """The first message of those received that is wanted."""
        return next((moment for moment in self.received[since:] if wanted(moment.message)), None)

    def read(self, what: str = "a message") -> None:
        """Waits for the next bytes and takes the messages in them; EOFError."""
        chunk = os.read(self.stdout, 1 << 18)
        at = time.monotonic()
        if not chunk:
            words = (self._data / "stderr").read_text(errors="replace")[-2000:]
            raise EOFError(f"the sidecar ended while {what} was awaited; its last words:\n{words}")
        self._unread += chunk
        self.received += [Moment(at, message) for message in take_messages(self._unread)]

    def state(self, name: str, *, since: int = 0) -> Moment:
        """The event for a state."""
        return self.until(
            lambda message: message.get("channel") == "backend:stateChanged" and message["payload"]["state"] == name,
            f"state {name}",
            since=since,
        )

    def progress(self, phase: str, *, since: int = 0) -> Moment:
        """The event for a phase of the start."""
        return self.until(
            lambda message: (
                message.get("channel") == "backend:startupProgress" and message["payload"]["phase"] == phase
            ),
            f"phase {phase}",
            since=since,
        )

    def log_line(self, text: str, *, since: int = 0) -> Moment:
        """The event for a line of output; needs a subscription."""
        return self.until(
            lambda message: message.get("channel") == "backend:log" and message["payload"]["text"] == text,
            f"line {text}",
            since=since,
        )


@contextlib.contextmanager
def on_one_core() -> Iterator[None]:
    """Everything that is spawned meanwhile runs on the last core of this process, and so does this process.

    Changes nothing where the system cannot pin (``CAN_PIN``).
    """
    if not CAN_PIN:
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


CAN_PIN = hasattr(os, "sched_setaffinity")


def pause() -> None:
    """Between two starts: the child before has ended, but to give its memory back takes a moment more."""
    time.sleep(0.01)


def milliseconds_to_first_byte(command: Sequence[str], *, cwd: str | None = None) -> float:
    """From spawn to the first byte on stdout, after a pause; the child is then killed."""
    pause()
    began = time.monotonic()
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd=cwd,
        bufsize=0,
    )
    with child:
        if not os.read(child.stdout.fileno(), 1):
            raise RuntimeError(f"{command} wrote nothing")
        took = (time.monotonic() - began) * 1000
        child.kill()
    return took
