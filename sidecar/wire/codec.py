"""Struct ↔ bytes, decoded in two stages: first the envelope, then the arguments, so that an id survives bad arguments."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, MsgspecError, Raw, Struct, to_builtins
from msgspec.msgpack import Decoder, Encoder

from ..errors import PAGES, InternalError, InvalidArgsError, InvalidMessageError, ResultTooLargeError, SidecarError
from .channels import Channel
from .messages import MAX_ID, Cancel, ErrorBody, ErrorMessage, EventMessage, Id, Response

_MAX_OBJECTS = 300_000  # visited before it gives up: a hostile body must not block the loop (about 0.1 s)
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_FIXED |= {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)}  # ext: plus a type byte
_SIZED |= {0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}
_NESTED = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}  # bytes of the count, objects per count


class Salvaged(Struct, frozen=True):
    """``fields``: the encoded value of each wanted key, the last one of duplicates; ``whole``: the bytes were well-formed."""

    fields: dict[str, bytes]
    whole: bool


def salvage(body: bytes | memoryview, wanted: frozenset[str]) -> Salvaged:
    """Reads the top level of a map that the decoder rejects, so that an error can have its request's id; never raises.

    The decoder is all or nothing: one bad byte after the id, or nesting beyond the stack, and everything is lost. This walk
    needs no stack and stops at the first bad byte. Format: https://github.com/msgpack/msgpack/blob/master/spec.md
    """
    data = bytes(body)
    fields: dict[str, bytes] = {}
    names = {name.encode(): name for name in wanted}
    try:
        count, position = _map_header(data)
        budget = _MAX_OBJECTS
        for _ in range(count):
            text, start, budget = _key(data, position, budget)
            position, budget = _skip(data, start, budget)
            if text in names:
                fields[names[text]] = data[start:position]
    except (ValueError, IndexError):
        return Salvaged(fields, whole=False)
    return Salvaged(fields, whole=position == len(data))


def fits(body: bytes | memoryview, values: int) -> bool:
    """Whether a body holds at most this many values; False also if it is malformed."""
    try:
        _skip(bytes(body), 0, values + 1)
    except (ValueError, IndexError):
        return False
    return True


def _map_header(data: bytes) -> tuple[int, int]:
    first = data[0]
    if first & 0xF0 == 0x80:
        return first & 0x0F, 1
    if first not in {0xDE, 0xDF}:
        raise ValueError
    size = _NESTED[first][0]
    return _number(data, 1, size), 1 + size


def _key(data: bytes, position: int, budget: int) -> tuple[bytes, int, int]:
    """Returns the text of a key (empty if it is not a string), where its value begins, and the remaining budget."""
    first = data[position]
    end, budget = _skip(data, position, budget)
    if first & 0xE0 == 0xA0:
        return data[position + 1 : end], end, budget
    if first in {0xD9, 0xDA, 0xDB}:
        return data[position + 1 + _SIZED[first][0] : end], end, budget
    return b"", end, budget


def _skip(data: bytes, position: int, budget: int) -> tuple[int, int]:
    """Returns where the object at ``position`` ends, and the budget. No recursion: only the number of objects to come is kept."""
    left = 1
    while left:
        left -= 1
        budget -= 1
        if not budget:
            raise ValueError
        first = data[position]
        position += 1
        if first < 0x80 or first >= 0xE0:
            continue
        if first < 0x90:
            left += 2 * (first & 0x0F)
        elif first < 0xA0:
            left += first & 0x0F
        elif first < 0xC0:
            position += first & 0x1F
        elif first in _FIXED:
            position += _FIXED[first]
        elif first in _SIZED:
            size, more = _SIZED[first]
            position += size + more + _number(data, position, size)
        elif first in _NESTED:
            size, objects = _NESTED[first]
            left += objects * _number(data, position, size)
            position += size
        else:
            raise ValueError
    if position > len(data):
        raise ValueError
    return position, budget


def _number(data: bytes, position: int, size: int) -> int:
    if position + size > len(data):
        raise ValueError
    return int.from_bytes(data[position : position + size], "big")


_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1  # the range of MessagePack
_KEPT_TYPES = (bytes, bytearray, memoryview, datetime)  # MessagePack has them
_NO_ARGS = Raw(b"\x90")
_SMALL_ARGS = 64 * 1024  # bytes; decoded, they take a few megabytes at most, whatever they hold
_MAX_ARG_VALUES = 100_000
_KEYS = frozenset({"type", "id", "channel", "args"})
_TEXT_KEPT = 400  # characters of an error's message that are kept if all of it does not fit into a frame

# What a decoder raises for untrusted bytes: malformed or mistyped, from the ext hook, nested too deeply, a date out of range.
DECODE_FAILURES = (MsgspecError, ValueError, RecursionError, OverflowError, TypeError)
_ENCODE_FAILURES = (*DECODE_FAILURES, NotImplementedError)


class Request(Struct, tag_field="type", tag="request", gc=False):
    """A request whose ``args`` are still bytes: a view into the frame, valid as long as the frame."""

    id: Id
    channel: str
    args: Raw = _NO_ARGS


class BadMessageError(InvalidMessageError):
    """A body that is not a valid message; ``request_id``: its id, if one could be read."""

    def __init__(self, message: str, request_id: int | None) -> None:
        super().__init__(message, hint=f"{PAGES}/protocol.md lists the messages and their keys.")
        self.request_id = request_id


def _refuse_extension(code: int, _data: memoryview) -> Any:
    raise ValueError(f"MessagePack extension type {code} is not allowed (only -1, timestamp, is)")


_message_decoder: Decoder[Request | Cancel] = Decoder(Request | Cancel)
_decode_scalar = Decoder(str | int | float | None).decode
_encode = Encoder().encode


def read_message(body: bytes | bytearray | memoryview) -> Request | Cancel:
    """Decodes the envelope: the first stage. Raises BadMessageError."""
    try:
        return _message_decoder.decode(body)
    except DECODE_FAILURES as error:
        return _salvaged(body, error)


def _salvaged(body: bytes | bytearray | memoryview, error: Exception) -> Request | Cancel:
    """Reads what the decoder rejected: unusual (a key that is not a string, an id as a float, deep nesting in an argument) or invalid."""
    salvaged = salvage(memoryview(body), _KEYS)
    fields = salvaged.fields
    number = _as_id(_plain(fields.get("id")))
    if not salvaged.whole:
        raise BadMessageError(f"The body is not a MessagePack map: {_reason(error)}", number) from None
    kind, channel = _plain(fields.get("type")), _plain(fields.get("channel"))
    if kind not in {"request", "cancel"}:
        shown = f"{kind[:80]!r}" if isinstance(kind, str) else "missing or not a string"
        raise BadMessageError(f"Invalid message: type is {shown}; it must be 'request' or 'cancel'", number)
    if number is None:
        raise BadMessageError(f"Invalid {kind}: id must be an unsigned 53-bit integer", None)
    if kind == "cancel":
        return Cancel(number)
    if not isinstance(channel, str):
        raise BadMessageError("Invalid request: channel must be a string", number)
    return Request(number, channel, Raw(fields["args"]) if "args" in fields else _NO_ARGS)


def _as_id(value: Any) -> int | None:
    """Returns a valid id or None. Some encoders, JavaScript's among them, send large integers as floats."""
    if type(value) in {int, float} and 0 <= value <= MAX_ID and value == int(value):
        return int(value)
    return None


def _plain(field: bytes | None) -> Any:
    try:
        return None if field is None else _decode_scalar(field)
    except DECODE_FAILURES:
        return None


def args_reader(channel: Channel) -> Callable[[Raw], Sequence[Any]]:
    """Returns the second stage: a function that decodes the arguments of one channel, or raises InvalidArgsError.

    An optional argument that is nil counts as not given: the shim sends ``undefined`` as nil. Legacy channels ignore what the
    array holds. A channel takes at most one argument, a map if it needs several values.
    """
    if channel.args is None:
        return _ignored_args
    most, required = len(channel.args), channel.required
    if most > 1:
        raise ValueError("a channel takes one argument at most")
    type_ = channel.args[0] if most else Any
    decode = Decoder(list[type_ if required else type_ | None], ext_hook=_refuse_extension).decode  # type: ignore[misc]

    def read(raw: Raw) -> Sequence[Any]:
        # Before anything is built: 16 MiB may be 16 million empty arrays, each one byte here and 64 in memory.
        if len(raw) > _SMALL_ARGS and not fits(memoryview(raw), _MAX_ARG_VALUES):
            raise InvalidArgsError(f"The arguments contain more than {_MAX_ARG_VALUES} values")
        try:
            args: list[Any] = decode(raw)
        except DECODE_FAILURES as error:
            _ignored_args(raw)  # raises if it is not an array
            raise InvalidArgsError(f"Argument 1: {_reason(error)}" if most else "Takes no argument") from None
        count = len(args)
        if not required <= count <= most:
            takes = "no argument" if not most else "one argument" if required else "at most one argument"
            raise InvalidArgsError(f"Takes {takes}, {count} given")
        return () if count > required and args[0] is None else args

    return read


def _ignored_args(raw: Raw) -> Sequence[Any]:
    view = memoryview(raw)
    if view[0] & 0xF0 != 0x90 and view[0] not in {0xDC, 0xDD}:
        raise InvalidArgsError("args must be an array")
    return ()


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def encode_response(request_id: int, result: Any, max_frame: int) -> bytes:
    """Returns the body of a response. ResultTooLargeError: it exceeds a frame. InternalError: MessagePack cannot hold it."""
    return _body(Response(request_id, result), "The result", max_frame)


def encode_event(event: EventMessage, max_frame: int) -> bytes:
    """Returns the body of an event. Raises like encode_response."""
    return _body(event, f"An event of {event.channel}", max_frame)


def _body(message: Struct, what: str, max_frame: int) -> bytes:
    # What MessagePack cannot hold is replaced: too large integers in a backend's JSON become floats, as JavaScript would
    # read them; bytes of a path that are not UTF-8, which are lone surrogates in Python, become U+FFFD.
    try:
        try:
            body = _encode(message)
        except (OverflowError, UnicodeEncodeError):
            body = _encode(_fitting(to_builtins(message, builtin_types=_KEPT_TYPES)))
    except _ENCODE_FAILURES as error:
        raise InternalError(f"{what} cannot be encoded: {_reason(error)}") from error
    if len(body) > max_frame:
        raise ResultTooLargeError(f"{what} takes {len(body)} bytes, a frame holds {max_frame}")
    return body


def _fitting(value: Any) -> Any:
    from ..plain import encodable  # rarely needed

    if isinstance(value, dict):
        return {_fitting(key): _fitting(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fitting(item) for item in value]
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, int) and not _MIN_INT <= value <= _MAX_INT:
        try:
            return float(value)
        except OverflowError:  # above 1.8e308
            return math.inf if value > 0 else -math.inf
    return value


def encode_error(request_id: int | None, error: SidecarError, max_frame: int, prefix: str = "") -> bytes:
    """Returns the body of an error; drops its data, hint and most of its text if it would not fit. Never raises."""
    text = prefix + error.message
    body = ErrorBody(error.code, text, error.hint, UNSET if error.data is None else error.data)
    try:
        return _body(ErrorMessage(request_id, body), "The error", max_frame)
    except (InternalError, ResultTooLargeError):
        return _encode(ErrorMessage(request_id, ErrorBody(error.code, _fitting(text[:_TEXT_KEPT]))))
