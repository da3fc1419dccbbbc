"""The first question of a run, before aiohttp is there: it takes nothing that the client would not take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sidecar.backend.client import BackendClient
from sidecar.backend.first_answer import first_answer
from sidecar.backend.probe import probe
from tests.support.backends import free_port
from tests.support.processes import until


@asynccontextmanager
async def answering(answer: bytes, *, close: bool = False) -> AsyncIterator[tuple[int, list[bytes]]]:
    requests: list[bytes] = []
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        try:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
            if not close:
                await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.close()
        await asyncio.sleep(0)
        served -= 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], requests
        await until(lambda: not served)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GOOD = {
    "length": OK,
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "event stream": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",
    "announces its end": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
}
NOT_PLAIN = {
    "503": b"HTTP/1.1 503 Starting\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n",
    "four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "no field": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
    "head without end": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
    "nothing": b"",
}


@pytest.mark.parametrize("name", GOOD)
async def test_a_plain_answer_is_taken_as_the_client_takes_it(name: str) -> None:
    async with answering(GOOD[name], close=name == "announces its end") as (port, requests):
        closing: set[asyncio.Transport] = set()
        status = await first_answer(port, "/health/live?x=1", 10, closing)
        assert status == int(GOOD[name].split()[1])
        assert requests[0].startswith(f"GET /health/live?x=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode())
        await until(lambda: not closing, what=closing)
        client = BackendClient(port)
        try:
            limit = 1.0 if name == "event stream" else 10.0
            assert (await client.get("/health/live", timeout=limit, head_suffices=True)).status == status
        finally:
            await client.close()


@pytest.mark.parametrize("name", NOT_PLAIN)
async def test_what_is_not_plain_is_no_answer(name: str) -> None:
    async with answering(NOT_PLAIN[name], close=True) as (port, _):
        assert await first_answer(port, "/", 0.5, set()) is None


async def test_a_body_that_is_cut_off_is_no_answer() -> None:
    async with answering(OK[:-1], close=True) as (port, _):
        assert await first_answer(port, "/", 10, set()) is None


async def test_a_body_that_ends_with_the_connection_is_an_answer() -> None:
    async with answering(b"HTTP/1.0 200 OK\r\n\r\nok", close=True) as (port, _):
        assert await first_answer(port, "/", 10, set()) == 200


async def test_a_server_that_says_nothing_is_waited_for_no_longer_than_the_limit() -> None:
    async with answering(b"") as (port, _):
        began = asyncio.get_running_loop().time()
        assert await first_answer(port, "/", 0.2, set()) is None
        assert asyncio.get_running_loop().time() - began < 5


@pytest.mark.parametrize("path", ["/{id}", "/a b", "/ä", "/a#b", "/%zz", "//@x\r\n"])
async def test_a_path_that_a_url_library_would_rewrite_is_left_to_it(path: str) -> None:
    async with answering(OK) as (port, requests):
        assert await first_answer(port, path, 10, set()) is None
        assert requests == []


async def test_a_refusal_is_no_answer() -> None:
    assert await first_answer(free_port(), "/", 10, set()) is None


async def test_only_the_first_question_does_without_the_client() -> None:
    async with answering(OK) as (port, requests):
        client = BackendClient(port)
        assert (await probe(client, "/", 10, first=True)).status == 200
        assert not client.loaded
        assert (await probe(client, "/", 10)).body == "ok"
        assert client.loaded
        assert len(requests) == 2
        await client.close()
