from __future__ import annotations

import pytest

from sidecar.backend.reported import ReportedAddress, parse_reported
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


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    reported = ReportedAddress(KESTREL)
    for _ in range(100):
        assert reported.feed(b"x" * 65_536) is None
    assert len(reported._rest) <= 65_536
