"""A backend's answers and output block neither the sidecar nor the page, and are never shown unfiltered."""

from __future__ import annotations

import asyncio
import encodings
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidecar.backend.client import BackendClient
from sidecar.backend.reported import ANY_ADDRESS, other_protocols, printed_port, prints_only_https
from sidecar.core.exit_status import UNKNOWN
from sidecar.core.last_line import quote_last
from sidecar.errors import HttpFailedError
from sidecar.observe.causes import guess
from sidecar.observe.fatal import read_frames
from sidecar.observe.logs import LIVE_LINES, BackendLog
from sidecar.wire.observe import LogLine
from tests.security.test_escapes import steering

MAX_STALL = 2.0  # seconds of processor time; what was slow took ten and more


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[BackendClient]:
    """A client of a server that always gives this answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = BackendClient(listening.sockets[0].getsockname()[1])
    try:
        yield client
    finally:
        await client.close()
        listening.close()


def json(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


HEAD = b"HTTP/1.1 200 OK\r\nX: y\n"
REFUSED = {
    "folded lines, of which each copied those before": HEAD + b" \n" * 130_000 + b"\n{}",
    "folded lines of one letter": HEAD + b" a\n" * 80_000 + b"\n{}",
    "fields without end": HEAD + b"a\n" * 130_000 + b"\n{}",
    "trailers without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a\n" * 130_000 + b"\n",
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 5000,
    "millions of empty lists": json(b"[" + b"[]," * 2_700_000 + b"1]"),
    "millions of empty objects": json(b" [" + b"{}," * 2_700_000 + b"1]"),
    "a chunk of 2^36 bytes": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFF\r\n",
    "a chunk of -1 byte": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_an_answer_that_takes_long_to_read_is_refused(kind: str) -> None:
    async with server(REFUSED[kind]) as client:
        begin = time.process_time()
        with pytest.raises(HttpFailedError) as failed:
            await client.get("/", timeout=60)
        assert time.process_time() - begin < MAX_STALL
        assert failed.value.kind in {"malformed", "too_large", "hang_up"}


async def test_a_charset_that_takes_long_to_decode_is_none() -> None:
    body = b"a" * 100_000 + b"-" + b"9a" * 100_000
    async with server(json(body).replace(b"\r\n", b"\r\nContent-Type: text/plain; charset=PunyCode\r\n", 1)) as client:
        begin = time.process_time()
        assert (await client.get("/", timeout=60)).body == body.decode()
        assert time.process_time() - begin < MAX_STALL


def typed(charset: bytes, body: bytes) -> bytes:
    return json(body).replace(b"\r\n", b"\r\nContent-Type: text/plain; charset=" + charset + b"\r\n", 1)


@pytest.mark.parametrize("charset", [b"iso-8859-8", b"cp864", b"utf-7", b"utf-32"])
async def test_a_body_that_is_not_in_its_charset_is_decoded_soon(charset: bytes) -> None:
    body = b"\xff" * (8 << 20)
    async with server(typed(charset, body)) as client:
        begin = time.process_time()
        assert (await client.get("/", timeout=60)).body == "\ufffd" * len(body)
        assert time.process_time() - begin < MAX_STALL
    async with server(typed(b"iso-8859-8", b"\xff\xe0")) as client:
        assert (await client.get("/", timeout=60)).body == "\ufffd\u05d0"


async def test_made_up_charsets_leave_nothing_in_memory() -> None:
    for charset in (b"x" * 200_000, b"utf" + b"-" * 50 + b"8", b"a.b", b".", b"?", b"\xfc\xdf", b"\0", b"latin---1"):
        async with server(typed(charset, b"{}x")) as client:
            assert (await client.get("/", timeout=60)).body == "{}x"
    known = {name for name in vars(encodings)["_cache"] if len(name) > 30 or name.startswith("latin-")}
    assert not known


async def test_tiny_chunks_leave_the_loop_to_others() -> None:
    chunks = b"1\r\na\r\n" * 50_000
    async with server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n") as client:
        asked = asyncio.ensure_future(client.get("/", timeout=60))
        turns = 0
        while not asked.done():
            await asyncio.sleep(0)
            turns += 1
        assert len(asked.result().body) == 50_000
        assert turns >= 50  # one for each thousand


@pytest.mark.parametrize(
    "location",
    [
        "https://u:hunter2hunter2@login.example/a?code=hunter2hunter2#access_token=hunter2hunter2",
        "//u:hunter2hunter2@evil.example/\x1b]52;c;eA==\x07\u202e" + "A" * 100_000,
        "file:///etc/passwd?hunter2hunter2",
        "http://127.0.0.1:80@169.254.169.254/latest?hunter2hunter2",
    ],
)
async def test_a_redirect_is_shown_without_what_it_may_hold(location: str) -> None:
    async with server(f"HTTP/1.1 302 F\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()) as client:
        with pytest.raises(HttpFailedError) as failed:
            await client.get("/", timeout=60)
    shown = f"{failed.value.hint} {failed.value.location}"
    assert "hunter2" not in shown
    assert steering(shown, "") == []
    assert len(shown) < 700


async def test_a_huge_address_is_not_followed() -> None:
    location = "/" + "é" * 100_000
    async with server(f"HTTP/1.1 302 F\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()) as client:
        with pytest.raises(HttpFailedError) as failed:
            await client.get("/", timeout=60)
    assert failed.value.status == 302  # not a loop, in which each step takes the loop 30 ms
    assert len(failed.value.location) <= 200


LINES = {
    "letters and dots": ".A" * 32_768,
    "an exception of dots": "Error." * 10_000,
    "dots": "." * 65_536,
    "escapes": "\x1b[3." * 16_000,
    "short lines": "=\n" * 32_768,
    "addresses": "x://]\n" * 10_900,
    "threads": 'Exception in thread " port ' * 2400,
    "frames": "    at f" * 8000,
    "headings": "error:\nx\n" * 8000,
    "numbers": "1\n" * 32_768,
    "an exception with empty lines": "Unhandled exception. System." + "\n" * 32_000,
    "a frame of spaces": "Unhandled exception. System.X\n  at a" + " " * 65_000 + "x",
    "logged exceptions in a line": "a.Exception: " * 5000,
    "logged exceptions": "a.Exception:\n" * 5000,
    "a record with empty lines": '{"level":"error","error":"a' + "\\n" * 32_000 + 'b"}',
}


@pytest.mark.parametrize("kind", LINES)
def test_last_words_take_no_time_that_grows_with_their_square(kind: str) -> None:
    """One line of letters and dots took three minutes, in which the sidecar answered nothing."""
    text = LINES[kind]
    begin = time.process_time()
    quote_last(text)
    guess(text, UNKNOWN, port=5000)
    read_frames(None, text)
    printed_port(ANY_ADDRESS, text.encode(), range(1, 65_536))
    other_protocols(text, [])
    prints_only_https(text, 5000)
    assert time.process_time() - begin < MAX_STALL


async def test_a_flood_of_empty_lines_is_thinned_out(tmp_path: Path) -> None:
    """Half a MiB of them was half a million events at once: ten seconds of the loop."""
    log = BackendLog(tmp_path, lambda _: None)
    lines: list[LogLine] = []
    skipped: list[int] = []
    log.on_skipped = skipped.append
    log.begin_run(1)
    log.subscribe(lines.append)
    log.write("stdout", b"first\n")
    for _ in range(20):
        log.write("stdout", b"\n" * 65_536)
    log.write("stdout", b"last\n")
    log.begin_run(2)
    assert lines[-1].text == "last"
    assert len(lines) <= LIVE_LINES + 2
    assert len(lines) + sum(skipped) == 20 * 65_536 + 2
    assert await log.close(60)
