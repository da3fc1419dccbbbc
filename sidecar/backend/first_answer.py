"""The first questions of a start, which do not wait for aiohttp: a plain answer in plain HTTP, or none.

It takes no answer that client.py would not take: what is not a complete, well-formed 2xx is asked for again there.
"""

from __future__ import annotations

import asyncio

from ..process.platform.ports import has_peer_closed, reset_on_close

_LOOPBACK = "127.0.0.1"
_PLAIN = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/?=&"
)  # what no URL library rewrites
_MAX_ANSWER = 64 * 1024  # bytes
_BODY_TIMEOUT = 0.25  # seconds: the status decides, but a server that is cut off while it writes logs an error
_CLOSE_TIMEOUT = 0.5  # seconds for a server to close the connection as it announced


async def first_answer(port: int, path: str, seconds: float, closing: set[asyncio.Transport]) -> int | None:
    """The status if it is a plain 2xx; otherwise None.

    Args:
        port: of 127.0.0.1.
        path: begins with ``/``.
        seconds: for all of it.
        closing: holds the connections that the server is to close.
    """
    if not _PLAIN.issuperset(path):
        return None
    loop = asyncio.get_running_loop()
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {_LOOPBACK}:{port}\r\nAccept: application/json, text/plain, */*\r\n"
        "Accept-Encoding: identity\r\nUser-Agent: sidecar\r\n\r\n"
    )
    try:
        async with asyncio.timeout(seconds):
            _transport, answer = await loop.create_connection(
                lambda: _Answer(request.encode("ascii"), closing), _LOOPBACK, port
            )
            try:
                return await answer.status
            finally:
                answer.end()
                await asyncio.sleep(0)  # asyncio closes a socket with the next turn of the loop
    except (OSError, TimeoutError):
        return None


class _Answer(asyncio.Protocol):
    """One answer. How its connection ends is explained in connection.py."""

    def __init__(self, request: bytes, closing: set[asyncio.Transport]) -> None:
        self._request = request
        self._closing = closing
        self._data = bytearray()
        self._complete = False
        self._keeps_alive = False
        self._ends_with_body = False
        self._status: int | None = None
        self._loop = asyncio.get_running_loop()
        self.status: asyncio.Future[int | None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks. Until we know better, the server ends the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._reset(reset=True)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Settles the status with the end of the body, or a little later."""
        if self.status.done():
            return
        self._data += data
        head, end, body = bytes(self._data[:_MAX_ANSWER]).partition(b"\r\n\r\n")
        if not end:
            if len(self._data) > _MAX_ANSWER:
                self._settle(None)
            return
        status, fields = _read_head(head)
        if status is None:
            self._settle(None)
            return
        length = fields.get(b"content-length", b"")
        chunked = fields.get(b"transfer-encoding", b"").lower() == b"chunked"
        self._ends_with_body = not length and not chunked
        self._keeps_alive = head.startswith(b"HTTP/1.1") and fields.get(b"connection", b"").lower() != b"close"
        if (
            status == 204
            or (length.isdigit() and len(body) == int(length))
            or (chunked and body.endswith(b"0\r\n\r\n"))
        ):
            self._complete = True
            self._settle(status)
        elif len(self._data) > _MAX_ANSWER:
            self._settle(status)
        elif self._status is None:
            self._status = status
            self._loop.call_later(_BODY_TIMEOUT, self._settle, status)

    def eof_received(self) -> None:
        """The end of a body that has no length; asyncio closes the connection."""
        self._settle(self._status if self._ends_with_body else None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the transport gives it
        """The connection is closed."""
        self._closing.discard(self._transport)
        self._settle(None)

    def end(self) -> None:
        """Ends the connection; a server that is to end it is given the time."""
        if self._complete and not self._keeps_alive and not self._transport.is_closing():
            self._closing.add(self._transport)
            self._loop.call_later(_CLOSE_TIMEOUT, self._transport.close)  # an EOF closes it earlier
            return
        self._reset(reset=has_peer_closed(self._transport.get_extra_info("socket")))
        self._transport.close()

    def _settle(self, status: int | None) -> None:
        if not self.status.done():
            self.status.set_result(status)

    def _reset(self, *, reset: bool) -> None:
        reset_on_close(self._transport.get_extra_info("socket"), reset=reset)


def _read_head(head: bytes) -> tuple[int | None, dict[bytes, bytes]]:
    """The status of a well-formed head of a 2xx, else None; its fields by their names in lower case."""
    first, *lines = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    code = rest[:3]
    fields: dict[bytes, bytes] = {}
    if version not in {b"HTTP/1.1", b"HTTP/1.0"} or not (code.isdigit() and code.startswith(b"2")) or rest[3:4].strip():
        return None, fields
    for line in lines:
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon or not name or name != name.strip() or (name in fields and name in _LENGTHS):
            return None, fields
        fields[name] = value.strip()
    return (None if fields.keys() >= _LENGTHS else int(code)), fields


_LENGTHS = {b"content-length", b"transfer-encoding"}
