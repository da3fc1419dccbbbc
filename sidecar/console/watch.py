"""``sidecar watch``: shows a real sidecar and its backend live in a terminal, or line by line elsewhere."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import psutil
from rich.console import Console

from ..errors import ShuttingDownError, SidecarError
from ..process import end_process
from ..process.identity import identify
from ..process.platform.signals import RESIZE, TERMINATION
from ..wire.observe import Check
from .client import Client, RemoteError, SidecarLostError
from .keys import pressed_keys
from .needed import require_command
from .screen import keys
from .session import OPT_IN_EVENTS, Session
from .state import backend_state
from .surroundings import run_cancellable

_TRIES = 3  # the state may change between two calls, but hardly twice in a row


class NotCrashedError(SidecarError):
    """Nothing was killed, and the message says why."""


async def crash_backend(client: Client) -> int:
    """Kills the backend's root process (SIGKILL, TerminateProcess) without notifying the sidecar; returns its pid.

    Between two answers about the same run, the process is identified by pid and start time, which the kill checks again; it
    must descend from that sidecar. NotCrashedError: no process of ours can be killed. Otherwise raises like ``Client.call``.
    """
    assert client.hello is not None
    for _ in range(_TRIES):
        before = await client.call("backend:status")
        pid = before["pid"]
        if not before["managed"]:
            raise NotCrashedError("The backend belongs to another program and is only watched; it was not touched")
        if pid is None:
            raise NotCrashedError(f"No process to crash: the backend is {before['state']}")
        process = identify(pid)
        after = await client.call("backend:status")
        if process is None or (after["pid"], after["since"]) != (pid, before["since"]):
            continue
        if not descends(pid, client.hello.pid):
            raise NotCrashedError(f"Process {pid} is not proven to be the sidecar's backend; it was not killed")
        if end_process(process):
            return pid  # type: ignore[no-any-return]  # the payload is plain data
    raise NotCrashedError("The backend kept changing its state; nothing was killed")


def descends(pid: int, ancestor: int) -> bool:
    """Whether ``ancestor`` is an ancestor of that process; False if unknown."""
    try:
        return any(parent.pid == ancestor for parent in psutil.Process(pid).parents())
    except (psutil.Error, OSError):
        return False


LAST_WORDS = 1.0  # seconds between FAILED and the end, because the crash report follows the state


def run(serve_words: Sequence[str], *, seconds: float | None = None) -> int:
    """Shows the backend for ``seconds`` or until the user quits.

    Returns 0 if asked to end, or after ``seconds`` if the backend runs then; 1 if it failed for good and no key can start it
    again; 128 + the signal's number; 75 if something could not be stopped. SidecarError: wrong settings, or the sidecar was lost.
    OSError: stdout cannot be written; raised after everything was stopped.
    """
    require_command("watch", serve_words)

    async def watch() -> int:
        return await _Watch(Console(highlight=False), seconds).run(words)

    with backend_state(serve_words) as words:
        return run_cancellable(watch())


class _Watch(Session):
    def __init__(self, console: Console, seconds: float | None) -> None:
        super().__init__(console, "watch", footer=lambda: keys(self.story, self.view))
        self.seconds = seconds
        self.attended = False
        self.logs = ""
        self.tasks: set[asyncio.Task[Any]] = set()

    async def run(self, words: Sequence[str]) -> int:
        # The backend starts only once all its events are shown; the user's own words come later and win.
        client = await Client.start(
            ["--set", "backend.autostart=false", *words], on_event=self._take, on_dropped=self._dropped
        )
        self.client = client
        status = 0
        try:
            async with self._shown():
                try:
                    status = await self._watch()
                finally:
                    closed = await self.stop(client)
        except asyncio.CancelledError:  # Ctrl+C
            self._sum_up()
            raise
        finally:
            for task in self.tasks:
                task.cancel()
        self._sum_up()
        if closed:
            self.say(f"The sidecar ended: {client.end}. {client.last_words}".strip())
        if self.write_error:
            raise self.write_error
        return status or (closed if closed >= 0 else SidecarLostError.exit_status)

    def _sum_up(self) -> None:
        self.say(f"Watched for {self.elapsed:.0f} s, crashes: {self.story.crashes}. {_where_logs_are(self.logs)}")

    async def _watch(self) -> int:
        gone = asyncio.create_task(self.client.wait())
        self.tasks.add(gone)
        await self.client.call("sidecar:subscribe", OPT_IN_EVENTS)
        self.logs = (await self.client.call("runtime:getBootstrap"))["paths"]["logs"]
        if (await self.client.call("backend:status"))["managed"]:
            self._act("start", self.client.call("backend:start"))
        if self.seconds is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self.seconds, lambda: self.finish(0 if self.story.state == "RUNNING" else 1))
        await asyncio.wait({gone, self.end}, return_when=asyncio.FIRST_COMPLETED)
        if self.end.done():
            return self.end.result()
        await self.client.call("sidecar:ping")  # raises an error that describes how it ended
        return 1

    async def _learn_command(self) -> None:
        with suppress(SidecarError):
            status = await self.client.call("backend:status")
            self.story.command = " ".join(map(_short, status.get("command", [])))
            self.story.folder = _short(status.get("folder", ""))
            self.changed.set()

    def _give_up(self) -> None:
        if self.story.state == "FAILED" and not self.attended:
            self.finish(1)

    def _take(self, channel: str, payload: Any) -> None:
        before = self.story.progress
        line = self.story.take(self.elapsed, channel, payload)
        if channel == "backend:startupProgress":
            if self.live and not self.story.folder:
                self._in_background(self._learn_command())
            if not self.live and before is not None and before["message"] == payload["message"]:
                return  # its line would only repeat the last one
        self.show(line)
        if channel == "backend:stateChanged" and self.story.state == "FAILED":
            asyncio.get_running_loop().call_later(LAST_WORDS, self._give_up)

    def _dropped(self, channel: str, count: int) -> None:
        if channel == "backend:log":
            self.story.missing += count
            if not self.live:
                self.note(f"{count} lines of output are not shown: they arrived faster than you could read")

    def _pressed(self, key: str) -> None:
        story, client = self.story, self.client
        if self.live and self.view.press(key, story):
            self.changed.set()
            return
        match key:
            case "r":
                self._act("restart", client.call("backend:restart"))
            case "s" if story.stopped:
                self._act("start", client.call("backend:start"))
            case "s":
                self._act("stop", client.call("backend:stop"))
            case "k":
                self._act("crash", self._crash())
            case "d" | "\x1b" if story.checks is not None:
                story.checks = None
                self.changed.set()
            case "d":
                self._act("doctor", self._diagnose())
            case "q":
                self.finish(0)

    def _act(self, name: str, outcome: Awaitable[Any]) -> None:
        async def act() -> None:
            self.note(f"{name} …")
            try:
                await outcome
            except RemoteError as error:
                if error.error.code == ShuttingDownError.code:
                    return  # the user ended it, and needs no remedy for that
                hint = f". {error.error.hint}" if isinstance(error.error.hint, str) else ""
                self.note(f"{name}: {error.error.message.rstrip('.')}{hint}")
            except NotCrashedError as error:
                self.note(f"{name}: {error.message}")
            except SidecarError:
                pass  # _watch reports the sidecar's end

        self._in_background(act())

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _crash(self) -> None:
        pid = await crash_backend(self.client)
        self.note(f"process {pid} was killed without notifying the sidecar")

    async def _diagnose(self) -> None:
        checks = msgspec.convert(await self.client.call("backend:diagnose"), list[Check])
        if self.live:
            self.story.checks = checks
            self.changed.set()
            return
        for check in checks:
            remedy = f" → {check.remedy}" if check.status != "ok" and isinstance(check.remedy, str) else ""
            self.note(f"doctor: {check.status}: {check.check}: {check.message}{remedy}")

    @asynccontextmanager
    async def _shown(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        with pressed_keys(self._pressed) as self.attended:
            for number in TERMINATION:
                loop.add_signal_handler(number, self.finish, 128 + number)
            for number in RESIZE:
                loop.add_signal_handler(number, self.changed.set)
            async with self.pictures(screen=True):
                yield


def _short(path: str) -> str:
    home = os.path.expanduser("~")  # noqa: PTH111 - text, not necessarily a path on this machine
    return f"~{path[len(home) :]}" if path == home or path.startswith(home + os.sep) else path


def _where_logs_are(folder: str) -> str:
    there = os.path.isdir(folder)  # noqa: PTH112 - pathlib raises where a folder on the way may not be entered
    return f"Logs: {folder}" if there else f"No logs: the folder {folder} was not created"
