"""netsh's table of excluded port ranges."""

from __future__ import annotations

import pytest

from sidecar.process.platform.reserved_ports import parse, range_of, reserved_ranges

ENGLISH = """
Protocol tcp Port Exclusion Ranges

Start Port    End Port
----------    --------
      5357        5357
     49680       49779
     50000       50059     *

* - Administered port exclusions.
"""
GERMAN = """
Portausschlussbereiche des Protokolls "tcp"

Startport    Endport
----------    --------
        80          80
     50000       50059     *

* - Verwaltete Portausschl?sse.
"""


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        (ENGLISH, [(5357, 5357), (49680, 49779), (50000, 50059)]),
        (ENGLISH.replace("\n", "\r\n"), [(5357, 5357), (49680, 49779), (50000, 50059)]),
        (GERMAN, [(80, 80), (50000, 50059)]),
        (ENGLISH[: ENGLISH.index("      5357")], []),
        ("", None),
        ("The following command was not found: interface ipv4 show excludedportrange.", None),
        ("-----  -----\n  9  5\n 1 70000\n", []),
    ],
)
def test_the_table_is_read_in_any_language(text: str, ranges: list[tuple[int, int]] | None) -> None:
    assert parse(text) == ranges


@pytest.mark.parametrize(
    ("port", "found"), [(5356, None), (5357, (5357, 5357)), (49779, (49680, 49779)), (49780, None)]
)
def test_a_port_lies_in_its_range(port: int, found: tuple[int, int] | None) -> None:
    assert range_of(port, parse(ENGLISH)) == found
    assert range_of(port, None) is None


def test_asking_the_system_never_fails() -> None:
    assert reserved_ranges() is None or isinstance(reserved_ranges(), list)
