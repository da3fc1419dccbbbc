"""The fixed bytes of the wire format: what each encoder writes, and that both decode to the same value."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar.wire import codec
from tests.golden.cases import CASES
from tests.golden.frames import FOLDER, encoded, real
from tests.support.schemas import index, mistakes

FRAMES = sorted(FOLDER.glob("*.json"))


def _body(hexadecimal: str) -> bytes:
    frame = bytes.fromhex(hexadecimal)
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    return frame[4:]


def _same(one: Any, other: Any) -> bool:
    """Equal, where 3 and 3.0 are the same number and True is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def test_every_case_has_its_file_and_every_file_its_case() -> None:
    assert {path.stem for path in FRAMES} == set(CASES)


@pytest.mark.parametrize("path", FRAMES, ids=lambda path: path.stem)
def test_a_golden_frame(path: Path) -> None:
    frame = json.loads(path.read_text(encoding="utf-8"))
    value = real(frame["value"])
    assert encoded(frame["value"]).hex() == frame["python"]
    for encoder in ("python", "javascript"):
        assert _same(msgspec.msgpack.decode(_body(frame[encoder])), value), encoder
    if value["type"] in {"request", "cancel"}:
        for encoder in ("python", "javascript"):
            message = codec.read_message(_body(frame[encoder]))
            assert (type(message).__name__.lower(), message.id) == (value["type"], value["id"])
            assert type(message.id) is int
    plain = json.loads(msgspec.json.encode(value))
    assert mistakes(index()["messages"][value["type"]]["schema"], plain) == []
