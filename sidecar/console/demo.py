"""``sidecar demo``: runs a real sidecar with a small backend, crashes it once, and shows the recovery."""

import asyncio
import os
import sys
from typing import Any

from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar

from ..backend.client import BackendClient
from ..errors import HttpFailedError, SidecarError, UsageError
from .client import Client, isolated_python
from .demo_backend import CRASH_PATH, LIVE_PATH, STOP_PATH
from .session import OPT_IN_EVENTS, Session, until
from .state import data_words
from .story import Recovery
from .surroundings import run_cancellable, temporary_folder

READY_SHARE = 0.6  # of the time: the backend must be ready by then, or no time is left for the recovery
CRASH_AFTER = 2.0  # seconds for which it is shown running at most


def backend_command() -> list[str]:
    """Returns the command that starts the demo's backend; a packed sidecar starts itself."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "demo-backend", "--port", "{port}"]
    return [*isolated_python("sidecar.console.demo_backend", "sys.argv[1:]"), "--port", "{port}"]


def run(seconds: float) -> int:
    """Shows the demo; returns 0 if the recovery was seen and everything stopped in order, else 1. OSError: stdout cannot be written."""
    console = Console(highlight=False)

    async def play() -> tuple[Recovery, int]:
        return await _Demo(console, seconds).run()

    try:
        recovery, status = run_cancellable(play())
    except UsageError:
        raise
    except SidecarError as error:
        console.print(f"[bold red]The demo failed:[/] {error}")
        return 1
    missing = recovery.missing() + ([] if status == 0 else [f"the sidecar ended with status {status}"])
    if missing:
        console.print(f"[bold red]No recovery:[/] {'; '.join(missing)}.")
        return 1
    console.print(
        f"[bold green]Recovered:[/] process {recovery.crashed_pid} crashed, process {recovery.recovered_pid} replaced "
        f"it on port {recovery.port}; everything was stopped.",
        soft_wrap=True,
    )
    return 0


class _Demo(Session):
    def __init__(self, console: Console, seconds: float) -> None:
        super().__init__(console, "demo", footer=self._progress)
        self.seconds = seconds
        self.recovery = Recovery()

    async def run(self) -> tuple[Recovery, int]:
        with temporary_folder("sidecar-demo-") as folder:
            paths = ["--set", f"backend.live_path={LIVE_PATH}", "--set", f"backend.shutdown_path={STOP_PATH}"]
            words = [*data_words(folder), *paths, "--", *backend_command()]
            # Our environment, without what would configure a different backend.
            env = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}
            async with self.pictures(screen=False):
                client = await Client.start(words, on_event=self._take, env=env)
                try:
                    if self.live:
                        await client.call("sidecar:subscribe", OPT_IN_EVENTS)
                    await self._play_while(client)
                finally:
                    status = await self.stop(client)
        if self.write_error:
            raise self.write_error
        return self.recovery, status

    async def _play_while(self, client: Client) -> None:
        play, gone = asyncio.create_task(self._play()), asyncio.create_task(client.wait())
        ends: set[asyncio.Future[Any]] = {play, gone, self.end}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if play.done():
                play.result()
        finally:
            play.cancel()
            gone.cancel()

    async def _play(self) -> None:
        ready = await until(lambda: self.story.health == "healthy", self.changed, self.seconds * READY_SHARE)
        if ready:
            await asyncio.sleep(min(CRASH_AFTER, self.seconds * 0.2))
            self.note(f"pressing the backend's crash button: POST {self.story.url}{CRASH_PATH}")
            if (port := self.recovery.port) is not None:
                await _press(port)
        await asyncio.sleep(max(0.0, self.seconds - self.elapsed))

    def _take(self, channel: str, payload: Any) -> None:
        line = self.story.take(self.elapsed, channel, payload)
        self.recovery.take(channel, payload, self.story)
        self.show(line)

    def _progress(self) -> RenderableType:
        return ProgressBar(total=self.seconds, completed=min(self.elapsed, self.seconds))


async def _press(port: int) -> None:
    client = BackendClient(port)
    try:
        await client.post(CRASH_PATH, timeout=2)
    except HttpFailedError:
        pass  # it died before it answered, as requested
    finally:
        await client.close()
