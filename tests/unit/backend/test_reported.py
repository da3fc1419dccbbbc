from __future__ import annotations

import pytest

from sidecar.backend.reported import (
    ReportedAddress,
    debugger_ports,
    lifetime_events,
    other_protocols,
    parse_reported,
    printed_port,
)
from sidecar.settings.model import Backend

KESTREL = Backend().reported_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (KESTREL, "info: x\n      Now listening on: http://127.0.0.1:53211\r\n", 53211),
        (KESTREL, "Now listening on: http://[::]:53211/", 53211),
        (KESTREL, "Now listening on: http://0.0.0.0:80\x1b[0m\n", 80),
        (KESTREL, "Now listening on: https://127.0.0.1:1\nNow listening on: http://localhost:2\n", 2),
        (KESTREL, "Now listening on: http://127.0.0.1:0\nNow listening on: http://127.0.0.1:5\n", 5),
        (KESTREL, "Now listening on: http://127.0.0.1:123456\n", None),
        (KESTREL, "Now listening on: http://unix:/tmp/socket\n", None),
        (KESTREL, "nothing yet", None),
        (KESTREL, "Now listening on: http://me:12345@127.0.0.1:8080/?token=1", 8080),
        (r"PORT=(\d+)", "PORT=8080", 8080),
        (r"port (\d+)?", "port \nport 80", 80),
        (r"on (\S+)", "on 127.0.0.1:81", 81),
        (r"on (\S+)", 'on "http://[::1]:81"', 81),
    ],
)
def test_the_address_is_read_as_the_pattern_finds_it(pattern: str, text: str, expected: int | None) -> None:
    assert parse_reported(pattern, text) == expected


def test_a_stream_is_read_in_pieces_of_any_size_and_a_cut_port_is_not_believed() -> None:
    text = "größe\nNow listening on: http://127.0.0.1:53211\nmore\n".encode()
    end = text.index(b"53211\n") + len(b"53211\n")
    reported = ReportedAddress(KESTREL)
    update = [reported.feed(text[index : index + 1]) for index in range(len(text))]
    assert update[: end - 1] == [None] * (end - 1)
    assert set(update[end - 1 :]) == {53211}


@pytest.mark.parametrize(
    "printed",
    [
        b"Now listening on: http://127.0.0.1:53211\r",
        b"\x1b[32minfo\x1b[0m: Now listening on: \x1b[36mhttp://127.0.0.1:\x1b[1m53211\x1b[22m/\x1b[39m\n",
        b"\x1b]0;title\x07Now listening on: \x1b[4;36mhttp://127.0.0.1:53211\x1b[39m\n",
        b"Now listening on: \x1b(Bhttp://127.0.0.1:53211\x1b(B\x1b[m\n",
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
        assert reported.feed(b"") == 53211


def test_the_port_of_an_unfinished_line_is_unproven() -> None:
    reported = ReportedAddress(KESTREL)
    assert reported.unfinished is None
    for piece, port in ((b"Now listening on: http://127.0.0.1:5", 5), (b"32", 532), (b"11", 53211)):
        assert reported.feed(piece) is None
        assert reported.unfinished == port


@pytest.mark.parametrize(
    ("output", "among", "port"),
    [
        (
            b"Now listening on: http://127.0.0.1:1\nreloading\rNow listening on: \x1b[1mhttp://127.0.0.1:2\x1b[0m\nrest",
            {1, 2},
            2,
        ),
        (b"Now listening on: http://127.0.0.1:1\nmetrics: http://127.0.0.1:2\n", {1, 2}, 1),
        (b"Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)", {8000}, 8000),
        (b'{"Message":"Now listening on: http:\\/\\/127.0.0.1:8000"}', {8000, 9229}, 8000),
        (b"model server at http://127.0.0.1:11434, listening on port 8000.", {8000}, 8000),
        (b"listening on port 8000, metrics on port 9000", {8000, 9000}, None),
        (b"Debugger listening on ws://127.0.0.1:9229/0f2c", {9229}, None),
        (b"version 1.8000, 18000 models, 127.0.0.8000.1", {8000}, None),
        (b"Server started on port 8,080", {8080}, 8080),
        ("Serveur d\u00e9marr\u00e9, port 48\u202f080.".encode(), {48_080}, 48_080),
        (b"version 1.18.080, 18,080,000 bytes", {8080, 18_080}, None),
        (b"* Listening on tcp://localhost:3000", {3000}, 3000),
        (b"nothing", {8000}, None),
    ],
)
def test_among_the_ports_on_which_it_listens_the_output_names_the_servers(
    output: bytes, among: set[int], port: int | None
) -> None:
    assert printed_port(KESTREL, output, among) == port


def test_of_a_backend_that_was_given_a_port_only_an_address_counts() -> None:
    assert printed_port(None, b"listening on 8000", {8000}) is None
    assert printed_port(None, b"listening on http://localhost:8000", {8000}) == 8000
    assert printed_port(None, b"listening on HTTP://LOCALHOST:8000", {8000}) == 8000
    assert printed_port(None, b'{"url":"http:\\/\\/127.0.0.1:8000\\/"}', {8000}) == 8000


def test_an_additional_page_is_not_taken_for_the_server() -> None:
    """As Browsersync prints them; alone it is better than none."""
    server = b"       Local: http://localhost:3000\n          UI: http://localhost:3001\n"
    assert printed_port(None, server, {3000, 3001}) == 3000
    assert printed_port(None, server, {3001}) == 3001
    assert printed_port(None, b"Metrics on http://0.0.0.0:9\nhttp://127.0.0.1:8/ui\n", {8, 9}) == 8
    reflex = b"App running at: http://localhost:3000/\nBackend running at: http://0.0.0.0:8000\n"
    assert printed_port(None, reflex, {3000, 8000}) == 3000
    assert printed_port(None, reflex, {8000}) == 8000


def test_a_debugger_and_a_database_are_distinguished_from_a_websocket_server() -> None:
    printed = (
        "Debugger listening on ws://127.0.0.1:9229/0f2c936f-b1cd\nconnected to postgres://me@localhost:5432/db\n"
        "redis://localhost:6379\n* Listening on tcp://localhost:3000\nListening on ws://localhost:8765\nwss://0.0.0.0:8766/\nhttp://localhost:8000/ws\n"
    )
    assert other_protocols(printed, []) == {9229, 5432, 6379}


@pytest.mark.parametrize(
    ("printed", "command"),
    [
        (
            "Debugger listening on ws://127.0.0.1:9229/0f2c936f-b1cd\nFor help, see: …\n",
            ["node", "--inspect-brk", "s.js"],
        ),
        ("Listening for transport dt_socket at address: 9229\n", ["java"]),
        ("Listening for transport dt_socket at address: localhost:9229\n", ["java"]),
        ("API server listening at: 127.0.0.1:9229\n", ["dlv", "debug", "--headless"]),
        ("DEBUGGER: Debugger can attach via TCP/IP (127.0.0.1:9229)\n", ["rdbg", "-O", "s.rb"]),
        ("", ["python", "-m", "debugpy", "--listen", "127.0.0.1:9229", "s.py", "--port", "5005"]),
        ("", ["python", "-Xfrozen_modules=off", "-m", "debugpy", "--wait-for-client", "--listen", "9229", "s.py"]),
    ],
)
def test_the_port_of_a_debugger_is_known(printed: str, command: list[str]) -> None:
    output = f"{printed}Now listening on http://127.0.0.1:5005\n"
    assert debugger_ports(output, command) == other_protocols(output, command) == {9229}


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    reported = ReportedAddress(KESTREL)
    for _ in range(100):
        assert reported.feed(b"x" * 65_536) is None
    assert len(reported._rest) <= 65_536


@pytest.mark.parametrize(
    "before",
    [
        "info: Microsoft.Hosting.Lifetime[0]\n      ",
        "\x1b[32minfo\x1b[39m: Microsoft.Hosting.Lifetime[0] ",
        "<6>Microsoft.Hosting.Lifetime[0] ",
        "[12:00:00 \x1b[37mINF\x1b[0m] \x1b[37m",
        "2030-01-01 12:00:00.1|INFO|Microsoft.Hosting.Lifetime|",
        '{"LogLevel":"Information","Message":"',
    ],
    ids=["simple", "one line", "systemd", "Serilog", "NLog", "JSON"],
)
def test_lifetime_events_are_separate_messages(before: str) -> None:
    output = f"{before}Application started. Press Ctrl+C\nno Application started.\n{before}Application is shutting down...\r\n"
    assert lifetime_events("aspnet", output) == lifetime_events("aura", output) == ["started", "stopping"]
    assert lifetime_events("generic", output) == []
    assert lifetime_events("aspnet", "MyApplication started. Application is shutting down\n") == []
