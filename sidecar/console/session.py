"""What ``watch`` and ``demo`` share: shows events as a live screen or line by line."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from rich.console import Console, RenderableType
from rich.live import Live

from ..process.platform.terminal import draws_any_character
from .client import Client
from .screen import render
from .sentences import Line
from .story import Story, View
from .strips import glyphs_for
from .surroundings import silence

MIN_REFRESH = 0.1  # seconds between two pictures: a flood of output must not use a whole core
OPT_IN_EVENTS = ["backend:log", "backend:resourceUpdate"]  # the ones that pictures need
MAX_REFRESH = 0.9  # more seconds at most: the strips move on even when nothing happens
MAX_HEIGHT = 32  # lines of a picture that does not take the whole screen


class Session:
    """One run of such a tool; ``footer`` returns the last line of its pictures."""

    def __init__(self, console: Console, own: str, *, footer: Callable[[], RenderableType]) -> None:
        self.console = console
        # Whether to draw pictures; otherwise prints a line per event.
        self.live = sys.stdout.isatty() and not console.is_dumb_terminal
        self.story = Story(own)
        self.view = View()
        self.began = time.monotonic()
        self.changed = asyncio.Event()
        self.end: asyncio.Future[int] = asyncio.get_running_loop().create_future()  # the exit status
        self.write_error: OSError | None = None  # why stdout can no longer be written
        self._footer = footer
        self._glyphs = glyphs_for(console.encoding if draws_any_character() else "ascii")

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def finish(self, status: int) -> None:
        """Ends the tool; the first status counts."""
        if not self.end.done():
            self.end.set_result(status)

    def note(self, text: str) -> None:
        self.show(self.story.note(self.elapsed, text))

    async def stop(self, client: Client) -> int:
        """Closes the sidecar and returns its exit status. Announces nothing if it ended by itself: an error says why."""
        if client.failure is None and client.exit_status is None:
            self.note("stopping everything")
        return await client.close()

    def show(self, line: Line) -> None:
        self.changed.set()
        if not self.live:
            self.say(f"{line.at:8.2f}  {line.name:16} {line.text}")

    def say(self, text: str) -> None:
        """Prints; ends the tool if stdout cannot be written."""
        try:
            print(text, flush=True)
        except OSError as error:
            silence()
            self.write_error = error
            self.finish(1)

    @asynccontextmanager
    async def pictures(self, *, screen: bool) -> AsyncIterator[None]:
        """If ``live``, draws at each change: on the whole ``screen``, or so that the last picture stays."""
        if not self.live:
            yield
            return

        def picture() -> RenderableType:
            now, (width, height) = self.elapsed, self.console.size
            size = (width, height if screen else min(height - 1, MAX_HEIGHT))
            clock = time.time() - now
            return render(self.story, now, size, self._glyphs, self.view, clock=clock, footer=self._footer())

        with Live(console=self.console, screen=screen, auto_refresh=False) as live:

            async def draw() -> None:
                while True:
                    self.changed.clear()
                    live.update(picture(), refresh=True)
                    await asyncio.sleep(MIN_REFRESH)
                    await until(self.changed.is_set, self.changed, MAX_REFRESH if screen else 0.0)

            task = asyncio.create_task(draw())
            task.add_done_callback(lambda _: self.finish(1))  # the terminal is gone
            try:
                yield
            finally:
                task.cancel()
                if not screen:
                    live.update(picture(), refresh=True)


async def until(condition: Callable[[], bool], changed: asyncio.Event, limit: float) -> bool:
    """Waits for the condition, checked whenever ``changed`` is set; returns False after ``limit`` seconds."""
    try:
        async with asyncio.timeout(max(0.0, limit)):
            while not condition():
                changed.clear()
                await changed.wait()
    except TimeoutError:
        return False
    return True
