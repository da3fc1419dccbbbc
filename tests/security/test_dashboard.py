"""The dashboard under a flood of connections: it says so once, serves on, and lets go of what asks nothing."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession, web

from sidecar.dashboard import limits as module
from sidecar.dashboard.limits import Limits


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
        return await asyncio.wait_for(reader.read(1), 10) == b""
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
            assert said == ["More than 64 connections to the dashboard: further ones are refused."]
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
