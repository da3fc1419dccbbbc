from __future__ import annotations

import pytest

from sidecar.backend.reported import ReportedAddress, last_reported, parse_reported
from sidecar.settings.model import Backend

KESTREL = Backend().reported_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (KESTREL, "info: x\n      Now listening on: http://127.0.0.1:53211\r\n", ("127.0.0.1", 53211)),
        (KESTREL, "Now listening on: http://[::]:53211/", ("::", 53211)),
        (KESTREL, "Now listening on: http://0.0.0.0:80\x1b[0m\n", ("0.0.0.0", 80)),
        (KESTREL, "Now listening on: https://127.0.0.1:1\nNow listening on: http://localhost:2\n", ("localhost", 2)),
        (KESTREL, "Now listening on: http://127.0.0.1:0\nNow listening on: http://127.0.0.1:5\n", ("127.0.0.1", 5)),
        (KESTREL, "Now listening on: http://127.0.0.1:123456\n", None),
        (KESTREL, "Now listening on: http://unix:/tmp/socket\n", None),
        (KESTREL, "nothing yet", None),
        (r"PORT=(\d+)", "PORT=8080", ("127.0.0.1", 8080)),
        (r"port (\d+)?", "port \nport 80", ("127.0.0.1", 80)),
        (r"on (\S+)", "on 127.0.0.1:81", ("127.0.0.1", 81)),
    ],
)
def test_the_address_is_read_as_the_pattern_finds_it(pattern: str, text: str, expected: tuple[str, int] | None) -> None:
    assert parse_reported(pattern, text) == expected


def test_a_stream_is_read_in_pieces_of_any_size_and_a_cut_port_is_not_believed() -> None:
    text = "größe\nNow listening on: http://127.0.0.1:53211\nmore\n".encode()
    end = text.index(b"53211\n") + len(b"53211\n")
    reported = ReportedAddress(KESTREL)
    told = [reported.feed(text[index : index + 1]) for index in range(len(text))]
    assert told[: end - 1] == [None] * (end - 1)
    assert set(told[end - 1 :]) == {("127.0.0.1", 53211)}


@pytest.mark.parametrize(
    "printed",
    [
        b"Now listening on: http://127.0.0.1:53211\r",
        b"\x1b[32minfo\x1b[0m: Now listening on: \x1b[36mhttp://127.0.0.1:\x1b[1m53211\x1b[22m/\x1b[39m\n",
        b"\x1b]0;title\x07Now listening on: \x1b[4;36mhttp://127.0.0.1:53211\x1b[39m\n",
        b"\x1b]8;;http://x\x1b\\Now listening on: http://127.0.0.1:53211\n",
        "Now listening on: http://127.0.0.1:53211\n".encode("utf-16-le"),
        "Now listening on: http://127.0.0.1:53211\r\n".encode("utf-16"),
        "Now listening on: http://127.0.0.1:53211\n".encode("utf-16-be"),
    ],
)
def test_what_a_person_would_read_is_read(printed: bytes) -> None:
    for size in (1, 7, len(printed)):
        reported = ReportedAddress(KESTREL)
        for start in range(0, len(printed), size):
            reported.feed(printed[start : start + size])
        assert reported.address == ("127.0.0.1", 53211)


def test_a_line_without_an_end_gives_a_port_that_is_to_be_proven() -> None:
    reported = ReportedAddress(KESTREL)
    assert reported.unfinished is None
    for piece, port in ((b"Now listening on: http://127.0.0.1:5", 5), (b"32", 532), (b"11", 53211)):
        assert reported.feed(piece) is None
        assert reported.unfinished == port


def test_the_last_address_of_an_output_counts() -> None:
    output = (
        b"Now listening on: http://127.0.0.1:1\nreloading\rNow listening on: \x1b[1mhttp://127.0.0.1:2\x1b[0m\nrest"
    )
    assert last_reported(KESTREL, output) == 2
    assert last_reported(KESTREL, b"nothing") is None


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    reported = ReportedAddress(KESTREL)
    for _ in range(100):
        assert reported.feed(b"x" * 65_536) is None
    assert len(reported._rest) <= 65_536
