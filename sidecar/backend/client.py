"""Requests to the backend: one session, loopback only, failures in the words that today's renderers match on.

The client is aiohttp's, which is the product's fixed choice and well kept: no HTTP of our own.
"""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ..errors import HttpFailedError
from ..process.platform.ports import REFUSAL_IS_SLOW, is_listening
from ..threads import in_thread

if TYPE_CHECKING:
    import aiohttp
    import yarl

    from ..errors import HttpFailure

_LOOPBACK = "127.0.0.1"
BODY_LIMIT = 8 * 1024 * 1024  # bytes, after decompression
_MOST_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_WINDOWS_REFUSED = {10061, 1225}  # WSAECONNREFUSED; ERROR_CONNECTION_REFUSED, which ConnectEx gives
_LONGEST_DETAIL = 200  # characters of a foreign message that go into ours


class Response(Struct, frozen=True):
    """A 2xx answer: ``body`` is the decoded JSON where it is JSON, else the text."""

    status: int
    body: Any


def refused(port: int | None) -> HttpFailedError:
    """What a request meets while there is no backend.

    Args:
        port: the last port, None where there was none yet.
    """
    return HttpFailedError(
        f"connect ECONNREFUSED {_LOOPBACK}:{port or 0}",
        kind="refused",
        hint="The backend is not running, or listens elsewhere.",
    )


class BackendClient:
    """Speaks to whatever listens on ``port`` of 127.0.0.1; another port takes effect with the next request.

    Attributes:
        port: None while the backend has none; requests then fail as refused.
    """

    def __init__(self, port: int | None = None) -> None:
        self.port = port
        self._session: aiohttp.ClientSession | None = None
        self._loaded = False

    async def load(self) -> None:
        """Imports aiohttp in a worker thread (some 150 ms), so that the loop answers meanwhile. Harmless when repeated."""
        await in_thread("import aiohttp", _import_aiohttp)
        self._loaded = True
        self._open()

    async def get(self, path: str, *, timeout: float) -> Response:  # noqa: ASYNC109 -- its expiry has wording of its own
        """Asks for a path.

        Args:
            path: begins with ``/``, may have a query.
            timeout: seconds for all of it, body and redirects included.

        Raises:
            HttpFailedError: no answer, no valid answer, a body above 8 MiB, or a status other than 2xx.
        """
        return await self._request("GET", path, timeout)

    async def post(self, path: str, *, timeout: float) -> Response:  # noqa: ASYNC109 -- as in get
        """Posts nothing to a path; as ``get``, but never sent twice and never redirected."""
        return await self._request("POST", path, timeout)

    async def close(self) -> None:
        """Closes every connection. The next request would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _request(self, method: str, path: str, seconds: float) -> Response:
        port = self.port
        if port is None:
            raise refused(None)
        if not self._loaded:
            await self.load()  # an import statement here would hold up the loop until the worker thread is done
        if REFUSAL_IS_SLOW and not is_listening(port):
            raise refused(port)
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(method, path, port)
        except TimeoutError:
            raise HttpFailedError(
                f"timeout of {round(seconds * 1000)}ms exceeded",
                kind="timeout",
                hint="The backend accepts connections but does not answer in time.",
            ) from None

    async def _exchange(self, method: str, path: str, port: int) -> Response:
        import aiohttp

        progress = _Progress()
        try:
            url = _address(port, path)
            for _ in range(_MOST_REDIRECTS + 1):
                answer = await self._once(method, url, progress)
                if isinstance(answer, Response):
                    return answer
                url = answer
        except aiohttp.ClientConnectorError as error:
            # After a first connection that broke off, this was aiohttp's second try: what broke is the news.
            raise (_hang_up() if progress.connected else _not_connected(error.os_error, port)) from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError) as error:
            raise _hang_up() from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise HttpFailedError(
                f"Invalid URL: {path}", kind="invalid_url", hint="Check the paths in [backend]."
            ) from error
        except aiohttp.ClientError as error:
            detail = " ".join((getattr(error, "message", "") or str(error)).split())[:_LONGEST_DETAIL]
            raise HttpFailedError(
                f"Parse Error: {detail}", kind="malformed", hint="What listens on the port does not speak HTTP."
            ) from error
        raise HttpFailedError(
            "Maximum number of redirects exceeded",
            kind="redirected",
            hint="The backend sends the request round in a circle.",
        )

    async def _once(self, method: str, url: yarl.URL, progress: _Progress) -> Response | yarl.URL:
        """One request: the answer, or where it is to be repeated.

        aiohttp itself repeats a GET once when the connection turns out to be closed, and never a POST
        (since 3.10; RFC 9112 section 9.3.1).
        """
        request = self._open().request(method, url, allow_redirects=False, trace_request_ctx=progress)
        async with request as response:
            if method == "GET" and response.status in _REDIRECTS:
                return _redirected(response)
            if not 200 <= response.status < 300:
                raise _bad_status(response.status, "status", f"{url.path} answered with this status.")
            return Response(response.status, _decoded(await _read(response), response.charset))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            import aiohttp

            tracing = aiohttp.TraceConfig()
            tracing.on_connection_create_end.append(_Progress.note)
            tracing.on_connection_reuseconn.append(_Progress.note)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, use_dns_cache=False),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json, text/plain, */*", "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=[tracing],
                trust_env=False,
            )
        return self._session


class _Progress:
    """How far one request came; aiohttp hands it to the trace."""

    connected = False

    @staticmethod
    async def note(_session: aiohttp.ClientSession, context: Any, _parameters: object) -> None:
        context.trace_request_ctx.connected = True


def _import_aiohttp() -> None:
    import aiohttp  # noqa: F401 -- the import itself is the work


def _address(port: int, path: str) -> yarl.URL:
    from yarl import URL

    url = URL(f"http://{_LOOPBACK}:{port}{path}")
    if url.host != _LOOPBACK or url.port != port:
        raise ValueError(path)  # such as "@elsewhere/"
    return url


def _bad_status(status: int, kind: HttpFailure, hint: str) -> HttpFailedError:
    return HttpFailedError(f"Request failed with status code {status}", kind=kind, status=status, hint=hint)


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
        kind="unreachable",
        hint=error.strerror or "The system refused the connection.",
    )


def _redirected(response: aiohttp.ClientResponse) -> yarl.URL:
    """Where a redirect leads, as long as it stays on this machine and is plain HTTP."""
    from yarl import URL

    location = response.headers.get("Location", "")
    target = response.url.join(URL(location)) if location else None
    if target is None or target.scheme != "http" or target.host not in {_LOOPBACK, "localhost"}:
        hint = f"It redirects to {location or 'nowhere'}, which is not followed."
        raise _bad_status(response.status, "redirected", hint)
    return target.with_host(_LOOPBACK).with_user(None)


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
    import msgspec

    try:
        return msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.MsgspecError, RecursionError):
        pass  # an endpoint may answer a web page with status 200; then the text itself is the body
    try:
        return body.decode(charset or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
