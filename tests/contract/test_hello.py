"""The pre-encoded hello frame against the tables it was made from."""

from __future__ import annotations

import msgspec
import pytest

from sidecar import __version__
from sidecar.wire.channels import CHANNELS, EVENTS
from sidecar.wire.hello import hello_frame
from sidecar.wire.messages import Hello


def test_hello_reports_what_the_tables_hold() -> None:
    frame = hello_frame(pid=4711, max_frame=2**24, max_in_flight=256)
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    reported = msgspec.msgpack.decode(frame[4:])
    assert reported == {
        "type": "hello",
        "protocol": 1,
        "sidecar": __version__,
        "channels": list(CHANNELS),
        "events": list(EVENTS),
        "pid": 4711,
        "maxFrame": 2**24,
        "maxInFlight": 256,
    }, "run python -m tools.generate"
    assert msgspec.msgpack.decode(frame[4:], type=Hello).pid == 4711


@pytest.mark.parametrize("number", [0, 1, 2**16, 2**32 - 1])
def test_numbers_of_any_size_keep_the_frame_whole(number: int) -> None:
    reported = msgspec.msgpack.decode(hello_frame(number, number, number)[4:])
    assert (reported["pid"], reported["maxFrame"], reported["maxInFlight"]) == (number, number, number)


def test_hello_fits_into_the_smallest_frame_that_may_be_asked_for() -> None:
    from sidecar.argv import MAX_FRAME_RANGE

    assert len(hello_frame(1, 1, 1)) - 4 <= MAX_FRAME_RANGE[0]
