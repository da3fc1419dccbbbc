"""One connection for one answer: what it leaves at the server's port, and what browsers forgive. Imports aiohttp.

The side that sends its FIN first keeps the port in TIME_WAIT, so:

- The server waits for our next request (keep-alive): we send FIN first; TIME_WAIT is on our ephemeral port.
- The server ends the connection (it said so, speaks HTTP/1.0, or died): its FIN is answered with RST, which takes its socket
  out of FIN_WAIT_2 without a TIME_WAIT. All that it sent was read by then.
"""

from __future__ import annotations

import asyncio
import re

from aiohttp.client_proto import ResponseHandler

from ..process.platform.ports import has_peer_closed, reset_on_close

MAX_HEAD = 256 * 1024  # bytes, as in Chromium (kMaxHeaderBufSize of net/http/http_stream_parser.cc)
_CLOSE_TIMEOUT = 0.5  # seconds for a server to close the connection as it announced
_STATUS_LINE = rb"HTTP/(\d)(?:\.(\d))?[ \t]+(\d{3})(?!\d)[ \t]*(.*)"
_NO_BODY = frozenset({b"204", b"205", b"304"})
_DECODABLE = frozenset({b"gzip", b"x-gzip", b"deflate"})


class OneAnswer(ResponseHandler):
    """Reads one answer from its connection, whose head it tidies first."""

    def __init__(self, closing: set[asyncio.Transport], loop: asyncio.AbstractEventLoop) -> None:
        """``closing`` holds the connections that the server is to close."""
        super().__init__(loop)
        self._closing = closing
        self._head: bytes | None = b""  # as far as it came; None once it was passed on
        self._rest: int | None = None  # bytes of the body that are still to come; None: not announced

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Until we know better, the server ends the connection."""
        super().connection_made(transport)
        self._reset_on_close(reset=True)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is closed."""
        self._closing.difference_update([one for one in self._closing if one.is_closing()])
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Passes on a tidied head, and of the body what the head announced: browsers ignore what comes behind it."""
        if self._parser is None:  # sent before it was asked; it comes again
            super().data_received(data)
            return
        while self._head is not None and data:
            data = self._take_head(data)
        if self._rest is not None:
            data = data[: self._rest]
            self._rest -= len(data)
        super().data_received(data)

    def _take_head(self, data: bytes) -> bytes:
        """Passes the head on once it is complete; gives what comes behind it."""
        head, self._head = (self._head or b"") + data, None
        start = head.lstrip(b"\r\n")
        if not start.startswith(b"HTTP/"[: len(start)]) or len(head) > MAX_HEAD:
            return head  # the parser says what is wrong with it
        end = re.search(rb"\r?\n\r?\n", start)
        if end is None:
            self._head = head
            return b""
        tidy, interim, self._rest = tidy_head(start[: end.start()])
        super().data_received(tidy)
        if interim:
            self._head = b""
        return start[end.end() :]

    def close(self) -> None:
        """Ends the connection as the module says."""
        transport = self.transport
        if transport is None or transport.is_closing():
            super().close()
        elif self._should_close and self._exception is None and not self._has_peer_closed():
            self._closing.add(transport)
            self._loop.call_later(_CLOSE_TIMEOUT, transport.close)  # an EOF closes it earlier
            self.transport = None
        else:
            self._reset_on_close(reset=self._should_close or self._has_peer_closed())
            super().close()

    def _has_peer_closed(self) -> bool:
        assert self.transport is not None
        return has_peer_closed(self.transport.get_extra_info("socket"))

    def _reset_on_close(self, *, reset: bool) -> None:
        assert self.transport is not None
        reset_on_close(self.transport.get_extra_info("socket"), reset=reset)


def tidy_head(head: bytes) -> tuple[bytes, bool, int | None]:
    """The head of an answer as the strict parser takes it, as Chromium reads it: only the fields that matter are left.

    Returns:
        The head; whether another one follows it (status 1xx); bytes of body that belong to it, None where that is not announced.
    """
    lines = re.sub(rb"\r?\n[ \t]+", b" ", head).replace(b"\r\n", b"\n").split(b"\n")
    status = re.fullmatch(_STATUS_LINE, lines[0].rstrip())
    if status is None:
        return head + b"\r\n\r\n", False, None
    fields: dict[bytes, list[bytes]] = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        fields.setdefault(name.strip().lower(), []).append(value.strip())
    kept = [(name, value) for name in (b"content-type", b"location", b"connection") for value in fields.get(name, ())]
    kept += [(b"content-encoding", each) for each in fields.get(b"content-encoding", ()) if each.lower() in _DECODABLE]
    old = status[1] == b"0" or (status[1], status[2]) == (b"1", b"0")
    code, length = status[3], None
    interim = code.startswith(b"1")
    if code in _NO_BODY:
        length = 0
        kept.append((b"content-length", b"0"))
    elif not interim and not old and b"chunked" in map(bytes.lower, fields.get(b"transfer-encoding", ())):
        kept.append((b"transfer-encoding", b"chunked"))
    elif not interim:
        lengths = {each.strip() for value in fields.get(b"content-length", ()) for each in value.split(b",")}
        valid = sorted(each for each in lengths if each.isdigit())
        kept += [(b"content-length", each) for each in valid]  # two that differ are an error for browsers, too
        length = int(valid[0]) if valid else None
    version = b"HTTP/1.0 " if old else b"HTTP/1.1 "
    text = b"".join(name + b": " + value + b"\r\n" for name, value in kept)
    return version + code + b" " + status[4] + b"\r\n" + text + b"\r\n", interim, length
