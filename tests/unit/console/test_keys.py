from __future__ import annotations

import pytest

from sidecar.console.keys import keys_in


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"r", ["r"]),
        (b"RsQ", ["r", "s", "q"]),
        (b"\x1b", ["\x1b"]),
        (b"\x1b[A", ["up"]),
        (b"\x1b[5~\x1b[6~\x1bOH\x1b[4~", ["page up", "page down", "home", "end"]),
        (b"\x1b[3~", []),
        (b"\x1b[1;5Cd", ["d"]),
        (b"\x1bOPk", ["k"]),
        (b"\x1bq", []),
        (b"\n\r\t\x00\x7f", ["enter", "enter", "backspace"]),
        ("ü→".encode(), ["ü", "→"]),
        (b"\xff\xfe", []),
        (b"", []),
    ],
)
def test_only_what_was_pressed_as_a_key_counts(data: bytes, keys: list[str]) -> None:
    assert keys_in(data) == keys
