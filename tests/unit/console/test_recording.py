from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import msgpack

from sidecar.console.conversation import Exchange, Tape, conversation
from sidecar.console.playback import Answers
from sidecar.console.recording import (
    CHUNK,
    MAGIC,
    Header,
    Kind,
    Record,
    Recording,
    RecordingError,
    encode_header,
    encode_record,
)
from sidecar.console.replay import differences, judge, report
from sidecar.errors import UsageError
from sidecar.wire.framing import framed

HEADER = Header("1.2.3", "2026-01-02T03:04:05.000Z", "linux", ["sidecar", "serve"])


def frame(message: object) -> bytes:
    return framed(msgpack.encode(message))


def record(kind: Kind, at: float, data: bytes) -> Record:
    return Record(kind, int(at * 1e9), data, 0)


HELLO = frame({"type": "hello", "protocol": 1, "sidecar": "1", "pid": 5})
ASK = frame({"type": "request", "id": 1, "channel": "a:b", "args": [7]})
ANSWER = frame({"type": "response", "id": 1, "result": {"x": 1}})
STATE = frame({"type": "event", "channel": "backend:stateChanged", "payload": {"state": "RUNNING"}, "seq": 1})


# The file ------------------------------------------------------------------------------------------------------------


def written(path: Path, *records: tuple[Kind, int, bytes]) -> bytes:
    data = encode_header(HEADER) + b"".join(encode_record(*each) for each in records)
    path.write_bytes(data)
    return data


def test_what_was_written_is_read(tmp_path: Path) -> None:
    records: list[tuple[Kind, int, bytes]] = [
        ("sidecar", 1, b"x" * CHUNK), ("client", 2, b"\x00"), ("client end", 3, b""), ("exit", 4, b"75"),
    ]  # fmt: skip
    written(tmp_path / "a", *records)
    recording = Recording(tmp_path / "a")
    assert recording.header == HEADER
    assert not recording.whole
    assert [(each.kind, each.at, each.data) for each in recording] == records
    assert recording.whole


def read_all(path: Path) -> tuple[list[Record], RecordingError | None]:
    read: list[Record] = []
    try:
        read.extend(Recording(path))  # keeps what came before an error
    except RecordingError as error:
        return read, error
    return read, None


def test_every_cut_and_every_flipped_bit_is_reported_and_costs_nothing_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    records: list[tuple[Kind, int, bytes]] = [("client", n, bytes([n]) * 20) for n in range(6)]
    data = written(path, *records, ("exit", 9, b"0"))
    whole = [bytes((*data[:place], data[place] ^ 0x10, *data[place + 1 :])) for place in range(len(data))]
    for damaged in (*(data[:place] for place in range(len(data))), *whole):
        path.write_bytes(damaged)
        read, error = read_all(path)
        if error is not None:
            assert str(path) in error.message
            assert error.exit_status == 65
        else:  # cut between two records, or a bit of a time or of the header's text
            assert len(damaged) == len(data) or len(read) < 7
        for got, was in zip(read, records, strict=False):
            assert got.data == was[2]


def test_a_file_that_is_not_there_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Recording(tmp_path / "a")


@pytest.mark.parametrize("status", [b"-x", b"", "\u00b2".encode(), b"9" * 5000])
def test_an_exit_status_that_is_not_a_number_is_damage(tmp_path: Path, status: bytes) -> None:
    written(tmp_path / "a", ("exit", 1, status))
    with pytest.raises(RecordingError, match="not a number"):
        list(Recording(tmp_path / "a"))


def test_the_magic_names_its_version() -> None:
    assert encode_header(HEADER).startswith(MAGIC)


# The conversation ----------------------------------------------------------------------------------------------------


@given(st.data())
def test_frames_are_the_same_however_the_bytes_were_cut(data: st.DataObject) -> None:
    stream = HELLO + ANSWER + STATE
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    passed = list(conversation(record("sidecar", n, piece) for n, piece in enumerate(pieces)))
    assert [each.field("type") for each in passed] == ["hello", "response", "event"]
    assert not any(each.trouble for each in passed)


def test_what_is_not_a_frame_is_shown_with_its_bytes_and_so_is_all_that_follows() -> None:
    records = [record("client", 1, b"INFO log line"), record("client", 2, ASK), record("sidecar", 3, HELLO)]
    first, second, hello = conversation(records)
    assert (first.body, second.body) == (b"INFO log line", ASK)
    assert "not a frame" in first.trouble
    assert "INFO" in first.trouble
    assert second.trouble == "not a frame"
    assert hello.field("pid") == 5


def test_a_frame_that_was_never_completed_is_reported() -> None:
    passed = list(conversation([record("client", 1, ASK[:-3]), record("client end", 2, b""), record("exit", 3, b"0")]))
    assert [each.trouble for each in passed] == [
        f"{len(ASK) - 3} bytes of a frame that was never completed", "end of input", "exit status 0",
    ]  # fmt: skip


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    list(conversation([record("client", 1, data), record("client end", 2, b"")]))
    tape(record("sidecar", 0, HELLO), record("client", 1, data), record("sidecar", 2, data))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=8,
    )
)
def test_no_message_is_too_odd(value: object) -> None:
    found = tape(
        *(
            record(side, n, frame(message))
            for n, (side, message) in enumerate(
                (side, message)
                for side in ("client", "sidecar")
                for message in (
                    value,
                    {"type": value},
                    *(
                        {"type": kind, "id": value, "channel": value, "payload": value, "args": value}
                        for kind in ("hello", "request", "response", "error", "event")
                    ),
                )
            )
        )
    )
    Answers(found).find("a", value)


# The script ----------------------------------------------------------------------------------------------------------


def tape(*records: Record) -> Tape:
    found = Tape()
    for each in records:
        found.take(each)
    return found


WHOLE = [record("sidecar", 1, HELLO), record("client", 2, ASK), record("sidecar", 3, STATE + ANSWER), record("client", 5, ASK), record("client end", 6, b""), record("exit", 7, b"0")]  # fmt: skip


def test_a_step_knows_what_had_been_answered_before_it() -> None:
    steps = tape(*WHOLE).steps
    assert [(step.at, step.data, step.answers, step.moves) for step in steps] == [
        (1.0, ASK, 0, 0), (4.0, ASK, 1, 1), (5.0, None, 1, 1),
    ]  # fmt: skip


def test_an_answer_finds_its_question() -> None:
    first, second = tape(*WHOLE).exchanges
    assert (first.channel, first.args, first.outcome) == ("a:b", [7], {"x": 1})
    assert first.answered_at - first.requested_at == 1.0
    assert second.answer is None


def test_whether_the_client_asked_for_the_end() -> None:
    shutdown = frame({"type": "request", "id": 1, "channel": "sidecar:shutdown"})
    died = [record("sidecar", 1, HELLO), record("exit", 2, b"70")]
    assert tape(*WHOLE).ended_by_client
    assert tape(died[0], record("client", 1, shutdown), died[1]).ended_by_client
    assert not tape(*died).ended_by_client
    assert tape(*died).exit == 70


def test_the_same_question_gets_its_own_answers_in_turn_and_the_last_one_again() -> None:
    def asked(number: int, args: list[int], result: int) -> list[Record]:
        return [
            record("client", number, frame({"type": "request", "id": number, "channel": "a:b", "args": args})),
            record("sidecar", number, frame({"type": "response", "id": number, "result": result})),
        ]

    answers = Answers(tape(*asked(1, [], 10), *asked(2, [], 20), *asked(3, [5], 50)))
    outcomes = [found.outcome for args in ([], [5], [], []) if (found := answers.find("a:b", args))]
    assert outcomes == [10, 50, 20, 20]
    other = answers.find("a:b", [9])
    assert other is not None
    assert answers.find("a:c", []) is None


# The comparison ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", False)]),
        ({"a": 1}, {"a": 1.5}, [("a", False)]),
        ({"a": 1}, {"a": "1"}, [("a", True)]),
        ({"a": 1}, {"a": True}, [("a", True)]),
        ({"a": 1}, {}, [("a", True)]),
        ({}, {"a": 1}, [("a", True)]),
        ({"a": None}, {"a": {"b": 1}}, [("a", False)]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, [("a.b[1]", False)]),
        ([1], [1, 2], [("(length)", False)]),
        ([{"a": 1}], [{"b": 1}], [("[0].a", True), ("[0].b", True)]),
        ("x", None, [("", False)]),
    ],
)
def test_shape_is_distinguished_from_value(before: object, now: object, found: list[tuple[str, bool]]) -> None:
    assert [(each.path, each.shape) for each in differences(before, now)] == found


def exchange(**answer: object) -> Exchange:
    return Exchange(1, "a:b", [], 0.0, dict(answer) if answer else None)


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (exchange(type="response", result=1), exchange(type="response", result=1), "same"),
        (exchange(type="response", result=1), exchange(type="response", result=2), "values"),
        (exchange(type="response", result=1), exchange(type="response", result="1"), "DIFFERENT"),
        (exchange(type="response", result=1), exchange(type="error", error={"code": "X"}), "DIFFERENT"),
        (exchange(type="response", result=1), exchange(), "DIFFERENT"),
        (exchange(type="response", result=1), None, "DIFFERENT"),
        (exchange(), exchange(type="response", result=1), "same"),
        (exchange(type="error", error={"code": "X", "message": "a"}), exchange(type="error", error={"code": "X", "message": "b", "hint": "c"}), "values"),
        (exchange(type="error", error={"code": "X"}), exchange(type="error", error={"code": "Y"}), "DIFFERENT"),
    ],
)  # fmt: skip
def test_a_verdict(old: Exchange, new: Exchange | None, verdict: str) -> None:
    assert judge(old, new)[0] == verdict


def test_the_report_counts_what_a_client_could_stumble_over() -> None:
    said: list[str] = []
    assert report(tape(*WHOLE), tape(*WHOLE), said.append) == 0
    assert said[-1] == "2 requests replayed, nothing different"
    assert report(tape(*WHOLE), tape(*WHOLE[:1], record("exit", 2, b"70")), said.append) == 3
    assert said[-1] == "2 requests replayed, 3 different"
    assert "DIFFERENT  exit status: 0 → 70" in said
