"""The cost of a hostile client's frame, and of a hostile settings file."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec
import pytest

from sidecar.console.call import arguments
from sidecar.console.conversation import Exchange, Tape
from sidecar.console.playback import Answers
from sidecar.console.recording import MAGIC, Header, Recording, RecordingError, encode_header
from sidecar.console.replay import judge
from sidecar.errors import InvalidArgsError, InvalidConfigError, UsageError
from sidecar.settings.load import load
from sidecar.wire.channels import CHANNELS
from sidecar.wire.codec import BadMessageError, args_reader, read_message
from sidecar.wire.framing import framed
from tests.support.launch import run

SIZE = 16 * 1024 * 1024 - 100
ARRAYS = b"\xdd" + SIZE.to_bytes(4, "big") + b"\x90" * SIZE
MAPS = b"\xdd" + SIZE.to_bytes(4, "big") + b"\x80" * SIZE
NILS = b"\xdd" + SIZE.to_bytes(4, "big") + b"\xc0" * SIZE
DEEP = b"\x91" * SIZE + b"\xc0"
FIELDS = {"type": b"\xa7request", "id": b"\x05", "channel": b"\xacsidecar:ping", "args": b"\x90"}
HOSTILE = (ARRAYS, MAPS, NILS, DEEP)

MEASURE = """
import resource, sys, time
from sidecar.wire.channels import CHANNELS
from sidecar.wire.codec import BadMessageError, args_reader, read_message
from sidecar.errors import InvalidArgsError, InvalidConfigError
from sidecar.settings.load import load
while size := int.from_bytes(sys.stdin.buffer.read(4), "big"):
    body = sys.stdin.buffer.read(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    try:
        args_reader(CHANNELS[sys.argv[1]])(read_message(body).args)
    except (BadMessageError, InvalidArgsError) as error:
        print(type(error).__name__, time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def frame(field: str, value: bytes) -> bytes:
    pairs = FIELDS | {field: value}
    return b"\x84" + b"".join(bytes([0xA0 + len(name)]) + name.encode() + pairs[name] for name in pairs)


@pytest.mark.posix(reason="the resource module")
@pytest.mark.parametrize(
    ("field", "channel"),
    [
        ("id", "sidecar:ping"),
        pytest.param("type", "sidecar:ping", marks=pytest.mark.slow),
        pytest.param("args", "sidecar:ping", marks=pytest.mark.slow),
        pytest.param("args", "backend:start", marks=pytest.mark.slow),
        pytest.param("args", "sidecar:subscribe", marks=pytest.mark.slow),
    ],
)
def test_a_full_frame_of_small_values_is_refused_before_it_is_built(field: str, channel: str) -> None:
    """It took 1.2 GiB and up to 6 seconds."""
    bodies = [frame(field, value) for value in HOSTILE]
    done = run([sys.executable, "-c", MEASURE, channel], input=b"".join(map(framed, bodies)), check=True)
    measured = [line.split() for line in done.stdout.decode().splitlines()]
    assert len(measured) == len(HOSTILE)
    for name, seconds, kibibytes in measured:
        assert name in {"BadMessageError", "InvalidArgsError"}
        assert float(seconds) < 0.5
        assert int(kibibytes) < 64 * 1024


def test_what_is_large_and_has_few_values_still_passes() -> None:
    text = "x" * 4_000_000
    assert args_reader(CHANNELS["sidecar:ping"])(msgspec.Raw(msgspec.msgpack.encode([text]))) == [text]
    numbers = list(range(50_000))
    assert args_reader(CHANNELS["sidecar:ping"])(msgspec.Raw(msgspec.msgpack.encode([numbers]))) == [numbers]


def test_an_unknown_field_is_never_built() -> None:
    begin = time.process_time()
    assert read_message(frame("other", ARRAYS)[:1].replace(b"\x84", b"\x85") + frame("other", ARRAYS)[1:]).id == 5
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize("field", ["id", "type", "channel"])
def test_a_field_of_a_wrong_type_is_refused(field: str) -> None:
    with pytest.raises(BadMessageError):
        read_message(frame(field, b"\x91\x01"))
    with pytest.raises((BadMessageError, InvalidArgsError)):
        args_reader(CHANNELS["sidecar:ping"])(read_message(frame("args", b"\x01")).args)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"[backend]\nport = 0x{'f' * 100_000}\n", r"backend\.port is a number that is too large"),
        ("[backend.env]\n" + "".join(f'K{count} = "v"\n' for count in range(20_000)) + "x = 1\n", r"backend\.env"),
        ("[backend.env]\n" + "".join(f"K{count}='v'\n" for count in range(8_000)) + "x = 1\n", r", line 8002: backend"),
        ("".join(f"[bakend{count}]\nx=1\n" for count in range(30_000)), r"30000 mistakes(?s:.*)\n- and 29950 more$"),
        (
            "[backend]\n" + "".join(f"prt{count}=1\n" for count in range(40_000)),
            r"40000 mistakes(?s:.*)\n- and 39950 more$",
        ),
        (f"{'.'.join('a' * 50_000)} = 1\n", "more than 1000 dots"),
        (f"[{'.'.join('a' * 50_000)}]\n", "more than 1000 dots"),
        ("#" * (1 << 21), "more than 1048576 bytes"),
    ],
    ids=[
        *(
            "a number of 100 000 digits",
            "20 000 variables",
            "100 KB of variables",
            "30 000 sections",
            "40 000 settings",
        ),
        *("a key of 50 000 dots", "a table of 50 000 dots", "a giant"),
    ],
)
def test_a_file_of_settings_made_to_be_slow_is_an_error_in_words(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.toml").write_text(text)
    begin = time.process_time()
    with pytest.raises(InvalidConfigError, match=message):
        load(config=str(tmp_path / "x.toml"), environ={})
    assert time.process_time() - begin < 10


NESTED = b"\x91" * 1_000_000 + b"\xc0"


@pytest.mark.parametrize(
    "content",
    [
        MAGIC + framed(b"\x81\xa1x" + NESTED),
        encode_header(Header("1", "now", "linux", [])) + framed(b"\x95\xa6client\x00\xc4\x00\x00" + NESTED),
    ],
    ids=["its header", "a record"],
)
def test_a_recording_nested_too_deeply_is_an_error_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.rec").write_bytes(content)
    with pytest.raises(RecordingError, match="damaged"):
        list(Recording(tmp_path / "x.rec"))


@pytest.mark.parametrize("levels", range(100, 1000, 100))
def test_a_recorded_answer_nested_nearly_too_deeply_is_compared_and_found(levels: int) -> None:
    """Python may nest less deeply than the decoder."""
    value = msgspec.msgpack.decode(b"\x91" * levels + b"\xc0")
    one, other = (Exchange(1, "sidecar:ping", [value], 0.0, {"type": "response", "result": value}) for _ in range(2))

    def below(frames: int) -> None:
        if frames:
            below(frames - 1)
        else:
            assert judge(one, other)[0] in {"same", "values"}
            assert Answers(Tape(exchanges=[one])).find("sidecar:ping", [value]) is one

    below(100)


def test_an_argument_nested_too_deeply_is_an_error_in_words() -> None:
    with pytest.raises(UsageError, match="not JSON"):
        arguments(["[" * 20_000])
