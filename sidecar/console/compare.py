"""What is different between two answers to the same request; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

_LONGEST = 60


class Difference(NamedTuple):
    """One place in which two answers differ, such as ``result.lastExit.code``.

    ``shape``: a client could stumble over it, because a key came or went or the kind of value is another. Otherwise only the
    value differs, as times, pids and ports do in every run.
    """

    path: str
    before: Any
    now: Any
    shape: bool

    def __str__(self) -> str:
        return f"{self.path or 'the answer'}: {_short(self.before)} → {_short(self.now)}"


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()


def differences(before: Any, now: Any, path: str = "") -> Iterator[Difference]:
    """Every place in which ``now`` is not as ``before``.

    Null in the place of a value has the same shape: nothing has crashed before the first crash. Lists are compared as far as
    both go, because logs and samples are never equally long.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*before, *(key for key in now if key not in before)]:
            inner = f"{path}.{key}" if path else str(key)
            if key in before and key in now:
                yield from differences(before[key], now[key], inner)
            else:
                yield Difference(inner, before.get(key, MISSING), now.get(key, MISSING), shape=True)
    elif isinstance(before, list) and isinstance(now, list):
        for index, (one, other) in enumerate(zip(before, now, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")
        if len(before) != len(now):
            yield Difference(f"{path} (length)".strip(), len(before), len(now), shape=False)
    elif before != now or _kind(before) is not _kind(now):  # to Python, true is 1
        other_kind = _kind(before) is not _kind(now) and before is not None and now is not None
        yield Difference(path, before, now, shape=other_kind)


def _kind(value: Any) -> type:
    """An integer in the place of a float is no other shape: MessagePack does not care."""
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
