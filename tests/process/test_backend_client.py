from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sidecar.backend.client import BODY_LIMIT, BackendClient, Response, refused
from sidecar.backend.ports import choose_port
from sidecar.backend.probe import ProbeResult, probe
from sidecar.errors import HttpFailedError
from sidecar.settings.texts import AUTO_PATH
from tests.support.processes import SLACK

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LIMIT = 10.0
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def client() -> AsyncIterator[BackendClient]:
    one = BackendClient()
    yield one
    await one.close()


@asynccontextmanager
async def server(client: BackendClient, handler: Handler) -> AsyncIterator[int]:
    """Starts a server that sends whatever the handler writes, points the client at it, and returns its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    client.port = listening.sockets[0].getsockname()[1]
    try:
        yield client.port
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def application(client: BackendClient, *routes: web.RouteDef) -> AsyncIterator[int]:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    client.port = runner.addresses[0][1]
    try:
        yield client.port
    finally:
        await runner.cleanup()


def answer(body: bytes, *, status: str = "200 OK", head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


def answering(data: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(data)
            await writer.drain()

    async def tolerant(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except asyncio.IncompleteReadError:
            pass

    return tolerant


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes with RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# How a message begins → the kind that programs decide by.
KINDS = {
    "connect ECONNREFUSED": "refused",
    "timeout of": "timeout",
    "socket hang up": "hang_up",
    "Request failed with status code 302": "redirected",
    "Request failed with status code": "status",
    "Maximum number of redirects": "redirected",
    "Parse Error": "malformed",
    "maxContentLength": "too_large",
    "Invalid URL": "invalid_url",
}


async def failure(
    client: BackendClient, path: str = "/", *, timeout: float = LIMIT, method: str = "get"
) -> HttpFailedError:
    with pytest.raises(HttpFailedError) as caught:
        await getattr(client, method)(path, timeout=timeout)
    kind = next(kind for words, kind in KINDS.items() if caught.value.message.startswith(words))
    assert (caught.value.kind, caught.value.data) == (kind, {"status": caught.value.status})
    return caught.value


async def test_json_is_decoded_whatever_it_is_called(client: BackendClient) -> None:
    async with server(
        client, answering(answer(b'\xef\xbb\xbf{"a": [1, null, "\\u00fc"]}', head="Content-Type: text/html\r\n"))
    ):
        assert await client.get("/", timeout=LIMIT) == Response(200, {"a": [1, None, "ü"]})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
async def test_json_in_utf_16_is_read_though_nothing_says_so(client: BackendClient, encoding: str) -> None:
    body = '{"a": "ü"}'.encode(encoding)
    async with server(client, answering(answer(body, head="Content-Type: application/json\r\n"))):
        assert (await client.get("/", timeout=LIMIT)).body == {"a": "ü"}


@pytest.mark.parametrize(
    ("body", "head", "expected"),
    [
        (b"<html>page</html>", "Content-Type: text/html\r\n", "<html>page</html>"),
        (b"", "", ""),
        (b"gr\xfc\xdfe", "Content-Type: text/plain; charset=latin-1\r\n", "grüße"),
        (b"gr\xfc", "Content-Type: text/plain; charset=no-such\r\n", "gr\ufffd"),
        (b"[" * 100_000, "Content-Type: application/json\r\n", "[" * 100_000),
        (b'"\\ud800"', "Content-Type: application/json\r\n", '"\\ud800"'),
    ],
)
async def test_what_is_not_json_is_text(client: BackendClient, body: bytes, head: str, expected: str) -> None:
    async with server(client, answering(answer(body, head=head))):
        assert (await client.get("/", timeout=LIMIT)).body == expected


async def test_any_2xx_is_an_answer_to_get_and_to_post(client: BackendClient) -> None:
    async def accepted(request: web.Request) -> web.Response:
        return web.json_response({"method": request.method, "force": request.query.get("force")}, status=202)

    async with application(client, web.route("*", "/shutdown", accepted)):
        posted = await client.post("/shutdown?force=true", timeout=LIMIT)
        assert posted == Response(202, {"method": "POST", "force": "true"})
        assert await client.get("/shutdown", timeout=LIMIT) == Response(202, {"method": "GET", "force": None})


async def test_every_request_has_a_connection_of_its_own(client: BackendClient) -> None:
    peers: list[object] = []

    async def seen(request: web.Request) -> web.Response:
        peers.append(request.transport.get_extra_info("peername"))
        return web.json_response({})

    async with application(client, web.get("/", seen)):
        for _ in range(5):
            await client.get("/", timeout=LIMIT)
    assert len(set(peers)) == 5


async def test_no_listener(client: BackendClient) -> None:
    client.port = choose_port()
    error = await failure(client)
    assert error.message == f"connect ECONNREFUSED 127.0.0.1:{client.port}"
    assert error.data == {"status": None}


async def test_without_a_port_there_is_no_listener_either(client: BackendClient) -> None:
    assert (await failure(client)).message == "connect ECONNREFUSED 127.0.0.1:0"
    assert refused(5005).message == "connect ECONNREFUSED 127.0.0.1:5005"


@pytest.mark.parametrize(
    ("timeout", "text"), [(0.05, "timeout of 50ms exceeded"), (0.1234, "timeout of 123ms exceeded")]
)
async def test_a_server_that_accepts_and_stays_silent(client: BackendClient, timeout: float, text: str) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(client, silent):
        assert (await failure(client, timeout=timeout)).message == text


async def test_a_body_that_never_ends_counts_against_the_time_limit(client: BackendClient) -> None:
    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await reader.read()

    async with server(client, stream):
        assert (await failure(client, timeout=0.1)).message == "timeout of 100ms exceeded"


async def test_a_backlog_without_accepts(client: BackendClient) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        client.port = listening.getsockname()[1]
        assert (await failure(client, timeout=0.1)).message == "timeout of 100ms exceeded"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_an_error_status_keeps_the_wording_and_gives_the_number(client: BackendClient, status: int) -> None:
    async with server(client, answering(answer(b'{"status": "unhealthy"}', status=f"{status} Some Reason"))):
        error = await failure(client)
    assert error.message == f"Request failed with status code {status}"
    assert error.data == {"status": status}


async def test_a_connection_that_is_closed_without_a_word(client: BackendClient) -> None:
    tries = 0

    async def close(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal tries
        await reader.readuntil(b"\r\n\r\n")
        tries += 1

    async with server(client, close):
        assert (await failure(client)).message == "socket hang up"
        assert (await failure(client, method="post")).message == "socket hang up"
    assert tries == 2


async def test_a_connection_that_is_reset(client: BackendClient) -> None:
    async def abort(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reset(writer)

    async with server(client, abort):
        assert (await failure(client)).message == "socket hang up"


async def test_a_connection_that_is_reset_at_once(client: BackendClient) -> None:
    """Often before connect() has returned; even then the server caused it, not the network."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client.port = listener.getsockname()[1]

        def refuse() -> None:
            for _ in range(20):
                one = listener.accept()[0]
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.close()

        refusing = asyncio.create_task(asyncio.to_thread(refuse))
        assert {(await failure(client)).message for _ in range(20)} == {"socket hang up"}
        await refusing


async def test_an_answer_that_breaks_off(client: BackendClient) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"x" * 100)[:-50])
        await writer.drain()

    async with server(client, cut):
        assert (await failure(client)).message == "socket hang up"


async def test_a_server_that_dies_in_mid_request_hung_up_and_did_not_refuse(client: BackendClient) -> None:
    listening: list[asyncio.Server] = []

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        listening[0].close()
        writer.close()

    listening.append(await asyncio.start_server(die, "127.0.0.1", 0))
    client.port = listening[0].sockets[0].getsockname()[1]
    assert (await failure(client)).message == "socket hang up"


HEAD = "HTTP/1.1 200 OK\r\n"
AS_BROWSERS_READ_IT = {
    "cp1252, declared": (f"{HEAD}Content-Type: text/html; charset=windows-1252\r\nContent-Length: 4\r\n\r\n", b"caf\xe9", "café"),
    "cp1252, not declared": (f"{HEAD}Content-Length: 4\r\n\r\n", b"caf\xe9", "caf\ufffd"),
    "JSON in cp1252": (f"{HEAD}Content-Type: application/json\r\nContent-Length: 12\r\n\r\n", b'{"a":"caf\xe9"}', {"a": "caf\ufffd"}),
    "JSON in latin-1, declared": (f"{HEAD}Content-Type: application/json; charset=latin1\r\n\r\n", b'{"a":"caf\xe9"}', {"a": "café"}),
    "JSON in UTF-16, declared": (f"{HEAD}Content-Type: a/b; charset=utf-16\r\n\r\n", '{"a":1}'.encode("utf-16"), {"a": 1}),
    "an unknown charset": (f"{HEAD}Content-Type: text/plain; charset=klingon\r\n\r\n", b"ok", "ok"),
    "a charset that is not text": (f"{HEAD}Content-Type: text/plain; charset=hex\r\n\r\n", b"ok", "ok"),
    "a charset that decodes nothing": (f"{HEAD}Content-Type: text/plain; charset=undefined\r\n\r\n", b"ok", "ok"),
    "no Content-Type": (f"{HEAD}Content-Length: 2\r\n\r\n", b"ok", "ok"),
    "no Content-Type of sense": (f"{HEAD}Content-Type: ;;=charset\r\n\r\n", b"ok", "ok"),
    "204 with a body": ("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", b"ok", ""),
    "204 in chunks": ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n0\r\n\r\n", ""),
    "205 with a body": ("HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\n", b"ok", ""),
    "more than announced": (f"{HEAD}Content-Length: 2\r\n\r\n", b"okMORE", "ok"),
    "more than announced, then closed": (f"{HEAD}Connection: close\r\nContent-Length: 2\r\n\r\n", b"okMORE", "ok"),
    "a space before a colon": (f"{HEAD}X-A : b\r\nContent-Length : 2\r\n\r\n", b"ok", "ok"),
    "a space in a name": (f"{HEAD}X A: b\r\nContent-Length: 2\r\n\r\n", b"ok", "ok"),
    "a line without a colon": (f"{HEAD}nonsense\r\nContent-Length: 2\r\n\r\n", b"ok", "ok"),
    "a folded field": (f"{HEAD}Content-Length:\r\n 2\r\n\r\n", b"ok", "ok"),
    "a field of 20 kB": (f"{HEAD}X-A: {'a' * 20_000}\r\nContent-Length: 2\r\n\r\n", b"ok", "ok"),
    "300 fields": (HEAD + "X-A: b\r\n" * 300 + "Content-Length: 2\r\n\r\n", b"ok", "ok"),
    "the same length twice": (f"{HEAD}Content-Length: 2\r\nContent-Length: 2\r\n\r\n", b"ok", "ok"),
    "no length of sense": (f"{HEAD}Content-Length: -1\r\n\r\n", b"ok", "ok"),
    "a length of 5000 digits": (f"{HEAD}Content-Length: {'9' * 5000}\r\n\r\n", b"ok", "ok"),
    "a length and chunks": (f"{HEAD}Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n0\r\n\r\n", "ok"),
    "newlines alone": ("HTTP/1.1 200 OK\nContent-Length: 2\n\n", b"ok", "ok"),
    "an unknown encoding": (f"{HEAD}Content-Encoding: none\r\n\r\n", b"ok", "ok"),
    "a bad cookie": (f"{HEAD}Set-Cookie: =;=; a b c\r\n\r\n", b"ok", "ok"),
    "early hints": (f"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{HEAD}Content-Length: 2\r\n\r\n", b"ok", "ok"),
    "no reason": ("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n", b"ok", "ok"),
    "HTTP/1.0": ("HTTP/1.0 200 OK\r\n\r\n", b"ok", "ok"),
    "in lower case": ("http/1.1 200 ok\r\ncontent-length: 2\r\n\r\n", b"ok", "ok"),
    "a chunk's size with many zeros": (f"{HEAD}Transfer-Encoding: chunked\r\n\r\n", b"0000000000000002\r\nok\r\n0\r\n\r\n", "ok"),
    "a status line and then the end": ("HTTP/1.1 200 OK\r\n", b"", ""),
    "a head without an empty line": (f"{HEAD}X-A: b\r\n", b"", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", AS_BROWSERS_READ_IT)
async def test_an_answer_is_read_as_browsers_read_it(client: BackendClient, case: str) -> None:
    head, body, expected = AS_BROWSERS_READ_IT[case]
    data = head.encode("latin-1") + body
    sizes = {"whole": len(data), "head first": len(head), "byte by byte": 1 if len(data) < 1000 else 1000}
    size = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)

    for pieces, size in sizes.items():  # noqa: B007 - the handler reads it
        async with server(client, handler):
            assert (await client.get("/", timeout=LIMIT)).body == expected, pieces


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 9\r\n\r\nok",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nok",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    ],
)
async def test_an_answer_that_is_cut_short_is_none_for_browsers_either(client: BackendClient, body: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD.encode() + body)

    async with server(client, handler):
        assert (await failure(client)).message == "socket hang up"


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00" * 64, b"HTTP/1.1 abc OK\r\n\r\n", b"X" * 100_000 + b"\r\n"]
)
async def test_a_server_that_does_not_speak_http(client: BackendClient, data: bytes) -> None:
    async with server(client, answering(data)):
        error = await failure(client, timeout=2.0)
    assert error.message.startswith("Parse Error: ")
    assert "\n" not in error.message
    assert len(error.message) < 250
    assert error.data == {"status": None}


async def test_a_body_above_the_limit_is_refused_by_its_announcement(client: BackendClient) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {BODY_LIMIT + 1}\r\n\r\n".encode()
    async with server(client, answering(head)):
        error = await failure(client)
    assert error.message == f"maxContentLength size of {BODY_LIMIT} exceeded"


async def test_a_body_above_the_limit_is_refused_while_it_floods(client: BackendClient) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 262_144)
            await writer.drain()

    async with server(client, flood):
        assert (await failure(client)).message == f"maxContentLength size of {BODY_LIMIT} exceeded"


async def test_a_body_of_just_the_limit_is_taken(client: BackendClient) -> None:
    async with server(client, answering(answer(b"x" * BODY_LIMIT))):
        assert len((await client.get("/", timeout=LIMIT)).body) == BODY_LIMIT


async def test_a_redirect_on_this_machine_is_followed(client: BackendClient) -> None:
    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://localhost:{client.port}/new")

    async def new(_: web.Request) -> web.Response:
        return web.json_response("here")

    async def circle(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/circle")

    async with application(client, web.get("/old", moved), web.get("/new", new), web.get("/circle", circle)):
        assert (await client.get("/old", timeout=LIMIT)).body == "here"
        assert (await failure(client, "/circle")).message == "Maximum number of redirects exceeded"


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/",
        "https://127.0.0.1:1/",
        "//example.com/",
        "ftp://127.0.0.1/",
        "http://127.0.0.1:1/",
        "http://localhost/",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "http://127.0.0.1.example.com/",
        "",
    ],
)
async def test_a_redirect_to_another_server_is_not_followed(client: BackendClient, location: str) -> None:
    async with server(client, answering(answer(b"", status="302 Found", head=f"Location: {location}\r\n"))):
        error = await failure(client)
    assert error.message == "Request failed with status code 302"
    assert error.data == {"status": 302}
    assert "not followed" in (error.hint or "")
    assert error.location == location


WITHOUT_TLS = """
import sys
sys.modules["ssl"] = None  # as deferred.py does
import asyncio
from sidecar.backend.client import BackendClient
from sidecar.errors import HttpFailedError
from sidecar.settings.texts import AUTO_PATH

async def main():
    client = BackendClient(int(sys.argv[1]))
    print((await client.get("/", timeout=10)).body)
    try:
        await client.get("/tls", timeout=10)
    except HttpFailedError as error:
        print(error.message, error.hint)
    await client.close()
    print([name for name in sys.modules if name.partition(".")[0] in ("ssl", "_ssl", "aiohttp") and sys.modules[name]])

asyncio.run(main())
"""


async def test_serve_without_tls_requests_and_refuses_as_with_it(client: BackendClient) -> None:
    async def plain(_: web.Request) -> web.Response:
        return web.json_response("here")

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPFound(f"https://127.0.0.1:{client.port}/")

    async with application(client, web.get("/", plain), web.get("/tls", moved)) as port:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WITHOUT_TLS, str(port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
        )
        out, err = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode == 0, err.decode()
    here, refusal, loaded = out.decode().splitlines()
    assert here == "here"
    assert refusal.startswith("Request failed with status code 302 It redirects to https://")
    assert loaded == "[]"


async def test_proxies_of_the_environment_are_not_asked(client: BackendClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with server(client, answering(answer(b"1"))):
        assert (await client.get("/", timeout=LIMIT)).body == 1


async def test_another_port_takes_effect_with_the_next_request(client: BackendClient) -> None:
    async with server(client, answering(answer(b'"first"'))):
        assert (await client.get("/", timeout=LIMIT)).body == "first"
        async with server(client, answering(answer(b'"second"'))):
            assert (await client.get("/", timeout=LIMIT)).body == "second"


@pytest.mark.parametrize("path", ["@example.com/", "example", ":80/", ""])
async def test_a_path_cannot_lead_to_another_machine(client: BackendClient, path: str) -> None:
    async with server(client, answering(answer(b"1"))):
        if path:
            assert (await failure(client, path)).message == f"Invalid URL: {path}"
        else:
            assert (await client.get(path, timeout=LIMIT)).body == 1


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/health/live?x=1&y=a/b", "/health/live?x=1&y=a/b"),
        ("/{id} ä", "/%7Bid%7D%20%C3%A4"),
        ("/50%?a=%2F", "/50%25?a=%2F"),
        ("/a#b", "/a"),
        ("?a", "/?a"),
        ("//@x\r\nHost: y", "//@x%0D%0AHost:%20y"),
    ],
)
async def test_a_path_is_sent_in_percent_encoding(client: BackendClient, path: str, sent: str) -> None:
    lines: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"1"))

    async with server(client, handler):
        assert (await client.get(path, timeout=LIMIT)).body == 1
    assert lines == [f"GET {sent} HTTP/1.1\r\n".encode()]


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, lambda data: zlib.compress(data, wbits=-15)])
async def test_a_packed_body_is_unpacked_though_none_was_asked_for(
    client: BackendClient, pack: Callable[[bytes], bytes]
) -> None:
    head = f"Content-Encoding: {'gzip' if pack is gzip.compress else 'deflate'}\r\n"
    async with server(client, answering(answer(pack(b'{"a": 1}'), head=head))):
        assert (await client.get("/", timeout=LIMIT)).body == {"a": 1}
    async with server(client, answering(answer(pack(bytes(BODY_LIMIT + 1)), head=head))):
        assert (await failure(client)).message == f"maxContentLength size of {BODY_LIMIT} exceeded"


async def test_a_hundred_requests_at_once_are_all_answered(client: BackendClient) -> None:
    async with server(client, answering(answer(b"1"))):
        responses = await asyncio.gather(*(client.get("/", timeout=LIMIT) for _ in range(100)))
    assert {response.body for response in responses} == {1}


async def test_a_cancelled_request_is_cancelled_and_leaves_the_client_usable(client: BackendClient) -> None:
    arrived = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        arrived.set()
        if request.path == "/slow":
            await asyncio.sleep(60)
        return web.json_response(1)

    async with application(client, web.get("/slow", slow), web.get("/", slow)):
        task = asyncio.create_task(client.get("/slow", timeout=60))
        await asyncio.wait_for(arrived.wait(), LIMIT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.get("/", timeout=LIMIT)).body == 1


async def test_closing_twice_is_harmless_and_a_closed_client_opens_again(client: BackendClient) -> None:
    async with server(client, answering(answer(b"1"))):
        await client.get("/", timeout=LIMIT)
        await client.close()
        await client.close()
        assert (await client.get("/", timeout=LIMIT)).body == 1


async def test_a_probe_turns_every_outcome_into_a_result(client: BackendClient) -> None:
    async with server(client, answering(answer(b'{"status": "healthy"}'))):
        good = await probe(client, "/", LIMIT)
    assert good == ProbeResult(True, 200, {"status": "healthy"}, "")
    async with server(client, answering(answer(b"{}", status="503 Service Unavailable"))):
        bad = await probe(client, "/", LIMIT)
    assert bad == ProbeResult(False, 503, None, "Request failed with status code 503", "status")
    await client.close()
    none = await probe(client, "/", LIMIT)
    assert none == ProbeResult(False, None, None, f"connect ECONNREFUSED 127.0.0.1:{client.port}", "refused")


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Type: text/plain\r\nX-Kind: stream\r\n\r\ndata: 1\n\n",
        b"Content-Length: 9\r\n\r\nok",
        b"Transfer-Encoding: chunked\r\n\r\nnot a size\r\n",
        b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["a body without end", "cut short", "no chunks", "no gzip"],
)
async def test_for_a_probe_the_status_decides_alone(client: BackendClient, rest: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD.encode() + rest)
        if b"stream" in rest:
            await asyncio.sleep(LIMIT)

    async with server(client, handler):
        found = await probe(client, "/", 0.5)
        assert (found.ok, found.status, found.body) == (True, 200, None)
        assert not (await probe(client, "/", 0.5, needs_body=True)).ok


async def test_a_stream_of_events_is_an_answer_as_soon_as_it_begins(client: BackendClient) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD.encode() + b"Content-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await asyncio.sleep(LIMIT)

    async with server(client, handler):
        found = await probe(client, "/", LIMIT)
        assert (found.ok, found.status, found.body) == (True, 200, None)


async def test_a_switch_to_another_protocol_is_an_answer(client: BackendClient) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        await asyncio.sleep(LIMIT)

    async with server(client, handler):
        assert (await probe(client, "/", LIMIT)).status == 101


async def test_a_time_limit_is_kept(client: BackendClient) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(client, silent):
        begun = time.monotonic()
        await failure(client, timeout=0.2)
        assert 0.15 < time.monotonic() - begun < 0.2 + SLACK


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ({"/health": 200}, 200),
        ({"/healthz": 204}, 204),
        ({"/health": 404, "/healthz": 401}, 200),
        ({}, 200),
        ({"/health": 503, "/healthz": 200}, HttpFailedError),
        ({"/healthz": 500}, HttpFailedError),
    ],
)
async def test_a_health_path_may_be_the_one_that_the_backend_has(
    client: BackendClient, statuses: dict[str, int], outcome: Any
) -> None:
    def answer(status: int) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(status=status)

        return handler

    async with application(client, *(web.get(path, answer(status)) for path, status in statuses.items())):
        if outcome is HttpFailedError:
            with pytest.raises(HttpFailedError):
                await client.get(AUTO_PATH, timeout=LIMIT)
        else:
            assert (await client.get(AUTO_PATH, timeout=LIMIT)).status == outcome
