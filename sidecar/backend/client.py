"""Requests to the backend: loopback only, a connection for each, failures in the words that today's renderers match on.

A connection that is kept locks out every other client of a server with one thread, and makes one wait that waits for open
connections when it stops; a new one costs some 0.4 ms more. What it leaves behind: connection.py.
"""

from __future__ import annotations

import asyncio
import errno
import functools
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ..errors import HttpFailedError
from ..process.platform.ports import REFUSAL_IS_SLOW, is_listening
from ..settings.texts import AUTO_PATH, HEALTH_PATHS
from ..threads import in_thread
from .first_answer import first_answer

if TYPE_CHECKING:
    import aiohttp
    import yarl

_LOOPBACK = "127.0.0.1"
BODY_LIMIT = 8 * 1024 * 1024  # bytes, after decompression
_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_WINDOWS_REFUSED = {10061, 1225}  # WSAECONNREFUSED; ERROR_CONNECTION_REFUSED, which ConnectEx gives
_MAX_REST = 64 * 1024  # bytes of an unwanted body that are still read, and the seconds for it:
_DRAIN_TIMEOUT = 0.25  # a server that is cut off while it writes logs an error
_MAX_DETAIL = 200  # characters of a foreign message that go into ours


class Response(Struct, frozen=True):
    """A 2xx answer: ``body`` is the decoded JSON where it is JSON, else the text."""

    status: int
    body: Any


def refused(port: int | None) -> HttpFailedError:
    """How a request fails while the backend is not running; ``port``: the last one, None where there was none."""
    return HttpFailedError(
        f"connect ECONNREFUSED {_LOOPBACK}:{port or 0}",
        kind="refused",
        hint="The backend is not running, or listens on another port.",
    )


class BackendClient:
    """Speaks to ``port`` of 127.0.0.1; a new value takes effect with the next request, None fails as refused.

    ``loaded``: whether aiohttp is imported.
    """

    def __init__(self, port: int | None = None) -> None:
        self.port = port
        self._session: aiohttp.ClientSession | None = None
        self.loaded = False
        self._closing: set[asyncio.Transport] = set()

    async def load(self) -> None:
        """Imports aiohttp in a worker thread (some 150 ms), so that the loop answers meanwhile. Harmless when repeated."""
        await in_thread("import aiohttp", _import_aiohttp)
        self.loaded = True
        self._open()

    async def get(self, path: str, *, timeout: float, head_suffices: bool = False) -> Response:  # noqa: ASYNC109 -- its expiry has its own message
        """Asks for a path, within ``timeout`` seconds for all of it, body and redirects included.

        Args:
            path: begins with ``/``, may have a query. AUTO_PATH: the first of HEALTH_PATHS that the backend has; of one that has
                none every answer below 500 is good.
            timeout: seconds.
            head_suffices: a 2xx whose body cannot be read or has no end (an event stream) is an answer, without a body.

        Raises:
            HttpFailedError: no answer, no valid answer, a body above 8 MiB, or a status other than 2xx.
        """
        for candidate in HEALTH_PATHS if path == AUTO_PATH else (path,):
            heads: list[int] = []
            try:
                return await self._request("GET", candidate, timeout, heads)
            except HttpFailedError as error:
                if head_suffices and heads:
                    return Response(heads[0], None)
                if path != AUTO_PATH or error.status is None or not 400 <= error.status < 500:
                    raise
        return Response(200, None)

    async def first_status(self, path: str, timeout: float) -> int | None:  # noqa: ASYNC109 -- as in get
        """The status of a plain 2xx, as long as aiohttp is not imported; None: ask properly."""
        if self.loaded or self.port is None or path == AUTO_PATH:
            return None
        return await first_answer(self.port, path, timeout, self._closing)

    async def post(self, path: str, *, timeout: float) -> Response:  # noqa: ASYNC109 -- as in get
        """Posts nothing to a path; as ``get``, but never sent twice and never redirected."""
        return await self._request("POST", path, timeout)

    async def options(self, path: str, *, timeout: float) -> int:  # noqa: ASYNC109 -- as in get
        """The status of an OPTIONS request, which changes nothing (RFC 9110, 9.2.1); HttpFailedError without a valid answer."""
        try:
            return (await self._request("OPTIONS", path, timeout)).status
        except HttpFailedError as error:
            if error.status is None:
                raise
            return error.status

    async def close(self) -> None:
        """Closes what is open. The next request would open it again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        for transport in list(self._closing):
            transport.abort()

    async def _request(self, method: str, path: str, seconds: float, heads: list[int] | None = None) -> Response:
        """``heads`` gets the status of a 2xx before its body is read."""
        port = self.port
        if port is None:
            raise refused(None)
        if not self.loaded:
            await self.load()  # an import statement here would hold up the loop until the worker thread is done
        if REFUSAL_IS_SLOW and not is_listening(port):
            raise refused(port)
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(method, path, port, heads)
        except TimeoutError:
            raise HttpFailedError(
                f"timeout of {round(seconds * 1000)}ms exceeded",
                kind="timeout",
                hint="The backend accepts connections but does not answer in time.",
            ) from None

    async def _exchange(self, method: str, path: str, port: int, heads: list[int] | None) -> Response:
        import aiohttp

        try:
            url = _address(port, path)
        except ValueError as error:
            raise HttpFailedError(
                f"Invalid URL: {path}", kind="invalid_url", hint="Check the paths in [backend]."
            ) from error
        try:
            for _ in range(_MAX_REDIRECTS + 1):
                answer = await self._once(method, url, heads)
                if isinstance(answer, Response):
                    return answer
                url = answer
        except aiohttp.ClientConnectorError as error:
            raise _not_connected(error.os_error, port) from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError) as error:
            raise _hang_up() from error
        except (aiohttp.ClientError, ValueError) as error:
            detail = " ".join((getattr(error, "message", "") or str(error)).split())[:_MAX_DETAIL]
            raise HttpFailedError(
                f"Parse Error: {detail}", kind="malformed", hint="The program on that port does not speak HTTP."
            ) from error
        raise HttpFailedError(
            "Maximum number of redirects exceeded",
            kind="redirected",
            hint="The backend redirects in a loop.",
        )

    async def _once(self, method: str, url: yarl.URL, heads: list[int] | None) -> Response | yarl.URL:
        """One request: the answer, or where it is to be repeated."""
        try:
            async with self._open().request(method, url, allow_redirects=False) as response:
                if method == "GET" and response.status in _REDIRECTS:
                    await _skip_rest(response)
                    return _redirected(response)
                if not 200 <= response.status < 300:
                    await _skip_rest(response)
                    raise _bad_status(response.status, f"{url.path} returned this status.")
                if heads is not None:
                    heads.append(response.status)
                return Response(response.status, _decoded(await _read(response), response.charset))
        finally:
            await asyncio.sleep(0)  # asyncio closes a socket with the next turn of the loop

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            import aiohttp

            from .connection import MAX_HEAD, OneAnswer

            connector = aiohttp.TCPConnector(limit=0, use_dns_cache=False, force_close=True)
            # No public way leads to the end of a connection and to the head of an answer; tests/process/test_backend_traces.py
            # and test_backend_client.py fail where this one ends.
            factory: Any = functools.partial(OneAnswer, self._closing, asyncio.get_running_loop())
            connector._factory = factory  # noqa: SLF001
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json, text/plain, */*", "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=None),
                max_line_size=MAX_HEAD,
                max_field_size=MAX_HEAD,
                trust_env=False,
            )
            self._session._retry_connection = False  # noqa: SLF001 - no connection is so old that its end were no news
        return self._session


def _import_aiohttp() -> None:
    from . import connection  # noqa: F401 -- the import itself is the work


def _address(port: int, path: str) -> yarl.URL:
    from yarl import URL

    url = URL(f"http://{_LOOPBACK}:{port}{path}")
    if url.host != _LOOPBACK or url.port != port:
        raise ValueError(path)  # such as "@elsewhere/"
    return url


def _bad_status(status: int, hint: str) -> HttpFailedError:
    return HttpFailedError(_status_message(status), kind="status", status=status, hint=hint)


def _status_message(status: int) -> str:
    return f"Request failed with status code {status}"


def _hang_up() -> HttpFailedError:
    return HttpFailedError(
        "socket hang up", kind="hang_up", hint="The backend closed the connection before its answer was complete."
    )


def _not_connected(error: OSError, port: int) -> HttpFailedError:
    if isinstance(error, ConnectionRefusedError) or getattr(error, "winerror", None) in _WINDOWS_REFUSED:
        return refused(port)
    name = errno.errorcode.get(error.errno or 0, "EUNKNOWN")
    return HttpFailedError(
        f"connect {name} {_LOOPBACK}:{port}",
        kind="not_sent" if error.errno in {errno.EMFILE, errno.ENFILE} else "unreachable",
        hint=error.strerror or "The system refused the connection.",
    )


def _redirected(response: aiohttp.ClientResponse) -> yarl.URL:
    """Where a redirect leads, as long as that is the same server, in plain HTTP."""
    from yarl import URL

    location = response.headers.get("Location", "")
    try:
        target = response.url.join(URL(location)) if location else None
        place = (target.scheme, target.port) if target is not None else None
        if target is not None and place == ("http", response.url.port) and target.host in {_LOOPBACK, "localhost"}:
            return target.with_host(_LOOPBACK).with_user(None)
    except ValueError:  # no address at all
        pass
    hint = f"It redirects to {location or 'nowhere'}, which is not followed."
    raise HttpFailedError(
        _status_message(response.status), kind="redirected", status=response.status, hint=hint, location=location
    )


async def _skip_rest(response: aiohttp.ClientResponse) -> None:
    """Lets the server end its answer, within limits."""
    import aiohttp

    try:
        async with asyncio.timeout(_DRAIN_TIMEOUT):
            left = _MAX_REST
            while left > 0 and (chunk := await response.content.readany()):
                left -= len(chunk)
    except (TimeoutError, aiohttp.ClientError):
        pass


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    if (response.content_length or 0) <= BODY_LIMIT:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > BODY_LIMIT:
                break
        else:
            return bytes(body)
    response.close()
    raise HttpFailedError(
        f"maxContentLength size of {BODY_LIMIT} exceeded", kind="too_large", hint="The backend's answer is too large."
    )


def _decoded(body: bytes, charset: str | None) -> Any:
    """JSON where it is that, also in another charset than UTF-8; else the text, with a sign for what cannot be decoded."""
    import msgspec

    if b"\0" in body[:2] or body.startswith((b"\xff\xfe", b"\xfe\xff")):
        from json import detect_encoding

        charset = detect_encoding(body)  # UTF-16 or UTF-32, whatever the head says
    try:
        text = body.decode(charset or "utf-8-sig", "replace")
    except (LookupError, ValueError):  # a charset that Python does not know, or that is none
        text = body.decode("utf-8-sig", "replace")
    for each in (body, text.encode("utf-8", "replace")):
        try:
            return msgspec.json.decode(each.removeprefix(b"\xef\xbb\xbf"))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass  # an endpoint may answer a web page with status 200; then the text itself is the body
    return text
