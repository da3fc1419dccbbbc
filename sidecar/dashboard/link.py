"""The sidecar behind the dashboard: starts it, replaces it when it dies, and passes its events to every tab."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ..console.client import Client, RemoteError, SidecarLostError
from ..core.restart import RestartBudget
from ..errors import SidecarError
from ..settings.model import Restart
from ..threads import in_thread
from ..wire.channels import EVENTS
from ..wire.messages import ErrorBody
from ..wire.observe import Check
from .tab import LOST, Tab

HISTORY = 500  # state changes, crashes and alerts that a later tab gets

# Like electron-shim: replaces a sidecar three times in ten minutes, first at once, then after a second.
REPLACE = Restart(attempts=3, window=600.0, first_delay=0.0, backoff=1.0, jitter=0.0)

# A sidecar that misses this many checks in a row counts as hung, as in electron-shim. Checks are counted, not seconds: a
# machine that slept has missed only one.
LOOK = 3.0
LOOKS_MISSED = 4

_OPT_IN = [name for name, event in EVENTS.items() if event.opt_in]


class Link:
    """One sidecar at a time, and the tabs that it is shown in; ``gone``: why no sidecar runs at the moment."""

    def __init__(self, words: Sequence[str]) -> None:
        self.gone: ErrorBody | None = None
        self._words = list(words)
        self._client: Client | None = None
        self._tabs: set[Tab] = set()
        self._kept: deque[tuple[str, Any]] = deque(maxlen=HISTORY)
        self._latest: dict[str, Any] = {}
        self._budget = RestartBudget(REPLACE, delay=1.0)
        self._hung: Client | None = None
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Starts the sidecar. Raises like ``Client.start``, and InvalidConfigError if the settings are wrong."""
        self._kept.clear()
        self._latest.clear()
        client = await Client.start(self._words, on_event=self._event, on_dropped=self._dropped)
        try:
            await client.call("backend:status")  # hello does not prove that the settings are valid; an answer does
        except RemoteError as error:  # such as SHUTTING_DOWN, if it is already ending
            await client.kill()
            raise SidecarLostError(f"The sidecar is not serving: {error}") from error
        self._client, self.gone = client, None
        assert client.hello
        for tab in self._tabs:
            tab.greet(client.hello, self._history())
        self._ask_for_events()

    async def keep(self) -> None:
        """Replaces a sidecar that ends, until ``close`` is called or the restarts are exhausted."""
        while (client := self._client) is not None:
            watch = asyncio.get_running_loop().create_task(self._watch(client))
            status = await client.wait()
            watch.cancel()
            if self._closing:
                return
            self._client = None
            why = "did not answer and was killed" if client is self._hung else "has ended"
            words = f"It wrote:\n{client.last_words}" if client.last_words else "It printed nothing."
            await self._replace(SidecarLostError(f"The sidecar {why}, exit status {status}. {words}"))

    async def call(self, channel: str, args: Iterable[Any]) -> Any:
        """Sends one request from a tab. Raises like ``Client.call``."""
        if self._client is None:
            raise SidecarLostError(self.gone.message if self.gone else "The sidecar is not running")
        return await self._client.call(channel, *args)

    async def bundle(self) -> bytes:
        """Returns a zip for a support ticket, with secrets masked. Raises like ``call``."""
        from ..console.bundle import Bundle

        checks = msgspec.convert(await self.call("backend:diagnose", ()), list[Check])
        logs = (await self.call("runtime:getBootstrap", ()))["paths"]["logs"]
        facts = {"logs": logs, "info": await self.call("sidecar:info", ())}
        return await in_thread(lambda: Bundle(checks, facts, self._words).pack())

    def join(self, tab: Tab) -> None:
        self._tabs.add(tab)
        if self.gone is not None:
            tab.lost(self.gone)
        elif self._client is not None and self._client.hello is not None:
            tab.greet(self._client.hello, self._history())
        if len(self._tabs) == 1:
            self._ask_for_events()

    def leave(self, tab: Tab) -> None:
        self._tabs.discard(tab)
        if not self._tabs:
            self._ask_for_events()

    async def close(self) -> int:
        """Shuts the sidecar down; returns its exit status, or 1 if it is gone already."""
        self._closing = True
        return await self._client.close() if self._client is not None else 1

    async def _watch(self, client: Client) -> None:
        missed = 0
        while missed < LOOKS_MISSED:
            answer = asyncio.get_running_loop().create_task(client.call("backend:status"))
            answered, _ = await asyncio.wait({answer}, timeout=LOOK)
            if not answered:
                answer.cancel()
                missed += 1
            elif (error := answer.exception()) is not None and not isinstance(error, RemoteError):
                return  # it ended
            else:  # an error is an answer too: it may have too many requests of the tabs
                missed = 0
                await asyncio.sleep(LOOK)
        self._hung = client
        await client.kill()

    async def _replace(self, error: SidecarError) -> None:
        while True:
            delay = self._budget.failed(time.monotonic(), 0.0).delay
            self._report_loss(error, final=delay is None)
            if delay is None:
                return
            await asyncio.sleep(delay)
            try:
                await self.start()
            except SidecarError as again:
                error = again
            else:
                return

    def _report_loss(self, error: SidecarError, *, final: bool) -> None:
        hint = "A new sidecar is starting; it starts the backend."
        if final:
            hint = "It failed too often and will not restart. Stop the dashboard with Ctrl+C and start it again."
        self.gone = ErrorBody(LOST, error.message, hint, {"final": final})
        for tab in self._tabs:
            tab.lost(self.gone)

    def _history(self) -> list[tuple[str, Any]]:
        return [*self._kept, *self._latest.items()]

    def _event(self, channel: str, payload: Any) -> None:
        kind = EVENTS.get(channel)
        if kind is None:
            return  # from a newer sidecar
        if kind.overflow == "keep":
            self._kept.append((channel, payload))
        elif not kind.opt_in:
            self._latest[channel] = payload
        for tab in self._tabs:
            tab.outbox.push(channel, payload)

    def _dropped(self, channel: str, count: int) -> None:
        if channel in EVENTS:
            for tab in self._tabs:
                tab.outbox.skip(channel, count)

    def _ask_for_events(self) -> None:
        """Subscribes to opt-in events while a tab is open; else unsubscribes."""
        if self._client is None:
            return
        channel = "sidecar:subscribe" if self._tabs else "sidecar:unsubscribe"
        task = asyncio.get_running_loop().create_task(self._ask(self._client, channel))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, client: Client, channel: str) -> None:
        try:
            await client.call(channel, _OPT_IN)
        except SidecarError:
            pass  # it ended, which keep() reports
