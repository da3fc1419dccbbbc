"""The dashboard under a flood of connections: it logs that once, keeps serving, and closes idle connections."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from sidecar.dashboard import limits as module
from sidecar.dashboard.limits import Limits
from tests.support.dashboard import PROTOCOL, dashboard


async def serve(limits: Limits) -> tuple[web.AppRunner, asyncio.Server, int, asyncio.Task[None]]:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def forever(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(str(message.data))
        return socket

    app = web.Application(middlewares=[limits.middleware])
    app.router.add_get("/", hello)
    app.router.add_get("/socket", forever)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    server = await asyncio.get_running_loop().create_server(limits.factory(runner.server), "127.0.0.1", 0)
    reaper = asyncio.get_running_loop().create_task(limits.keep(runner.server))
    return runner, server, server.sockets[0].getsockname()[1], reaper


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), 60) == b""
    except ConnectionError:
        return True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.5)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.1)


@pytest.mark.usefixtures("quick")
async def test_idle_connections_are_limited_and_closed_with_one_line_for_all() -> None:
    said: list[str] = []
    runner, server, port, reaper = await serve(Limits(said.append))
    try:
        async with ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/socket") as kept:
            opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
            opened[0][1].write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")  # and never the rest of the headers
            assert all(await asyncio.gather(*(is_closed(reader) for reader, _ in opened)))
            assert said == ["More than 64 connections to the dashboard: the oldest idle ones are closed."]
            async with session.get(f"http://127.0.0.1:{port}/") as answer:
                assert await answer.text() == "hello"
            await kept.send_str("still here")  # a tab that is silent for longer than that stays
            assert (await kept.receive(5)).data == "still here"
            for _, writer in opened:
                writer.close()
    finally:
        reaper.cancel()
        server.close()
        await runner.cleanup()


async def test_a_program_that_keeps_all_connections_in_use_does_not_lock_others_out() -> None:
    """Each sent a request every few seconds, so none was idle long enough to be closed, and all others were refused."""
    runner, server, port, reaper = await serve(Limits(lambda _: None))
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(module.MAX_CONNECTIONS)]
    try:
        for reader, writer in opened:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"HTTP/1.1 200")
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as answer:
            assert await answer.text() == "hello"
    finally:
        for _, writer in opened:
            writer.close()
        reaper.cancel()
        server.close()
        await runner.cleanup()


SOCKET = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n"
HOSTILE = {
    "GET / HTTP/1.1\r\n{host}\r\n": 200,
    "GET / HTTP/1.1\r\nHost: evil.example:{port}\r\n\r\n": 403,  # DNS rebinding
    "GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n": 403,
    "GET / HTTP/1.1\r\nHost: 127.0.0.1.:{port}\r\n\r\n": 403,
    "GET / HTTP/1.1\r\nHost: evil\r\nX-Forwarded-Host: 127.0.0.1:{port}\r\n\r\n": 403,
    "GET / HTTP/1.1\r\n{host}Host: evil\r\n\r\n": 400,
    "GET / HTTP/1.0\r\n\r\n": 403,
    "GET / HTTP/1.1\r\n{host}Origin: null\r\n\r\n": 403,
    "GET / HTTP/1.1\r\n{host}Origin: http://evil\r\n\r\n": 403,
    "POST /session HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n": 403,
    "POST /session HTTP/1.1\r\n{host}Origin: {origin}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
    "GET /../../etc/passwd HTTP/1.1\r\n{host}\r\n": 404,
    "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n{host}\r\n": 404,
    "GET /..%5c..%5cx HTTP/1.1\r\n{host}\r\n": 404,
    "GET //etc/passwd HTTP/1.1\r\n{host}\r\n": 404,
    "GET /__init__.py HTTP/1.1\r\n{host}\r\n": 404,
    "GET /socket HTTP/1.1\r\n{host}{socket}\r\n": 403,
    "GET /socket HTTP/1.1\r\n{host}Origin: {origin}\r\n{socket}\r\n": 401,
    "GET /socket HTTP/1.1\r\n{host}Origin: {origin}\r\n{socket}Sec-WebSocket-Protocol: {protocol}, key.\r\n\r\n": 401,
    "GET /session HTTP/1.1\r\n{host}Authorization: Bearer \xff\r\n\r\n": 401,
    "GET / HTTP/1.1\r\n{host}X: {long}\r\n\r\n": 400,
    "GET / HTTP/1.1\r\n{host}Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc": 200,
    "\x16\x03\x01\x02\x00\x01\x00\x1b]52;c;eA==\x07\r\n\r\n": 400,
}


async def status_of(port: int, request: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request.encode("latin-1"))
        return int((await asyncio.wait_for(reader.readline(), 60)).split()[1])
    finally:
        writer.close()


async def test_hostile_requests_are_refused_and_write_nothing_to_the_terminal(tmp_path: Path) -> None:
    """Each request that was not HTTP printed a traceback."""
    async with dashboard(tmp_path, [sys.executable, "-c", "input()"], ready=False) as page:
        await page.until(lambda: page.addresses)
        port = int(page.origin.rpartition(":")[2])
        known = {
            "host": f"Host: 127.0.0.1:{port}\r\n", "port": port, "origin": page.origin, "socket": SOCKET,
            "protocol": PROTOCOL, "long": "a" * 200_000,
        }  # fmt: skip
        answers = {request: await status_of(port, request.format(**known)) for request in HOSTILE}
        assert answers == HOSTILE
        async with ClientSession() as session:
            key = await page.key(session)
            for hostile in ("[" * 60_000 + "]" * 60_000, "a" * (8 << 20), b"\x00", '{{"id":1e400}}'):
                options = {"protocols": (PROTOCOL, f"key.{key}"), "origin": page.origin}
                async with session.ws_connect(f"{page.origin}/socket", **options) as socket:
                    try:
                        await (socket.send_bytes(hostile) if isinstance(hostile, bytes) else socket.send_str(hostile))
                    except ConnectionError:
                        pass  # closed while it was sent
            async with page.page(session, key) as tab:
                assert (await tab.ask("backend:status"))["type"] == "response"
        assert [line for line in page.err if "Traceback" in line or "\x1b]" in line] == []
