from __future__ import annotations

import datetime
import math
from typing import Any

import msgspec
import pytest
from msgspec.msgpack import Ext

from sidecar.errors import (
    BackendExitedError,
    BackendNotFoundError,
    HttpFailedError,
    InternalError,
    InvalidArgsError,
    ResultTooLargeError,
)
from sidecar.wire.channels import CHANNELS, Channel, LogsArgs
from sidecar.wire.codec import (
    BadMessageError,
    Request,
    args_reader,
    encode_error,
    encode_event,
    encode_response,
    read_message,
)
from sidecar.wire.messages import MAX_ID, Cancel, EventMessage, HealthResult

encode = msgspec.msgpack.encode
decode = msgspec.msgpack.decode
LIMIT = 1 << 20


def request(**keys: Any) -> bytes:
    return encode({"type": "request", "id": 1, "channel": "sidecar:ping"} | keys)


def read_request(body: bytes | memoryview) -> Request:
    message = read_message(body)
    assert isinstance(message, Request)
    return message


def refused(body: bytes) -> BadMessageError:
    with pytest.raises(BadMessageError) as caught:
        read_message(body)
    assert caught.value.code == "INVALID_MESSAGE"
    return caught.value


def read_args(channel: str, *args: Any) -> list[Any]:
    return list(args_reader(CHANNELS[channel])(msgspec.Raw(encode(list(args)))))


# The envelope


def test_a_request_without_args_has_none() -> None:
    message = read_request(request())
    assert (message.id, message.channel, bytes(message.args)) == (1, "sidecar:ping", b"\x90")


def test_a_cancel_needs_nothing_but_its_id() -> None:
    assert read_message(encode({"type": "cancel", "id": 9})) == Cancel(9)


@pytest.mark.parametrize("given", [0, 1, 2**32, MAX_ID, 3.0, -0.0, float(2**33), float(MAX_ID)])
def test_an_id_may_be_any_unsigned_53_bit_integer_and_arrive_as_a_float(given: float) -> None:
    number = read_message(request(id=given)).id
    assert number == int(given)
    assert type(number) is int


def test_an_id_may_be_a_32_bit_float() -> None:
    assert read_message(b"\x83\xa4type\xa7request\xa2id\xca\x40\x40\x00\x00\xa7channel\xa1x").id == 3


@pytest.mark.parametrize(
    "given",
    [
        -1,
        MAX_ID + 1,
        2**64 - 1,
        -(2**63),
        1.5,
        float("nan"),
        float("inf"),
        -1.0,
        2.0**53,
        True,
        None,
        "1",
        [1],
        {},
        b"1",
    ],
)
def test_an_id_that_is_none_cannot_be_answered_to(given: Any) -> None:
    error = refused(request(id=given))
    assert error.request_id is None
    assert "id must be" in error.message


def test_a_request_without_id_is_refused() -> None:
    assert refused(encode({"type": "request", "channel": "sidecar:ping"})).request_id is None


@pytest.mark.parametrize("channel", [None, 5, b"sidecar:ping", ["sidecar:ping"]])
def test_a_request_without_a_channel_is_refused_under_its_id(channel: Any) -> None:
    error = refused(request(channel=channel))
    assert error.request_id == 1
    assert "channel" in error.message


@pytest.mark.parametrize("kind", ["response", "hello", "", 5, None, ["request"], b"request", "x" * 5000])
def test_an_unknown_type_is_refused_under_its_id(kind: Any) -> None:
    error = refused(request(type=kind))
    assert error.request_id == 1
    assert len(error.message) < 200


def test_unknown_keys_are_ignored_whatever_they_hold() -> None:
    body = encode({"zzz": [Ext(5, b"x"), {"id": 7}], "type": "request", "id": 1, "channel": "c", "future": None})
    assert read_message(body).id == 1


def test_keys_that_are_not_strings_are_ignored_too() -> None:
    message = read_request(b"\x85\x01\x02\xc0\x03\xa4type\xa7request\xa2id\x05\xa7channel\xa1c")
    assert (message.id, message.channel) == (5, "c")


@pytest.mark.parametrize("body", [b"\x90", b"\x01", b"\xc0", encode([1, 2]), encode("request"), b"\xc1", b"\xff" * 20])
def test_a_body_that_is_not_a_map_is_refused(body: bytes) -> None:
    assert refused(body).request_id is None


@pytest.mark.parametrize("end", [b"\x00", b"\xc1", b"more"])
def test_bytes_after_the_map_are_refused_under_its_id(end: bytes) -> None:
    assert refused(request() + end).request_id == 1


def test_a_cut_body_is_refused_under_its_id_if_that_came() -> None:
    body = encode({"id": 77, "type": "request", "channel": "sidecar:ping", "args": ["x"]})
    assert refused(body[:-1]).request_id == 77
    assert refused(body[:3]).request_id is None


def test_nesting_that_no_stack_holds_still_has_its_id() -> None:
    deep = b"\x91" * 50_000 + b"\x01"
    message = read_request(b"\x84\xa4args" + deep + b"\xa7channel\xacsidecar:ping\xa2id\x05\xa4type\xa7request")
    assert message.id == 5
    with pytest.raises(InvalidArgsError, match="nested too deeply"):
        args_reader(CHANNELS["sidecar:ping"])(message.args)


def test_a_frame_may_be_a_view_that_is_overwritten_afterwards() -> None:
    memory = bytearray(request(args=["kept"]))
    message = read_request(memoryview(memory))
    args = args_reader(CHANNELS["sidecar:ping"])(message.args)
    memory[:] = bytes(len(memory))
    assert list(args) == ["kept"]


# Arguments


def test_no_arguments_where_none_are_taken() -> None:
    assert read_args("sidecar:info") == []
    with pytest.raises(InvalidArgsError, match="Takes no argument, 1 given"):
        read_args("sidecar:info", 1)


def test_ping_takes_anything_or_nothing() -> None:
    when = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)
    for value in (1, 1.5, "x", b"x", [1, [2]], {"a": {"b": 1}}, {1: 2}, when, True):
        assert read_args("sidecar:ping", value) == [value]
    assert read_args("sidecar:ping") == []
    with pytest.raises(InvalidArgsError, match="Takes at most one argument, 2 given"):
        read_args("sidecar:ping", 1, 2)


@pytest.mark.parametrize("value", [Ext(5, b"x"), Ext(-2, b""), [Ext(0, b"x")], {"deep": [{"er": Ext(127, b"1234")}]}])
def test_extension_types_but_timestamp_are_invalid(value: Any) -> None:
    with pytest.raises(InvalidArgsError, match="extension type"):
        read_args("sidecar:ping", value)


@pytest.mark.parametrize("data", ["c70cffffffffffffffffffffffffff", "c705ff3132333435", "d7ffffffffffffffffff"])
def test_a_malformed_timestamp_is_invalid(data: str) -> None:
    with pytest.raises(InvalidArgsError, match="timestamp"):
        args_reader(CHANNELS["sidecar:ping"])(msgspec.Raw(b"\x91" + bytes.fromhex(data)))


def test_a_map_with_a_key_that_cannot_be_one_is_invalid() -> None:
    with pytest.raises(InvalidArgsError):
        args_reader(CHANNELS["sidecar:ping"])(msgspec.Raw(b"\x91\x81\x81\x01\x02\x03"))


def test_arguments_have_the_types_of_the_table() -> None:
    assert read_args("backend:logs", {"lines": 5, "unknown": 1}) == [LogsArgs(lines=5)]
    assert read_args("sidecar:subscribe", ["backend:log"]) == [["backend:log"]]
    for bad in ({"lines": 0}, {"lines": "5"}, {"stream": "x"}, [], 5, "x"):
        with pytest.raises(InvalidArgsError, match="Argument 1: "):
            read_args("backend:logs", bad)


def test_an_argument_that_must_be_there_is_missed() -> None:
    with pytest.raises(InvalidArgsError, match="Takes one argument, 0 given"):
        read_args("sidecar:power")


def test_nil_for_an_optional_argument_is_javascripts_undefined() -> None:
    assert read_args("backend:logs", None) == []
    with pytest.raises(InvalidArgsError):
        read_args("sidecar:power", None)
    with pytest.raises(InvalidArgsError):
        read_args("sidecar:info", None)


def test_an_extension_type_is_invalid_even_where_nothing_is_taken() -> None:
    with pytest.raises(InvalidArgsError, match="Takes no argument"):
        read_args("sidecar:info", Ext(5, b""))


def test_a_channel_takes_one_argument_at_most() -> None:
    with pytest.raises(ValueError, match="one argument at most"):
        args_reader(Channel((int, str), 1, Any, "", ""))


@pytest.mark.parametrize("args", [None, {}, 5, "x", b"x"])
@pytest.mark.parametrize("channel", ["backend:getUrl", "sidecar:info", "sidecar:ping"])
def test_args_must_be_an_array(channel: str, args: Any) -> None:
    with pytest.raises(InvalidArgsError, match="args must be an array"):
        args_reader(CHANNELS[channel])(msgspec.Raw(encode(args)))


@pytest.mark.parametrize("count", [0, 1, 15, 16, 70_000])
def test_legacy_channels_ignore_what_they_are_given(count: int) -> None:
    assert list(args_reader(CHANNELS["backend:getUrl"])(msgspec.Raw(encode([Ext(5, b"")] * count)))) == []


# Answers


def test_answers_have_the_shape_of_the_protocol_page() -> None:
    assert decode(encode_response(5, None, LIMIT)) == {"type": "response", "id": 5, "result": None}
    event = {"type": "event", "channel": "c", "payload": 1, "seq": 7}
    assert decode(encode_event(EventMessage("c", 1, 7), LIMIT)) == event
    assert decode(encode_event(EventMessage("c", 1, 7, 3), LIMIT)) == event | {"dropped": 3}
    error = HttpFailedError("no", hint="do")
    assert decode(encode_error(None, error, LIMIT, "Failed: ")) == {
        "type": "error",
        "id": None,
        "error": {"code": "HTTP_FAILED", "message": "Failed: no", "hint": "do", "data": {"status": None}},
    }
    plain = decode(encode_error(1, InternalError("x"), LIMIT))["error"]
    assert plain == {"code": "INTERNAL", "message": "x", "hint": InternalError.remedy}


def test_an_answer_may_fill_a_frame_and_no_more() -> None:
    fitting = encode_response(1, b"x" * 1000, LIMIT)
    assert encode_response(1, b"x" * 1000, len(fitting)) == fitting
    with pytest.raises(ResultTooLargeError, match=f"takes {len(fitting)} bytes, a frame holds {len(fitting) - 1}"):
        encode_response(1, b"x" * 1000, len(fitting) - 1)
    with pytest.raises(ResultTooLargeError):
        encode_event(EventMessage("c", b"x" * 1000, 1), 100)


def _endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "result",
    [object(), _endless(), {"a": {1: object()}}],
    ids=["object", "endless", "object inside"],
)
def test_what_messagepack_cannot_hold_is_an_internal_error(result: Any) -> None:
    with pytest.raises(InternalError, match="cannot be encoded"):
        encode_response(1, result, LIMIT)
    with pytest.raises(InternalError, match="cannot be encoded"):
        encode_event(EventMessage("c", result, 1), LIMIT)


def test_integers_beyond_64_bits_become_what_javascript_reads() -> None:
    """A backend's JSON may hold them; its answer is not our bug."""
    body = {"a": [2**70, -(2**63) - 1, 2**64 - 1, True, b"x"], "b": 10**400}
    expected = {"a": [2.0**70, -(2.0**63), 2**64 - 1, True, b"x"], "b": math.inf}
    assert decode(encode_response(1, body, LIMIT))["result"] == expected
    event = decode(encode_event(EventMessage("c", HealthResult(status="healthy", data=body), 1), LIMIT))
    assert event["payload"] == {"status": "healthy", "data": expected}


def test_an_error_always_fits_and_always_encodes() -> None:
    large = BackendExitedError("m" * 10_000, hint="h" * 10_000, data={"output": "o" * 10_000})
    assert len(encode_error(1, large, 4096)) <= 4096
    assert decode(encode_error(1, large, 4096))["error"]["code"] == "BACKEND_EXITED"
    odd = BackendNotFoundError("no file \udc80", data={"path": object()})
    assert decode(encode_error(1, odd, 4096))["error"]["message"] == "no file �"


def test_a_path_that_is_not_utf8_is_answered_with_what_can_be_read_of_it() -> None:
    path = "/data/caf\udce9"
    assert decode(encode_response(1, {path: [path], "n": 1}, LIMIT))["result"] == {"/data/caf�": ["/data/caf�"], "n": 1}
    assert decode(encode_event(EventMessage("backend:crash", [path], 1), LIMIT))["payload"] == ["/data/caf�"]
    error = decode(encode_error(1, InternalError(f"no {path}", data={"path": path}), LIMIT))["error"]
    assert (error["message"], error["data"]) == ("no /data/caf�", {"path": "/data/caf�"})
