from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import FrameError
from sidecar.wire.framing import KEPT, FrameBuffer, as_ascii


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def bodies(buffer: FrameBuffer) -> list[bytes]:
    return [bytes(body) for body in buffer]


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=30), st.lists(st.integers(1, 400), min_size=1))
def test_any_chunking_gives_the_same_frames(sent: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(map(frame, sent))
    buffer, got, position, turn = FrameBuffer(), [], 0, 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        buffer.feed(stream[position : position + size])
        got += bodies(buffer)
        position, turn = position + size, turn + 1
    assert got == sent
    assert buffer.pending == 0


def test_one_byte_at_a_time() -> None:
    buffer, got = FrameBuffer(), []
    for byte in frame(b"abc") + frame(b"d"):
        buffer.feed(bytes([byte]))
        got += bodies(buffer)
    assert got == [b"abc", b"d"]


def test_a_read_fills_the_room_directly() -> None:
    buffer = FrameBuffer()
    data = frame(b"hello") + frame(b"you")[:5]
    buffer.room()[: len(data)] = data
    buffer.filled(len(data))
    assert bodies(buffer) == [b"hello"]
    assert buffer.pending == 5
    buffer.feed(b"ou")
    assert bodies(buffer) == [b"you"]


def test_iteration_may_be_left_and_taken_up_again() -> None:
    buffer = FrameBuffer()
    buffer.feed(frame(b"1") + frame(b"2") + frame(b"3"))
    assert bytes(next(iter(buffer))) == b"1"
    assert bodies(buffer) == [b"2", b"3"]


@pytest.mark.parametrize("size", [KEPT - 5, KEPT - 4, KEPT - 3, KEPT, KEPT + 1, 3_000_000])
def test_the_buffer_grows_for_a_large_frame_and_shrinks_again(size: int) -> None:
    buffer = FrameBuffer()
    large = bytes(range(256)) * (size // 256 + 1)
    buffer.feed(frame(b"before") + frame(large[:size]) + frame(b"after"))
    assert bodies(buffer) == [b"before", large[:size], b"after"]
    assert len(buffer.room()) <= 8 * KEPT
    buffer.feed(frame(b"later"))
    assert bodies(buffer) == [b"later"]


def test_an_announced_length_alone_takes_no_memory() -> None:
    buffer = FrameBuffer(16 * 1024 * 1024)
    buffer.feed((16 * 1024 * 1024).to_bytes(4, "big") + b"x")
    assert bodies(buffer) == []
    assert len(buffer.room()) < 4 * KEPT


def test_the_largest_frame_is_taken_and_one_byte_more_is_not() -> None:
    buffer = FrameBuffer(1000)
    buffer.feed(frame(b"x" * 1000))
    assert len(bodies(buffer)[0]) == 1000
    buffer.feed(frame(b"x" * 1001))
    with pytest.raises(FrameError, match="1001 bytes is above the limit of 1000"):
        bodies(buffer)


def test_a_length_of_zero_is_a_framing_error() -> None:
    buffer = FrameBuffer()
    buffer.feed(bytes(4))
    with pytest.raises(FrameError, match="0 bytes is not allowed"):
        bodies(buffer)


def test_frames_before_a_framing_error_are_given_first() -> None:
    buffer = FrameBuffer()
    buffer.feed(frame(b"good") + b"\xff\xff\xff\xff")
    frames = iter(buffer)
    assert bytes(next(frames)) == b"good"
    with pytest.raises(FrameError):
        next(frames)


def test_a_framing_error_shows_the_first_32_bytes_from_the_bad_header_on() -> None:
    buffer = FrameBuffer()
    buffer.feed(frame(b"good") + b'[INFO] "caf\xc3\xa9"\n opened, and much more text')
    with pytest.raises(FrameError) as caught:
        bodies(buffer)
    assert r'[INFO] "caf\xc3\xa9"\x0a opened, and much"' in caught.value.message
    assert caught.value.hint is not None
    assert "log line" in caught.value.hint
    assert caught.value.code == "FRAME_ERROR"
    assert caught.value.exit_status == 65


def test_printable_text_holds_nothing_that_could_move_a_cursor() -> None:
    assert as_ascii(bytes(range(256))).isascii()
    assert as_ascii(bytes(range(256))).isprintable()
