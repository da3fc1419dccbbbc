"""Supervisor, launcher and monitor over a fake process layer, wired in memory as by the composition root."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import math
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sidecar.backend.client import Response
from sidecar.core import events as e
from sidecar.core.lifecycle import Lifecycle
from sidecar.core.machine import LifecyclePolicy
from sidecar.errors import HttpFailedError
from sidecar.monitor import Monitor
from sidecar.process.base import ProcessId
from sidecar.process.reclaim import Reclaimed
from sidecar.settings.load import load
from sidecar.settings.model import Paths
from sidecar.supervisor import Supervisor
from sidecar.supervisor.launcher import Launcher
from sidecar.supervisor.stream import Output, RunEnded, RunEnding, RunFailed, RunLaunching, RunStarted
from sidecar.supervisor.succession import Succession
from sidecar.wire.observe import StateChanged
from tests.support.fake_process import FakeLayer, FakeProcess
from tests.support.jumping_loop import run_story

COMMAND = [sys.executable, "{port}"]


class FakeClient:
    """Answers instead of the backend.

    Attributes:
        port: as in BackendClient.
        answer: returns the body for a GET, or raises HttpFailedError.
        on_post: the same for a POST.
        takes: seconds that either takes.
    """

    def __init__(self) -> None:
        self.port: int | None = None
        self.answer: Callable[[str], Any] = lambda _path: {"ok": True}
        self.on_post: Callable[[str], Any] = lambda _path: None
        self.takes = 0.0
        self.asked: list[str] = []

    async def get(self, path: str, *, timeout: float, head_suffices: bool = False) -> Response:
        return await self._exchange(self.answer, path, timeout)

    async def post(self, path: str, *, timeout: float) -> Response:
        return await self._exchange(self.on_post, path, timeout)

    async def _exchange(self, answer: Callable[[str], Any], path: str, timeout: float) -> Response:
        self.asked.append(path)
        takes = self.takes
        await asyncio.sleep(min(takes, timeout))
        if takes > timeout:
            raise failure(f"timeout of {timeout * 1000:.0f}ms exceeded", "timeout")
        return Response(200, answer(path))


def failure(message: str, kind: Any, status: int | None = None) -> HttpFailedError:
    return HttpFailedError(message, kind=kind, status=status)


def story(more: Callable[..., dict[str, Any]] | None = None, /, **settings: Any) -> Callable[..., Callable[..., None]]:
    """Turns a coroutine function into a test on a jumping clock; its first argument is a stage with these settings.

    ``more`` returns additional settings from the test's own arguments.
    """

    def decorate(tell: Callable[..., Awaitable[None]]) -> Callable[..., None]:
        @functools.wraps(tell)
        def test(tmp_path: Path, **given: Any) -> None:
            async def whole() -> None:
                await tell(Stage(tmp_path, **settings, **(more(**given) if more else {})), **given)

            run_story(whole())

        folder, *own = inspect.signature(tell).parameters.values()
        named = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        test.__signature__ = inspect.Signature([folder.replace(name="tmp_path"), *named])  # type: ignore[attr-defined]
        return test

    return decorate


class FakeSidecar:
    """Another sidecar on the data folder: it is gone at ``gone_at`` on the loop's clock, or never.

    Has the interface of process.reclaim.Predecessor.
    """

    owner = ProcessId(4711, 1.0)

    def __init__(self, seconds: float, gone_after: float | None) -> None:
        self.seconds = seconds
        self._loop = asyncio.get_running_loop()
        self.gone_at = math.inf if gone_after is None else self._loop.time() + gone_after

    @property
    def is_there(self) -> bool:
        return self._loop.time() < self.gone_at


class FakeFolder:
    """A data folder as the supervisor finds it.

    Attributes:
        other: the sidecar that is ending there.
        last_port: the port of its backend.
        settled: the result of waiting for it.
    """

    def __init__(self, other: FakeSidecar | None = None, last_port: int | None = None) -> None:
        self.other = other
        self.last_port = last_port
        self.settled: list[Reclaimed] = []

    def look(self, *, wait: bool) -> Reclaimed:
        there: Any = self.other if self.other is not None and self.other.is_there else None
        neighbours = [] if there is None or wait else ["Another sidecar (pid 4711) uses the data folder"]
        ending = (there,) if wait and there is not None else ()
        logs = "backend-2" if neighbours else "backend"
        return Reclaimed(self.last_port, 0, 0.0, logs, [], neighbours, [], ending)

    async def look_again(self) -> Reclaimed:
        return self.look(wait=False)


class Stage:
    """The objects of a test. Must be created inside a story.

    Args:
        tmp: for the folders.
        folder: what an earlier sidecar left behind.
        overrides: settings by their dotted name, with double underscores for dots: ``timeouts__startup=5``.
    """

    def __init__(
        self,
        tmp: Path,
        *,
        spent: int = 0,
        random: float = 0.0,
        folder: FakeFolder | None = None,
        profile: str = "generic",
        **overrides: Any,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        flags = [f"{name.replace('__', '.')}={json.dumps(value)}" for name, value in overrides.items()]
        self.settings = load(profile=profile, overrides=flags, command=COMMAND, environ={}).settings
        self.paths = Paths(str(tmp), str(tmp / "logs"), str(tmp / "temp"))
        self.layer = FakeLayer()
        self.client = FakeClient()
        self.reports: list[str] = []
        self.printed = b""
        self.folder = folder or FakeFolder()
        self.port_state: Callable[[int, bool], Any] = lambda _port, _plain: "free"
        client: Any = self.client
        self.launcher = Launcher(
            self.settings,
            self.paths,
            self.layer,
            client,
            succession=Succession(self.folder.look(wait=True), self.folder.look_again, self.folder.settled.append),
            find_listener=self.layer.find_listener,
            process_name=lambda pid: f"program-{pid}",
            output_tail=lambda: self.printed,
            mask=lambda text: text.replace("s3cret", "***"),
            report=self.reports.append,
            port_state=lambda port, *, plain=False, address="": (
                "in_use" if address in self.taken else self.port_state(port, plain)
            ),
        )
        self.taken: set[str] = set()  # addresses where another program has every port
        lifecycle = Lifecycle(LifecyclePolicy.of(self.settings), random=lambda: random, spent=spent)
        self.supervisor = Supervisor(
            lifecycle, self.launcher, self.settings, report=self.reports.append, defect=self._defect
        )
        self.seen: list[Any] = []
        self.times: list[tuple[float, str]] = []
        for kind in (StateChanged, RunLaunching, RunStarted, RunEnding, RunEnded, RunFailed,
                     e.Progress, e.Health, e.Providers, e.Exposed):  # fmt: skip
            self.supervisor.stream.subscribe(kind, self.seen.append)
        self.supervisor.stream.subscribe(StateChanged, self._moved)
        self.supervisor.stream.subscribe(RunLaunching, self._begin_output)
        self.supervisor.stream.subscribe(Output, self._print)
        self.monitor = Monitor(
            self.settings,
            client,
            self.supervisor,
            find_listener=self.layer.find_listener,
            is_listening=self.layer.is_listening,
        )
        self._began = self.loop.time()

    @property
    def now(self) -> float:
        """Seconds since the story started."""
        return round(self.loop.time() - self._began, 6)

    @property
    def state(self) -> str:
        return self.supervisor.lifecycle.state.value

    @property
    def moves(self) -> list[str]:
        """The announced states, with their reasons."""
        return [f"{one.state} {one.reason}" for one in self.seen if isinstance(one, StateChanged)]

    def of(self, kind: type) -> list[Any]:
        """The events of that kind in the stream."""
        return [one for one in self.seen if isinstance(one, kind)]

    @property
    def process(self) -> FakeProcess:
        return self.layer.last

    def boots_in(self, seconds: float) -> None:
        """Makes every process listen on its port after that time."""
        self.layer.script = lambda process: process.listen_after(seconds)

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def reach(self, state: str, limit: float = 1000.0) -> float:
        """Waits for a state; returns the story's time."""
        end = self.loop.time() + limit
        while self.state != state:
            if self.loop.time() > end:
                raise AssertionError(f"still {self.state} after {limit} s: {self.moves}")
            await asyncio.sleep(0.001)
        return self.now

    def _defect(self, where: str, error: BaseException) -> None:
        self.reports.append(f"defect at {where}: {error}")

    def _moved(self, change: StateChanged) -> None:
        self.times.append((self.now, change.state))

    def _begin_output(self, _notice: RunLaunching) -> None:
        self.printed = b""

    def _print(self, output: Output) -> None:
        self.printed += output.data
