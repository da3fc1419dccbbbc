"""Notifications: subscriptions, sequence numbers, and what is dropped while the client does not read."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from sys import getsizeof
from typing import Any

from msgspec import UNSET, Struct, structs

from ..errors import InvalidArgsError
from ..wire.channels import Notification
from ..wire.messages import EventMessage

KEPT_OLDEST = 1000  # events of a drop_oldest channel that are held at most; fewer if they are long
# Bytes of memory for the held events of one channel. A line of 64 KiB takes 256 KiB if one of its characters is an emoji.
KEPT_BYTES = 4 * 1024 * 1024


class _Held:
    """The waiting events of one channel, oldest first. The newest is never dropped."""

    def __init__(self, count: int) -> None:
        self.events: deque[tuple[int, Any, int]] = deque()
        self._count = count
        self._size = 0

    def add(self, seq: int, payload: Any) -> None:
        size = sum(map(getsizeof, structs.astuple(payload) if isinstance(payload, Struct) else (payload,)))
        self.events.append((seq, payload, size))
        self._size += size
        while len(self.events) > self._count or (self._size > KEPT_BYTES and len(self.events) > 1):
            self.take()

    def take(self) -> tuple[int, Any]:
        seq, payload, size = self.events.popleft()
        self._size -= size
        return seq, payload


def hint_for_name(name: str, known: Iterable[str], kind: str) -> str:
    """Returns the hint for a name that hello does not list among its ``kind``."""
    from difflib import get_close_matches  # only a mistake needs it

    close = "".join(f"Did you mean {one}? " for one in get_close_matches(name[:80], known, n=1))
    return f"{close}The hello message lists the names of all {kind}."


class Outbox:
    """Decides which events are sent, and when; pure except for its two callables.

    ``send`` returns False if it could not send, and the event then counts as dropped; ``congested``: whether the client has
    so much unread that only what must not be lost may be added.
    """

    def __init__(
        self, events: Mapping[str, Notification], send: Callable[[EventMessage], bool], congested: Callable[[], bool]
    ) -> None:
        self._events = events
        self._send = send
        self._congested = congested
        self._seq = dict.fromkeys(events, 0)
        self._last_sent = dict.fromkeys(events, 0)
        self._subscribed: set[str] = set()
        self._held: dict[str, _Held] = {}

    def push(self, channel: str, payload: Any) -> None:
        """Numbers an event, then sends, holds or drops it."""
        seq = self._seq[channel] = self._seq[channel] + 1
        if not self.wanted(channel):
            return
        policy = self._events[channel].overflow
        if policy == "keep" or (channel not in self._held and not self._congested()):
            self._go(channel, seq, payload)
            return
        if channel not in self._held:
            self._held[channel] = _Held(1 if policy == "coalesce" else KEPT_OLDEST)
        self._held[channel].add(seq, payload)

    def skip(self, channel: str, count: int) -> None:
        """Uses up numbers without an event."""
        self._seq[channel] += count

    def drain(self) -> None:
        """Sends held events until the client falls behind again; drop_oldest channels go last, or they would starve the others."""
        for channel in sorted(self._held, key=lambda name: self._events[name].overflow == "drop_oldest"):
            held = self._held[channel]
            while held.events and not self._congested():
                self._go(channel, *held.take())
            if not held.events:
                del self._held[channel]

    @property
    def holding(self) -> bool:
        return bool(self._held)

    def wanted(self, channel: str) -> bool:
        return not self._events[channel].opt_in or channel in self._subscribed

    def subscribe(self, names: Iterable[str]) -> list[str]:
        """Adds subscriptions; returns all in force, in the order of hello. InvalidArgsError: a name is not in hello; nothing changed."""
        self._subscribed |= self._known(names)
        return self._in_force()

    def unsubscribe(self, names: Iterable[str]) -> list[str]:
        """Cancels subscriptions; returns and raises like subscribe."""
        given_up = self._known(names)
        self._subscribed -= given_up
        for name in given_up:
            if not self.wanted(name):
                self._held.pop(name, None)
        return self._in_force()

    def _known(self, names: Iterable[str]) -> set[str]:
        known = set(names)
        unknown = sorted(known - self._events.keys())
        if unknown:
            hint = hint_for_name(unknown[0], self._events, "events")
            raise InvalidArgsError(f"No event named {', '.join(repr(name[:80]) for name in unknown[:8])}", hint=hint)
        return known

    def _in_force(self) -> list[str]:
        return [name for name in self._events if name in self._subscribed]

    def _go(self, channel: str, seq: int, payload: Any) -> None:
        dropped = seq - self._last_sent[channel] - 1
        if self._send(EventMessage(channel, payload, seq, dropped or UNSET)):
            self._last_sent[channel] = seq
