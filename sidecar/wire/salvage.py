"""Reads the top level of a body that the decoder refuses, so that an error can have its request's id.

The decoder is all or nothing: one bad byte after the id, a key that is not a string, or nesting beyond the interpreter's
stack, and everything is lost. This walk needs no stack and stops at the first bad byte with what it has.
Format: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

from msgspec import Struct

_MAX_OBJECTS = 300_000  # looked at before it gives up: the loop must not stand still for a hostile body (about 0.1 s)
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_FIXED |= {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)}  # ext: a type byte more
_SIZED |= {0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}
_NESTED = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}  # bytes of the count, objects a count


class Salvaged(Struct, frozen=True):
    """``fields``: the encoded value of each wanted key, the last of a name; ``whole``: nothing was wrong with the bytes."""

    fields: dict[str, bytes]
    whole: bool


def salvage(body: bytes | memoryview, wanted: frozenset[str]) -> Salvaged:
    """Walks one MessagePack map; never raises."""
    data = bytes(body)
    fields: dict[str, bytes] = {}
    names = {name.encode(): name for name in wanted}
    try:
        count, position = _map_header(data)
        budget = _MAX_OBJECTS
        for _ in range(count):
            text, start, budget = _key(data, position, budget)
            position, budget = _skip(data, start, budget)
            if text in names:
                fields[names[text]] = data[start:position]
    except (ValueError, IndexError):
        return Salvaged(fields, whole=False)
    return Salvaged(fields, whole=position == len(data))


def fits(body: bytes | memoryview, values: int) -> bool:
    """Whether a body holds no more than so many values; False also where it is malformed."""
    try:
        _skip(bytes(body), 0, values + 1)
    except (ValueError, IndexError):
        return False
    return True


def _map_header(data: bytes) -> tuple[int, int]:
    first = data[0]
    if first & 0xF0 == 0x80:
        return first & 0x0F, 1
    if first not in {0xDE, 0xDF}:
        raise ValueError
    size = _NESTED[first][0]
    return _number(data, 1, size), 1 + size


def _key(data: bytes, position: int, budget: int) -> tuple[bytes, int, int]:
    """The text of a key, empty if it is not a string; where its value begins; the budget left."""
    first = data[position]
    end, budget = _skip(data, position, budget)
    if first & 0xE0 == 0xA0:
        return data[position + 1 : end], end, budget
    if first in {0xD9, 0xDA, 0xDB}:
        return data[position + 1 + _SIZED[first][0] : end], end, budget
    return b"", end, budget


def _skip(data: bytes, position: int, budget: int) -> tuple[int, int]:
    """Where the object at ``position`` ends, without recursion: only the number of objects still to come is kept."""
    left = 1
    while left:
        left -= 1
        budget -= 1
        if not budget:
            raise ValueError
        first = data[position]
        position += 1
        if first < 0x80 or first >= 0xE0:
            continue
        if first < 0x90:
            left += 2 * (first & 0x0F)
        elif first < 0xA0:
            left += first & 0x0F
        elif first < 0xC0:
            position += first & 0x1F
        elif first in _FIXED:
            position += _FIXED[first]
        elif first in _SIZED:
            size, more = _SIZED[first]
            position += size + more + _number(data, position, size)
        elif first in _NESTED:
            size, objects = _NESTED[first]
            left += objects * _number(data, position, size)
            position += size
        else:
            raise ValueError
    if position > len(data):
        raise ValueError
    return position, budget


def _number(data: bytes, position: int, size: int) -> int:
    if position + size > len(data):
        raise ValueError
    return int.from_bytes(data[position : position + size], "big")
