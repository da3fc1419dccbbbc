"""The stage on which a way to fail is played: a real sidecar over real stdio, and what a user would read of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.client import RemoteError, SidecarClient
from tests.support.launch import sidecar_command

Words = Sequence[str]


class Explanation(NamedTuple):
    """Cause and remedy, as a user reads them."""

    cause: str
    remedy: str


class Stage(contextlib.AsyncExitStack):
    """One way's props: a folder, the facts that stand for <names> in its sentences, and what has to be undone."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.facts: dict[str, object] = {}
        self.crash_text = ""  # the phrase for how the last crash ended

    def file(self, name: str, content: bytes, *, mode: int = 0o755) -> str:
        """A file; its path becomes the fact ``path``."""
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(mode)
        self.facts["path"] = path
        return str(path)

    def sidecar(self, backend: Words, *, command: Words = (), **settings: Any) -> SidecarClient:
        """A sidecar without restarts."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        return SidecarClient(
            backend,
            settings={"restart.attempts": 0, "timeouts.startup": 20, **settings},
            data=data,
            command=[*command, *sidecar_command()] if command else None,
        )

    async def crash(
        self,
        backend: Words,
        during: Callable[[SidecarClient], Awaitable[None]] | None = None,
        *,
        command: Words = (),
        **settings: Any,
    ) -> Explanation:
        """Starts the backend, lets ``during`` do its worst, and reads event and report of the crash that follows."""
        async with self.sidecar(backend, command=command, **settings) as client:
            if during is not None:
                await during(client)
            crash = await client.event("backend:crash")
            report = (await client.call("backend:crashReport", {"name": crash["name"]}))["report"]
            reported = Explanation(crash["cause"] or crash["text"], crash["remedy"])
            heading = "\nLikely cause:  " if crash["cause"] else "the backend failed: "
            assert f"{heading}{reported.cause}\nWhat to do:    {reported.remedy}\n" in report
            self.crash_text = crash["text"]
            return reported

    async def doctor(
        self,
        check: str,
        backend: Words,
        during: Callable[[SidecarClient], Awaitable[None]] | None = None,
        *,
        command: Words = (),
        environment: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> Explanation:
        """Asks for the diagnosis; with ``during`` the backend runs and is ready, and then that happens first."""
        sidecar = self.sidecar(backend, command=command, **{"backend__autostart": during is not None, **settings})
        sidecar.env.update(environment or {})
        async with sidecar as client:
            if during is not None:
                await client.call("backend:waitForReady")
                await during(client)
            found = {each["check"]: each for each in await client.call("backend:diagnose")}[check]
            assert found["status"] in {"failed", "warning"}, found
            return Explanation(found["message"], found["remedy"])

    async def refused(self, backend: Words, **settings: Any) -> Explanation:
        """What a start reports if the sidecar rejects its settings."""
        sidecar = self.sidecar(backend, **settings)
        sidecar.expect_exit = 78
        async with sidecar as client:
            error = await client.error("INVALID_CONFIG")
            return Explanation(error.message, error.hint or "")


class Way(NamedTuple):
    """One way to fail.

    Attributes:
        name: of its test.
        title: what is wrong, for the page.
        play: reproduces it and returns the report.
        reported: the expected report, with ``<name>`` for each fact of the stage.
        where: where a user reads it: ``crash report``, ``doctor`` or ``start``.
        marks: on which systems it can be played.
    """

    name: str
    title: str
    play: Callable[[Stage], Awaitable[Explanation]]
    reported: Explanation
    where: str
    marks: tuple[pytest.MarkDecorator, ...]


class Ways(list[Way]):
    """The ways of one kind.

    Attributes:
        title: of their section on the page.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title

    def add(
        self, title: str, cause: str, remedy: str, *marks: pytest.MarkDecorator, where: str = "crash report"
    ) -> Callable[[Callable[[Stage], Awaitable[Explanation]]], None]:
        """The decorated function plays it; its name is the way's."""

        def remember(play: Callable[[Stage], Awaitable[Explanation]]) -> None:
            self.append(Way(play.__name__, title, play, Explanation(cause, remedy), where, marks))

        return remember


def fill(text: str, facts: Mapping[str, object]) -> str:
    """A sentence with its facts."""
    for name, value in facts.items():
        text = text.replace(f"<{name}>", str(value))
    return text


def posix(mechanism: str) -> pytest.MarkDecorator:
    """Only where that mechanism is."""
    return pytest.mark.posix(reason=mechanism)


def linux(mechanism: str) -> pytest.MarkDecorator:
    """Only on Linux."""
    return pytest.mark.skipif(sys.platform != "linux", reason=f"Linux only: {mechanism}")


def windows(mechanism: str) -> pytest.MarkDecorator:
    """Only on Windows."""
    return pytest.mark.skipif(sys.platform != "win32", reason=f"Windows only: {mechanism}")


def needs(condition: object, reason: str) -> pytest.MarkDecorator:
    """Only where the condition holds."""
    return pytest.mark.skipif(not condition, reason=reason)


WINE_PIDS = pytest.mark.not_wine(reason="Wine does not report the owner of a socket")
ROOT = needs(sys.platform != "win32" and os.geteuid() == 0, "only root may do that")


async def nothing(_: SidecarClient) -> None:
    """Ready is enough."""


async def dead(answer: Awaitable[Any]) -> None:
    """Awaits what is bound to fail."""
    with pytest.raises(RemoteError):
        await asyncio.wait_for(answer, 30)
