"""The web server: the page's files, the exchange of token for key, and the WebSocket. Loopback only."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from aiohttp import WSCloseCode, WSMsgType, web

from ..errors import InternalError, SidecarError
from .access import Access
from .limits import Limits
from .link import Link
from .tab import COALESCE, MAX_REQUEST, Tab

PROTOCOL = "sidecar.dashboard.1"
_KEY_PREFIX = "key."  # the only header of a WebSocket that a page can set is its protocols, and addresses get logged
_HEARTBEAT = 20.0  # seconds; a browser that vanishes is noticed within one and a half of them
INDEX = "index.html"
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageFile(NamedTuple):
    """One file, UTF-8 text, and its media type."""

    content: bytes
    media_type: str


def make_app(
    access: Access, link: Link, files: Mapping[str, PageFile], on_exchange: Callable[[], None], limits: Limits
) -> web.Application:
    """Builds the application; ``on_exchange`` is called when the token was used and replaced."""
    headers = security_headers(access.origin)
    sockets: set[web.WebSocketResponse] = set()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        needed = request.method not in {"GET", "HEAD"} or request.path == "/socket"
        read = request.headers
        repeated = max(len(read.getall("Host", [])), len(read.getall("Origin", []))) > 1
        refusal = access.refusal(read.get("Host"), read.get("Origin"), origin_needed=needed)
        reason = "A header is repeated." if repeated else refusal
        if reason is not None:
            return web.Response(status=403, text=f"Refused. {reason}\n")
        return await handler(request)

    async def decorate(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers)

    async def page(request: web.Request) -> web.StreamResponse:
        file = files.get(request.match_info.get("path", INDEX))
        if file is None:
            return web.Response(status=404, text="File not found.\n")
        return web.Response(body=file.content, content_type=file.media_type, charset="utf-8")

    async def exchange(request: web.Request) -> web.StreamResponse:
        token = _bearer(request)
        key = access.exchange(token)
        if key is None:
            return web.json_response({"used": access.was_used(token)}, status=401)
        on_exchange()
        return web.json_response({"key": key})

    async def check(request: web.Request) -> web.StreamResponse:
        return web.Response(status=204 if access.knows(_bearer(request)) else 401)

    async def socket(request: web.Request) -> web.StreamResponse:
        offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        keys = [word.strip().removeprefix(_KEY_PREFIX) for word in offered if word.strip().startswith(_KEY_PREFIX)]
        if len(keys) != 1 or not access.knows(keys[0]):
            return web.Response(status=401, text="Unknown key.\n")
        response = web.WebSocketResponse(
            protocols=(PROTOCOL,), heartbeat=_HEARTBEAT, max_msg_size=MAX_REQUEST, compress=False
        )
        await response.prepare(request)
        sockets.add(response)
        try:
            await converse(request, response, link)
        finally:
            sockets.discard(response)
        return response

    async def close_sockets(_: web.Application) -> None:
        await asyncio.sleep(2 * COALESCE)  # the sidecar's last messages go out first
        closing = [one.close(code=WSCloseCode.GOING_AWAY, message=b"The dashboard has ended") for one in list(sockets)]
        await asyncio.gather(*closing, return_exceptions=True)

    app = web.Application(middlewares=[limits.middleware, guard])
    app.on_response_prepare.append(decorate)
    app.on_shutdown.append(close_sockets)
    app.add_routes([web.post("/session", exchange), web.get("/session", check), web.get("/socket", socket)])
    app.router.add_get("/bundle", lambda request: _bundle(request, access, link))
    app.add_routes([web.get("/", page), web.get("/{path:.+}", page)])
    return app


async def _bundle(request: web.Request, access: Access, link: Link) -> web.Response:
    if not access.knows(_bearer(request)):
        return web.Response(status=401, text="The key is not known here.\n")
    try:
        return web.Response(body=await link.bundle(), content_type="application/zip")
    except SidecarError as error:
        return web.Response(status=503, text=f"No bundle: {error}\n")


async def converse(request: web.Request, socket: web.WebSocketResponse, link: Link) -> None:
    def drop() -> None:
        if request.transport is not None:
            request.transport.abort()

    tab = Tab(link.call, drop)
    link.join(tab)
    writer = asyncio.get_running_loop().create_task(_write(socket, tab))
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                tab.take(message.data)
            else:
                await socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
    finally:
        link.leave(tab)
        tab.close()
        writer.cancel()


async def _write(socket: web.WebSocketResponse, tab: Tab) -> None:
    try:
        while True:
            await socket.send_str(await tab.next_frame())
            await asyncio.sleep(COALESCE)
    except (ConnectionError, RuntimeError):
        pass  # the socket is closing; the reader notices


def _bearer(request: web.Request) -> str:
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    return value if kind == "Bearer" else ""


def security_headers(origin: str) -> dict[str, str]:
    """Returns the headers of every answer: the page loads only its own files, talks only to us, and is not shown in a frame."""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' {origin.replace('http:', 'ws:')}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def page_files() -> dict[str, PageFile]:
    """Returns every file by its path below ``page``, with ``/`` as separator: nothing else can be requested."""
    folder = Path(__file__).with_name("page")
    files = {path: _TYPES.get(path.suffix[1:]) for path in folder.rglob("*")}
    found = {
        path.relative_to(folder).as_posix(): PageFile(path.read_bytes(), kind) for path, kind in files.items() if kind
    }
    if INDEX not in found:
        raise InternalError(f"The dashboard's {INDEX} is missing from this installation", hint="Reinstall the sidecar.")
    return found
