"""Sends one request over its own connection, reads the response as browsers do, and leaves nothing on the server's port.

The side that sends FIN first keeps its port in TIME_WAIT, so:

- If the server waits for our next request (keep-alive), we send FIN first; TIME_WAIT is on our ephemeral port.
- If the server ends the connection (it announced that, speaks HTTP/1.0, or died), we answer its FIN with RST, which takes its
  socket out of FIN_WAIT_2 without TIME_WAIT. By then we have read everything that it sent.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct, structs

from ..errors import HttpFailedError
from ..process.platform.ports import LOOPBACK, has_peer_closed, reset_on_close

_MAX_LINES = 1000  # of a head, and interim responses before it: each takes the loop some microseconds
_MAX_HEAD = 256 * 1024  # bytes, as in Chromium (kMaxHeaderBufSize of net/http/http_stream_parser.cc)
_CLOSE_TIMEOUT = 0.5  # seconds for a server to close the connection as it announced
_READ_SIZE = 64 * 1024
_DIGITS = b"0123456789"
_HEX_DIGITS = b"0123456789ABCDEFabcdef"
_MAX_LENGTH_DIGITS = 18
_MAX_CHUNK_DIGITS = 8
_NO_QUOTES = bytes.maketrans(b";\"'", b"   ")
_SWITCHING = 101  # the last HTTP response, although we request no other protocol
_NO_BODY = frozenset({_SWITCHING, 204, 205, 304})
_PACKED = frozenset({b"gzip", b"x-gzip", b"deflate"})


class Head(Struct, frozen=True):
    """The parts of a response head that matter here."""

    status: int
    closes: bool  # the server ends the connection
    # How the body ends; without either, at the end of the connection. Length 0 for a status without a body.
    chunked: bool
    length: int | None
    encoding: bytes  # compression of the body; empty: none
    charset: str | None  # from the content type; None if it names none
    location: str  # of a redirect
    endless: bool  # a stream of events or images, which goes on as long as the client listens


def hang_up() -> HttpFailedError:
    """The error for a connection that ended too early, or a damaged body."""
    return HttpFailedError("socket hang up", kind="hang_up")


def _malformed(detail: str) -> HttpFailedError:
    return HttpFailedError(f"Parse Error: {detail}", kind="malformed")


class Connection:
    """A connection for one request, set to send RST on close. Each step raises OSError, or HttpFailedError for an unreadable response."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, closing: set[asyncio.Task[None]]
    ) -> None:
        """``closing`` gets the task that waits for the server to end the connection."""
        self._reader = reader
        self._writer = writer
        self._closing = closing
        self._socket = writer.get_extra_info("socket")
        self._data = bytearray()
        self._chunks = 0
        self._head = Head(0, False, False, None, b"", None, "", False)
        self._left: int | None = 0  # unread bytes of the body, or of its chunk; None: until the connection ends

    async def ask(self, request: bytes) -> Head:
        self._writer.write(request)
        for _ in range(_MAX_LINES):  # interim responses come first
            self._head = await self._read_head()
            if self._head.status >= 200 or self._head.status == _SWITCHING:
                break
        else:
            raise _malformed(f"more than {_MAX_LINES} interim answers")
        self._left = 0 if self._head.chunked else self._head.length
        return self._head

    async def read(self, limit: int) -> bytes:
        """The decompressed body; if it is longer than ``limit``, only enough of it to see that."""
        body = bytearray()
        unpack: Callable[[bytes, int], bytes] | None = None
        while len(body) <= limit and (piece := await self.read_piece()):
            if self._head.encoding:
                unpack = unpack or _unpacker(self._head.encoding, piece)
                piece = unpack(piece, limit + 1 - len(body))
            body += piece
        return bytes(body)

    async def read_piece(self) -> bytes:
        """The next piece of the body, still compressed; empty at the end."""
        if self._head.chunked and self._left == 0:
            self._left = await self._read_chunk_size()
        if self._left == 0:
            return b""
        if not self._data:
            self._data += await self._reader.read(_READ_SIZE)
            if not self._data:
                if self._left is None:
                    return b""
                raise hang_up()
        piece = bytes(self._data[: self._left])
        del self._data[: len(piece)]
        if self._left is not None:
            self._left -= len(piece)
            if self._head.chunked and self._left == 0:
                await self._read_line()
        return piece

    def close(self) -> None:
        reset_on_close(self._socket, reset=self._head.closes)
        if self._reader.at_eof() or has_peer_closed(self._socket):
            reset_on_close(self._socket, reset=True)
            self._writer.close()
        elif self._head.closes:
            task = asyncio.get_running_loop().create_task(self._await_end())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        else:
            # Directly after the check, because the server may end meanwhile. asyncio closes only in the next iteration of its loop.
            with suppress(OSError):  # the server closed just now
                self._socket.shutdown(socket.SHUT_WR)
            self._writer.close()

    async def _await_end(self) -> None:
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                while await self._reader.read(_READ_SIZE):
                    pass
        except OSError:  # TimeoutError is one
            pass
        finally:
            self._writer.close()

    async def _read_head(self) -> Head:
        while (start := bytes(self._data[:5]).upper()) != b"HTTP/":
            if not b"HTTP/".startswith(start):
                raise _malformed("the answer does not begin with HTTP/")
            await self._receive()
            self._data = self._data.lstrip(b"\r\n")
        lines: list[bytes] = []
        size = count = 0
        while line := await self._read_head_line(lines):
            size += len(line)
            count += 1
            if size > _MAX_HEAD:
                raise _malformed(f"the head is larger than {_MAX_HEAD} bytes")
            if count > _MAX_LINES:
                raise _malformed(f"the head has more than {_MAX_LINES} lines")
            if lines and line[:1] in b" \t":
                lines[-1] += b" " + line.strip()
            else:
                lines.append(line)
        return parse_head(lines)

    async def _read_head_line(self, lines: list[bytes]) -> bytes:
        """Like ``_read_line``, but the end of the connection also ends a head that has its status line."""
        try:
            return await self._read_line()
        except HttpFailedError:
            if lines and self._reader.at_eof():
                self._data.clear()
                return b""
            raise

    async def _read_chunk_size(self) -> int:
        """The size of the next chunk; 0 for the last one, whose trailers are read too."""
        self._chunks += 1
        if self._chunks % _MAX_LINES == 0:
            await asyncio.sleep(0)  # many one-byte chunks that have already arrived would block the loop
        digits = (await self._read_line()).partition(b";")[0].strip()
        if not digits or digits.strip(_HEX_DIGITS) or len(digits.lstrip(b"0")) > _MAX_CHUNK_DIGITS:
            raise hang_up()
        size = int(digits, 16)
        if size == 0:
            count = 0
            while await self._read_line():
                count += 1
                if count > _MAX_LINES:
                    raise _malformed(f"more than {_MAX_LINES} trailers")
            self._head = structs.replace(self._head, chunked=False)
        return size

    async def _read_line(self) -> bytes:
        while (end := self._data.find(b"\n")) < 0:
            if len(self._data) > _MAX_HEAD:
                raise _malformed(f"a line is longer than {_MAX_HEAD} bytes")
            await self._receive()
        line = bytes(self._data[:end])
        del self._data[: end + 1]
        return line.removesuffix(b"\r")

    async def _receive(self) -> None:
        data = await self._reader.read(_READ_SIZE)
        if not data:
            raise hang_up()
        self._data += data


async def connect(port: int, closing: set[asyncio.Task[None]]) -> Connection:
    """A connection to 127.0.0.1. Raises OSError."""
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        client.setblocking(False)
        reset_on_close(client, reset=True)  # first, because a crash of the server may cancel what follows
        await asyncio.get_running_loop().sock_connect(client, (LOOPBACK, port))
    except BaseException:
        client.close()
        raise
    return Connection(*await asyncio.open_connection(sock=client), closing)


def parse_head(lines: list[bytes]) -> Head:
    """Parses the status line and fields as Chromium does: unknown fields are ignored. HttpFailedError: it is not HTTP."""
    version, status = _parse_status_line(lines[0])
    fields: dict[bytes, list[bytes]] = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        fields.setdefault(name.strip().lower(), []).append(value.strip())
    old = version[0] == b"0" or version == [b"1", b"0"]
    chunked = not old and status not in _NO_BODY and b"chunked" in _words(fields, b"transfer-encoding")
    announced = _words(fields, b"content-length")
    lengths = {int(each) for each in announced if each.isdigit() and len(each) <= _MAX_LENGTH_DIGITS}
    if len(lengths) > 1 and not chunked:
        raise _malformed("it announces two lengths")
    connection = _words(fields, b"connection")
    kind = b";".join(fields.get(b"content-type", ())).lower()
    return Head(
        status,
        b"close" in connection or (old and b"keep-alive" not in connection),
        chunked,
        0 if status in _NO_BODY else next(iter(lengths), None),
        next((each for each in _words(fields, b"content-encoding") if each in _PACKED), b""),
        _charset(kind),
        fields.get(b"location", [b""])[0].decode("utf-8", "replace"),
        kind.startswith((b"text/event-stream", b"multipart/x-mixed-replace")),
    )


def _parse_status_line(line: bytes) -> tuple[list[bytes], int]:
    """The numbers of the version, and the status. Without the re module, which takes 2 ms of a start."""
    version, _, rest = line.replace(b"\t", b" ").partition(b" ")
    numbers, rest = version[5:].split(b"."), rest.lstrip(b" ")
    is_version = len(numbers) <= 2 and all(len(each) == 1 and each.isdigit() for each in numbers)
    if version[:5].upper() != b"HTTP/" or not is_version or len(rest) - len(rest.lstrip(_DIGITS)) != 3:
        raise _malformed("the status line is not one of HTTP")
    return numbers, int(rest[:3])


def _charset(kind: bytes) -> str | None:
    """The charset that a content type names, quoted or not, even if the semicolon before it is missing."""
    between, _, value = kind.partition(b"charset")[2].partition(b"=")
    words = value.translate(_NO_QUOTES).split(None, 1)
    return words[0].decode("latin-1") if words and not between.strip() else None


def _unpacker(encoding: bytes, start: bytes) -> Callable[[bytes, int], bytes]:
    """A function that decompresses the next piece, up to a limit in bytes; "deflate" may lack the zlib header (RFC 9110, 8.4.1.2)."""
    import zlib  # few backends need it

    raw = encoding == b"deflate" and start[0] & 0xF != zlib.DEFLATED
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS | 32)

    def unpack(data: bytes, limit: int) -> bytes:
        try:
            return unpacker.decompress(data, limit)
        except zlib.error as error:
            raise hang_up() from error

    return unpack


def _words(fields: dict[bytes, list[bytes]], name: bytes) -> list[bytes]:
    return [word.strip().lower() for value in fields.get(name, ()) for word in value.split(b",")]
