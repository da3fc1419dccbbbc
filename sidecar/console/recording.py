"""The file format of ``sidecar record``: every chunk of bytes, in order, with its time.

    file   = magic, header, records; the header and each record are framed like the protocol's frames
    header = MessagePack map, see Header
    record = MessagePack array [kind, nanoseconds since the start, bytes, CRC-32 of the bytes]

Chunks, not messages: what is not a frame is recorded too. The checksum distinguishes damage from what a client sent.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from zlib import crc32

from msgspec import MsgspecError, Struct, msgpack

from ..errors import FrameError, SidecarError, UsageError
from ..process.platform.files import open_regular
from ..wire.framing import FrameBuffer, as_ascii, framed

MAGIC = b"SIDECAR RECORDING 1\n"
CHUNK = 64 * 1024  # most bytes of one record: what a pipe holds
Kind = Literal["client", "sidecar", "client end", "exit"]
_MAX_RECORD = CHUNK + 4096
_MAX_DIGITS = 10  # of an exit status: Windows has 32 bits for it
_READ = 1 << 20


class RecordingError(SidecarError):
    """The file is not a recording, or damaged; everything before the damage was read."""

    exit_status = FrameError.exit_status


class Header(Struct, frozen=True):
    """Where a recording comes from: the recorder's version, UTC, the system's name, and the command with its secrets masked."""

    sidecar: str
    started: str
    platform: str
    command: list[str]


class Record(Struct, frozen=True, array_like=True):
    """``client`` and ``sidecar``: bytes from it. ``client end``: it closed its side. ``exit``: the sidecar's status as digits."""

    kind: Kind
    at: int
    data: bytes
    check: int

    @property
    def seconds(self) -> float:
        return self.at / 1e9


_encoder = msgpack.Encoder()
_read_header = msgpack.Decoder(Header).decode
_read_record = msgpack.Decoder(Record).decode


def encode_header(header: Header) -> bytes:
    return MAGIC + framed(_encoder.encode(header))


def encode_record(kind: Kind, at: int, data: bytes) -> bytes:
    return framed(_encoder.encode(Record(kind, at, data, crc32(data))))


def shell_status(status: int) -> int:
    """Returns an exit status as shells report it: 128 + the number of the signal that ended the process."""
    return status if status >= 0 else 128 - status


class Recording:
    """Reads a file; iterate once. ``whole``: it contains the sidecar's end. UsageError: unreadable. RecordingError: not a recording."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.whole = False
        self._frames = FrameBuffer(_MAX_RECORD)
        try:
            self._file = open(open_regular(path, linked=True), "rb")  # noqa: PTH123, SIM115 - a descriptor; closed by the iteration
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}", hint="Check the path.") from None
        beginning = self._file.read(len(MAGIC))
        if beginning != MAGIC:
            self._file.close()
            seen = f'it begins with "{as_ascii(beginning)}"' if beginning else "it is empty"
            raise RecordingError(f"{path} is not a recording: {seen}", hint="'sidecar record FILE' creates one.")
        self._taken = len(MAGIC)
        self._bodies = self._read_bodies()
        try:
            self.header = _read_header(next(self._bodies))
        except (StopIteration, MsgspecError, UnicodeDecodeError, RecursionError, RecordingError):
            self._file.close()
            raise self._damaged("its header is missing or damaged") from None

    def __iter__(self) -> Iterator[Record]:
        """Yields the records in order. RecordingError, after the last good one: the file is truncated or damaged."""
        with self._file:
            for body in self._bodies:
                try:
                    record = _read_record(body)
                except (MsgspecError, UnicodeDecodeError, RecursionError):
                    raise self._damaged("a record is damaged") from None
                if crc32(record.data) != record.check:
                    raise self._damaged("the checksum of a record does not match")
                if record.kind == "exit" and not (record.data.isdigit() and len(record.data) <= _MAX_DIGITS):
                    raise self._damaged("the exit status is not a number")
                self._taken += len(body) + 4
                self.whole = record.kind == "exit"
                yield record

    def _read_bodies(self) -> Iterator[bytes]:
        try:
            while data := self._file.read(_READ):
                self._frames.feed(data)
                for body in self._frames:
                    yield bytes(body)
        except FrameError:
            raise self._damaged("the length of a record is impossible") from None
        except OSError as error:
            raise self._damaged(str(error.strerror)) from None
        if self._frames.pending:
            raise self._damaged("it ends in the middle of a record")

    def _damaged(self, what: str) -> RecordingError:
        text = f"{self._path} is damaged at byte {self._taken} or soon after: {what}"
        return RecordingError(text, hint="Everything before the damage was read and is valid.")
