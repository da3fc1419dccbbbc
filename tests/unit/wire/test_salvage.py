from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.wire.codec import Salvaged, salvage

ID = frozenset({"id"})
encode = msgspec.msgpack.encode

scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()
)
values = st.recursive(
    scalars | st.builds(msgspec.msgpack.Ext, st.integers(-128, 127).filter(lambda code: code != -1), st.binary()),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), values, max_size=6), values)
def test_every_value_that_messagepack_knows_is_walked_over(others: dict[str, object], value: object) -> None:
    found = salvage(encode({**others, "id": value}), ID)
    assert found.whole
    assert found.fields["id"] == encode(value)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 255, 256, 65535, 65536])
def test_every_width_of_a_length_is_understood(size: int) -> None:
    for value in (
        "x" * size,
        b"x" * size,
        [1] * size,
        {str(n): n for n in range(size)},
        msgspec.msgpack.Ext(5, b"x" * size),
    ):
        assert salvage(encode({"a": value, "id": 7}), ID) == Salvaged({"id": b"\x07"}, True)


@pytest.mark.parametrize("key", ["d9026964", "da00026964", "db000000026964", "a26964"])
def test_every_width_of_a_key_is_understood(key: str) -> None:
    assert salvage(bytes.fromhex("81" + key + "05"), ID) == Salvaged({"id": b"\x05"}, True)


def test_keys_that_are_not_strings_are_passed_over() -> None:
    assert salvage(bytes.fromhex("84 01 02  c0 03  c4026964 04  a26964 05"), ID) == Salvaged({"id": b"\x05"}, True)


def test_what_precedes_the_first_bad_byte_is_kept() -> None:
    assert salvage(bytes.fromhex("82 a26964 05 a161 c1"), ID) == Salvaged({"id": b"\x05"}, False)


def test_bytes_after_the_map_are_noticed() -> None:
    assert salvage(bytes.fromhex("81 a26964 05 00"), ID) == Salvaged({"id": b"\x05"}, False)


def test_nesting_beyond_any_stack_is_walked_over() -> None:
    body = b"\x82\xa4args" + b"\x91" * 100_000 + b"\x01\xa2id\x05"
    assert salvage(body, ID) == Salvaged({"id": b"\x05"}, True)


def test_it_gives_up_before_the_loop_stands_still() -> None:
    assert salvage(b"\x82\xa4args" + b"\x91" * 5_000_000 + b"\x01\xa2id\x05", ID) == Salvaged({}, False)


@given(st.binary(max_size=200))
def test_random_bytes_never_raise(body: bytes) -> None:
    found = salvage(body, ID)
    assert set(found.fields) <= ID
    if found.whole:
        assert body


@given(st.integers(0, 40))
def test_a_body_cut_anywhere_is_not_whole(length: int) -> None:
    body = encode({"type": "request", "id": 7, "channel": "sidecar:ping", "args": [b"abc"]})
    assert not salvage(body[:length], ID).whole
