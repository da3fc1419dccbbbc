"""What a backend may report about itself, and what is unreadable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.notification import Notification, parse_notification


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"READY=1", Notification(ready=True)),
        (b"READY=1\n", Notification(ready=True)),
        (b"READY=0", Notification()),
        (b"STATUS=a=b \nREADY=1\0", Notification(ready=True, status="a=b")),
        (b"STATUS=", Notification(status="")),
        (b"WATCHDOG=1", Notification(watchdog="alive")),
        (b"WATCHDOG=trigger", Notification(watchdog="trigger")),
        (b"WATCHDOG=0", Notification()),
        (b"STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000", Notification(stopping=True, extend=1.5)),
        (b"MAINPID=1\nRELOADING=1\nFDSTORE=1\nBARRIER=1\nERRNO=2\nX_OWN=3", Notification()),
        (b"", Notification()),
    ],
)
def test_what_is_reported(data: bytes, expected: Notification) -> None:
    assert parse_notification(data) == expected


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"READY=1\nnonsense", "not NAME=value"),
        (b"READY=1\nSTATUS=\xff\xfe", "not UTF-8"),
        (b"READY=1\nEXTEND_TIMEOUT_USEC=-1", "not a number of microseconds"),
        ("READY=1\nEXTEND_TIMEOUT_USEC=\u0661".encode(), "not a number of microseconds"),
        (b"READY=1\nEXTEND_TIMEOUT_USEC=" + b"9" * 4000, "not a number of microseconds"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_counts(data: bytes, says: str) -> None:
    said = parse_notification(data)
    assert says in said.problems[0]
    assert said.ready


@given(st.binary(max_size=4096))
def test_no_bytes_do_any_harm(data: bytes) -> None:
    parse_notification(data)
