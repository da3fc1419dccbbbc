"""HTTP requests to the backend: loopback only, one connection per request, errors in the words that existing renderers match on.

A connection that is kept open blocks every other client of a single-threaded server, and delays a server that waits for open
connections when it stops. connection.py describes what a new connection leaves behind.
"""

import asyncio
import errno
import re
from codecs import lookup
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Any

import msgspec
from msgspec import Struct

from ..errors import HttpFailedError
from ..plain import one_line
from ..process.platform.ports import LOOPBACK, REFUSAL_IS_SLOW, is_listening
from ..settings.texts import AUTO_PATH, HEALTH_PATHS
from .connection import Connection, Head, connect, hang_up

BODY_LIMIT = 8 * 1024 * 1024  # bytes, after decompression
# JSON values: parsing and forwarding the 3 million empty lists that fit into 8 MiB takes seconds, here and in the app.
VALUES_LIMIT = 200_000
# Characters of a redirect's address that is followed; to parse 200 KB five times takes the loop 0.2 s.
_MAX_TARGET = 8192
_MAX_LOCATION = 200  # of those that are shown
_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~/?&=:@!$'()*+,;-"
_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_MAX_REST = 64 * 1024  # bytes of an unwanted body that are still read
_DRAIN_TIMEOUT = 0.25  # seconds for that; a server that is cut off while it writes logs an error
_STATUS = "Request failed with status code {}"
_NO_CHARSETS = {"punycode", "idna"}  # Python encodings, not charsets; decoding takes quadratic time
_MAX_REPLACED = 64 * 1024  # bytes; other codecs than UTF-8 take up to 2 us for each byte that they cannot decode
_FIELDS = "Accept: application/json, text/plain, */*\r\nAccept-Encoding: identity\r\nUser-Agent: sidecar\r\n"


class Response(Struct, frozen=True):
    """A 2xx response; ``body`` is the decoded JSON, or the text if it is not JSON."""

    status: int
    body: Any


def refused(port: int | None) -> HttpFailedError:
    """The error of a request while the backend is not running. ``port``: the last one; None if there was none."""
    return HttpFailedError(f"connect ECONNREFUSED {LOOPBACK}:{port or 0}", kind="refused")


class BackendClient:
    """Sends requests to ``port`` on 127.0.0.1. A new value applies to the next request; with None a request fails as refused."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port
        self._closing: set[asyncio.Task[None]] = set()

    async def get(self, path: str, *, timeout: float, head_suffices: bool = False) -> Response:  # noqa: ASYNC109 -- its expiry has its own message
        """Requests a path. ``timeout``: seconds for the whole request, including the body and redirects.

        AUTO_PATH means the first of HEALTH_PATHS that the backend has; if all of them return 4xx, that is a success.
        ``head_suffices``: a 2xx response with an unreadable or endless body is a success, with body None.
        HttpFailedError: no response, an invalid one, a body above 8 MiB, or a status other than 2xx.
        """
        for candidate in HEALTH_PATHS if path == AUTO_PATH else (path,):
            heads: list[int] = []
            try:
                return await self._request("GET", candidate, timeout, heads if head_suffices else None)
            except HttpFailedError as error:
                if heads:
                    return Response(heads[0], None)
                if path != AUTO_PATH or error.status is None or not 400 <= error.status < 500:
                    raise
        return Response(200, None)

    async def post(self, path: str, *, timeout: float) -> Response:  # noqa: ASYNC109 -- as in get
        """Sends a POST without a body; like ``get``, but never repeated and never redirected."""
        return await self._request("POST", path, timeout)

    async def options(self, path: str, *, timeout: float) -> int:  # noqa: ASYNC109 -- as in get
        """The status of an OPTIONS request, which changes nothing (RFC 9110, 9.2.1); HttpFailedError: no valid response."""
        try:
            return (await self._request("OPTIONS", path, timeout)).status
        except HttpFailedError as error:
            if error.status is None:
                raise
            return error.status

    async def close(self) -> None:
        """Closes open connections. The next request opens a new one."""
        closing = list(self._closing)
        for task in closing:
            task.cancel()
        await asyncio.gather(*closing, return_exceptions=True)

    async def _request(self, method: str, path: str, seconds: float, heads: list[int] | None = None) -> Response:
        """``heads`` gets the status of a 2xx response before its body is read; given ``heads``, an event stream's body is not read."""
        port = self.port
        if port is None or (REFUSAL_IS_SLOW and not is_listening(port)):
            raise refused(port)
        try:
            async with asyncio.timeout(seconds):
                target = _request_target(path)
                for _ in range(_MAX_REDIRECTS + 1):
                    answer = await self._once(method, port, target, heads)
                    if isinstance(answer, Response):
                        return answer
                    target = answer
        except TimeoutError:
            raise HttpFailedError(f"timeout of {round(seconds * 1000)}ms exceeded", kind="timeout") from None
        why = "Maximum number of redirects exceeded"
        raise HttpFailedError(why, kind="redirected", hint="The backend redirects in a loop.")

    async def _once(self, method: str, port: int, target: str, heads: list[int] | None) -> Response | str:
        """Sends one request; returns the response, or the target of a redirect."""
        try:
            connection = await connect(port, self._closing)
        except OSError as error:
            raise _not_connected(error, port) from error
        length = "Content-Length: 0\r\n" if method == "POST" else ""
        request = f"{method} {target} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\n{_FIELDS}{length}\r\n"
        try:
            head = await connection.ask(request.encode("ascii"))
            if not 200 <= head.status < 300:
                await _skip_rest(connection)
                if method == "GET" and head.status in _REDIRECTS:
                    return _redirected(head, port, target)
                where = target.partition("?")[0]
                hint = f"{where} returned this status; check the backend's last output."
                if head.status == 404:
                    hint = f"The backend has no {where}; correct that path in the settings."
                raise HttpFailedError(_STATUS.format(head.status), kind="status", status=head.status, hint=hint)
            if heads is not None:
                heads.append(head.status)
                if head.endless:
                    return Response(head.status, None)
            body = await connection.read(BODY_LIMIT) if (head.length or 0) <= BODY_LIMIT else None
            if body is None or len(body) > BODY_LIMIT:
                raise HttpFailedError(f"maxContentLength size of {BODY_LIMIT} exceeded", kind="too_large")
            if sum(map(body.count, b",[{")) > VALUES_LIMIT and body.lstrip()[:1] in {b"[", b"{"}:
                raise HttpFailedError(f"more than {VALUES_LIMIT} values in the answer", kind="too_large")
            return Response(head.status, _decoded(body, head.charset))
        except OSError as error:
            raise hang_up() from error
        finally:
            connection.close()
            await asyncio.sleep(0)  # asyncio closes a socket in the next iteration of the loop


def _request_target(path: str) -> str:
    """The path and query to send: without the fragment, percent-encoded where necessary."""
    if path.startswith("/") and not path.strip(_PLAIN):  # without the re module, which takes 2 ms of a start
        return path
    from urllib.parse import quote  # few paths need it

    if path and not path.startswith(("/", "?")):
        raise HttpFailedError(
            f"Invalid URL: {path}", kind="invalid_url", hint="Check the paths in the backend settings."
        )
    encoded = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path.partition("#")[0])
    sent = quote(encoded, safe="/?&=%:@!$'()*+,;~", errors="replace")
    return sent if sent.startswith("/") else f"/{sent}"


def _not_connected(error: OSError, port: int) -> HttpFailedError:
    if isinstance(error, ConnectionRefusedError):
        return refused(port)
    if isinstance(error, ConnectionError):  # it accepted, and closed at once
        return hang_up()
    name = errno.errorcode.get(error.errno or 0, "EUNKNOWN")
    return HttpFailedError(
        f"connect {name} {LOOPBACK}:{port}",
        kind="not_sent" if error.errno in {errno.EMFILE, errno.ENFILE} else "unreachable",
        hint=error.strerror or "The system refused the connection.",
    )


def _redirected(head: Head, port: int, target: str) -> str:
    """The target of a redirect to the same server in plain HTTP. HttpFailedError: it leads elsewhere."""
    from urllib.parse import urljoin, urlsplit  # few backends need it

    location = head.location
    try:
        found = urlsplit(urljoin(f"http://{LOOPBACK}:{port}{target}", location[:_MAX_TARGET]))
        same = (found.scheme, found.port) == ("http", port) and found.hostname in {LOOPBACK, "localhost"}
        if location and same and len(location) <= _MAX_TARGET:
            return _request_target(found.path + (f"?{found.query}" if found.query else ""))
    except ValueError:  # not a URL
        pass
    # People see this location. A login URL has tokens in its query, and this URL may contain anything.
    plain = re.sub(r"//[^/]*@", "//", re.split(r"[?#]", location, maxsplit=1)[0])
    location = one_line(plain[:_MAX_LOCATION])
    hint = f"It redirects to {location or 'nowhere'}, which is not followed."
    why = _STATUS.format(head.status)
    raise HttpFailedError(why, kind="redirected", status=head.status, hint=hint, location=location)


async def _skip_rest(connection: Connection) -> None:
    """Lets the server finish its response, within limits."""
    left = _MAX_REST
    try:
        async with asyncio.timeout(_DRAIN_TIMEOUT):
            while left > 0 and (piece := await connection.read_piece()):
                left -= len(piece)
    except (OSError, HttpFailedError):
        pass


def _decoded(body: bytes, charset: str | None) -> Any:
    """The body as JSON, also if it is not in UTF-8; otherwise as text, with U+FFFD for what cannot be decoded."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in body[:2] or body.startswith((b"\xff\xfe", b"\xfe\xff")):
        from json import detect_encoding

        charset = detect_encoding(body)  # UTF-16 or UTF-32, whatever the header says
    decoded = _from_json(body)
    if decoded is not msgspec.UNSET:
        return decoded
    try:
        text = body.decode(_codec(charset), "replace" if len(body) <= _MAX_REPLACED else "strict")
    except (LookupError, ValueError):  # unknown to Python, or not a charset
        text = body.decode("utf-8", "replace")
    decoded = _from_json(text.encode("utf-8", "replace"))
    return text if decoded is msgspec.UNSET else decoded


def _codec(charset: str | None) -> str:
    """Python's name of a charset. LookupError: it has none, or it is unsuitable."""
    if charset is None:
        return "utf-8"
    from importlib.util import find_spec

    name = normalize_encoding(charset.lower())
    # Python never forgets an unknown name that it was asked for, nor a new spelling of a known one.
    if name not in aliases and ("." in name or find_spec(f"encodings.{name}") is None):
        raise LookupError(charset)
    codec = lookup(name).name
    if codec in _NO_CHARSETS:
        raise LookupError(charset)
    return codec


def _from_json(data: bytes) -> Any:
    """The decoded JSON; UNSET if it is not JSON: an endpoint may return a web page with status 200."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.UNSET
