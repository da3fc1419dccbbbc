"""``sidecar demo``: the real sidecar through a real stdio client, its backend crashed once and seen to recover."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rich.console import Console
from rich.live import Live

from ..errors import SidecarError, UsageError
from ..threads import in_thread
from .client import Client, RemoteError, importable_environment
from .demo_backend import CRASH_PATH
from .demo_screen import render
from .demo_story import Story
from .sentences import Line
from .surroundings import run_cancellable, silence, temporary_folder

READY_SHARE = 0.6  # of the time: by then the backend must be ready, else there is no time left to see it recover
CRASH_AFTER = 2.0  # seconds for which it is shown running, at most
REFRESH = 0.1


def backend_command() -> list[str]:
    """What starts the embedded backend; frozen, the executable is the sidecar itself."""
    program = ["demo-backend"] if getattr(sys, "frozen", False) else ["-m", "sidecar.console.demo_backend"]
    return [sys.executable, *program, "--port", "{port}"]


def run(seconds: float) -> int:
    """Shows the demo for that long.

    Returns:
        0 if the backend crashed, came back as another process and was healthy, and everything stopped in order; else 1.

    Raises:
        OSError: stdout could not be written to, or nobody read it any more; everything was stopped.
    """
    console = Console()
    try:
        story, status = run_cancellable(_Demo(console, seconds).run())
    except UsageError:
        raise
    except (SidecarError, RemoteError) as error:
        console.print(f"[bold red]The demo failed:[/] {error}", highlight=False)
        return 1
    missing = story.missing() + ([] if status == 0 else [f"the sidecar ended with status {status}"])
    if missing:
        console.print(f"[bold red]No recovery:[/] {'; '.join(missing)}.", highlight=False)
        return 1
    console.print(
        f"[bold green]Recovered:[/] process {story.crashed_pid} crashed, process {story.recovered_pid} took its place "
        f"on port {story.port}; everything was stopped in order.",
        highlight=False,
        soft_wrap=True,
    )
    return 0


class _Demo:
    def __init__(self, console: Console, seconds: float) -> None:
        self.console = console
        self.seconds = seconds
        self.story = Story()
        self.began = time.monotonic()
        self.changed = asyncio.Event()
        self.lost = asyncio.Event()
        self.unsaid: OSError | None = None

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    async def run(self) -> tuple[Story, int]:
        with temporary_folder("sidecar-demo-") as folder:
            words = ["--set", f"paths.data={json.dumps(folder)}", "--", *backend_command()]
            async with self._shown():
                client = await Client.start(words, on_event=self._take, env=_environment())
                try:
                    await self._play_while(client)
                finally:
                    self._note("stopping everything")
                    status = await client.close()
        if self.unsaid:
            raise self.unsaid
        return self.story, status

    async def _play_while(self, client: Client) -> None:
        """Until the end of the sidecar, or of whoever looks on, at most."""
        play, gone = asyncio.create_task(self._play()), asyncio.create_task(client.wait())
        lost = asyncio.create_task(self.lost.wait())
        try:
            await asyncio.wait({play, gone, lost}, return_when=asyncio.FIRST_COMPLETED)
            if play.done():
                play.result()
        finally:
            for task in (play, gone, lost):
                task.cancel()

    async def _play(self) -> None:
        ready = await self._until(lambda: self.story.ready, self.seconds * READY_SHARE)
        if ready:
            await asyncio.sleep(min(CRASH_AFTER, self.seconds * 0.2))
            self._note(f"pressing the backend's crash button: POST {self.story.url}{CRASH_PATH}")
            if (port := self.story.port) is not None:
                await in_thread("crash button", lambda: _press(port))
        await asyncio.sleep(max(0.0, self.seconds - self.elapsed))

    async def _until(self, condition: Any, limit: float) -> bool:
        try:
            async with asyncio.timeout(limit):
                while not condition():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            return False
        return True

    def _take(self, channel: str, payload: Any) -> None:
        self._show(self.story.take(self.elapsed, channel, payload))
        self.changed.set()

    def _note(self, text: str) -> None:
        self._show(self.story.note(self.elapsed, text))

    def _show(self, line: Line) -> None:
        if not self.console.is_terminal:
            name = line.channel.removeprefix("backend:")
            try:
                print(f"{line.at:6.2f}  {name:16} {line.text}", flush=True)  # noqa: T201 - the tool's output
            except OSError as error:
                silence()
                self.unsaid = error
                self.lost.set()

    @asynccontextmanager
    async def _shown(self) -> AsyncIterator[None]:
        """The live view in a terminal; without one the lines come as they happen."""
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, auto_refresh=False, transient=False) as live:

            async def refresh() -> None:
                while True:
                    live.update(render(self.story, self.elapsed, self.seconds, self.console.height), refresh=True)
                    await asyncio.sleep(REFRESH)

            task = asyncio.create_task(refresh())
            try:
                yield
            finally:
                task.cancel()
                live.update(render(self.story, self.elapsed, self.seconds, self.console.height), refresh=True)


def _environment() -> dict[str, str]:
    """Ours without what would configure another backend than the demo's."""
    names = ("SIDECAR_", "AURA_")
    return importable_environment({name: value for name, value in os.environ.items() if not name.startswith(names)})


def _press(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)  # knows no proxy variables
    try:
        connection.request("POST", CRASH_PATH)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass  # it died before it answered, which is what was asked for
    finally:
        connection.close()
