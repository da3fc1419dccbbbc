"""Text that controls a terminal or reorders a line does not reach any place where people read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.console.doctor import checks_table
from sidecar.console.sentences import as_json, sentence
from sidecar.dashboard.tab import _STEERING
from sidecar.log import Entry, render
from sidecar.log.sinks import render_json
from sidecar.observe.lines import clean
from sidecar.observe.report import CrashFacts
from sidecar.observe.report import render as render_report
from sidecar.plain import escaped_json, one_line, printable
from sidecar.wire.observe import Check, Crash
from tests.e2e.test_doctor import doctor
from tests.support.launch import run_sidecar_here

C0 = [chr(code) for code in range(0x20) if chr(code) != "\n"]
STEERING = [
    *C0,
    "\x7f",
    *map(chr, range(0x80, 0xA0)),
    *"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
]
EVIL = "a" + "".join(STEERING) + "\x1b[31m\x1b]0;title\x07\x9b2J\u202egnp.exe" + "z"


def steering(text: str, allowed: Iterable[str] = "\n") -> list[str]:
    return [repr(character) for character in text if character in STEERING and character not in allowed]


def crash() -> Crash:
    return Crash(
        name="crash-1",
        time="T",
        run=1,
        code=1,
        signal=None,
        next_start_in=None,
        text=EVIL,
        cause=EVIL,
        remedy=EVIL,
        attempt=1,
        attempts=3,
        final=True,
    )


def test_the_log_holds_none_in_either_form() -> None:
    entry = Entry(0.0, "info", f"first\n{EVIL}", {"name": EVIL, "path": f"/x/{EVIL}"})
    assert steering("".join(render(entry, str))) == []
    line = render_json(entry, str)
    assert steering(line, "") == []
    assert json.loads(line)["path"] == f"/x/{EVIL}"


def test_a_crash_report_holds_none_but_the_tabs_of_the_output() -> None:
    report = render_report(
        CrashFacts(summary=crash(), output=EVIL, command=[EVIL], cwd=EVIL, env=[EVIL], survivors=[EVIL], notes=[EVIL])
    )
    assert steering(report, "\n\t") == []


def test_lines_of_the_backend_hold_none() -> None:
    assert steering(clean(EVIL.encode()), "\t") == []


@pytest.mark.parametrize("channel", ["backend:log", "backend:crash", "backend:healthUpdate", "unknown"])
def test_sentences_hold_none(channel: str) -> None:
    payload = {
        "text": EVIL,
        "stream": EVIL,
        "status": EVIL,
        "error": EVIL,
        "nextStartIn": None,
        "final": True,
        "attempt": 1,
    }
    assert steering(sentence(channel, {**payload, "attempts": 3}), "") == []


def test_a_table_of_checks_holds_none() -> None:
    from rich.console import Console

    console = Console(width=200, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(checks_table([Check("data", "failed", EVIL, EVIL, "code")]))
    assert steering(captured.get()) == []


def test_json_for_people_escapes_them_and_stays_the_same() -> None:
    value = {"message": EVIL, EVIL: ["\U000e0001", "ok"]}
    shown = as_json(value)
    assert steering(shown) == []
    assert json.loads(shown) == value


@given(st.text())
def test_any_text(text: str) -> None:
    assert steering(one_line(text), "") == []
    assert steering(printable(text)) == []
    document = json.dumps({"x": text}, ensure_ascii=False)
    assert steering(escaped_json(document)) == []
    assert json.loads(escaped_json(document)) == {"x": text}


def test_rows_of_the_dashboard_hold_none() -> None:
    frame = _STEERING.sub("\ufffd", msgspec.json.encode({"text": EVIL}).decode())
    assert steering(frame) == []


EVIL_NAME = "x\x1b[31m\u202ey"


def test_an_error_on_the_command_line_holds_none() -> None:
    done = run_sidecar_here("frames", f"/nowhere/{EVIL_NAME}")
    assert done.returncode != 0
    assert steering(done.stderr, "\n\r") == []


@pytest.mark.parametrize("as_table", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_doctor_of_an_evil_path_holds_none(as_table: bool) -> None:
    words = () if as_table else ("--json",)
    _, output, error = doctor(*words, "--profile", "generic", backend=[f"/nowhere/{EVIL_NAME}"])
    assert steering(output) == []
    assert steering(error) == []


@pytest.mark.posix(reason="Windows has no such names")
def test_a_bundle_and_a_list_of_data_hold_none_of_an_evil_folder(tmp_path: Path) -> None:
    evil = tmp_path / "x\x1b]52;c;eA==\x07\u202ey"
    evil.mkdir()
    _, output, error = doctor("--bundle", str(evil / "b.zip"), "--profile", "generic", backend=["true"])
    assert "b.zip: " in error
    assert steering(output + error) == []
    for words in (["data"], ["data", "--json"]):
        done = run_sidecar_here(
            *words, env={"XDG_STATE_HOME": str(evil), "HOME": str(evil), "SIDECAR_STATE": str(evil)}
        )
        assert steering(done.stdout + done.stderr, "\n") == []
