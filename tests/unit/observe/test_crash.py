from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar.api.recorder import Timeline
from sidecar.errors import InvalidArgsError
from sidecar.observe.crash import KEEP, CrashReports, report_name
from sidecar.observe.report import CrashFacts, read_summary, render
from sidecar.wire.messages import HealthResult
from sidecar.wire.observe import Crash, ResourceSample, StateChanged
from tests.support.processes import until


def crash(second: int = 0, **changes: Any) -> Crash:
    time = f"2026-11-23T10:55:{second:02}.123Z"
    summary = Crash(
        name=report_name(time),
        time=time,
        run=3,
        code=None,
        signal=6,
        text="killed by SIGABRT (6)",
        cause="The disk is full.",
        remedy="Free some space.",
        attempt=1,
        attempts=3,
        next_start_in=5.0,
        final=False,
    )
    return msgspec.structs.replace(summary, **changes)


def facts(summary: Crash | None = None, **more: Any) -> CrashFacts:
    return CrashFacts(summary=summary or crash(), **more)


@pytest.fixture
async def reports(tmp_path: Path) -> AsyncIterator[CrashReports]:
    reports = CrashReports(tmp_path, pytest.fail)
    yield reports
    await reports.close(30)


async def write(reports: CrashReports, facts: CrashFacts) -> str:
    reports.submit(facts)
    await reports.close(30)
    return facts.summary.name


def test_a_report_holds_all_that_is_known() -> None:
    timeline = Timeline()
    timeline.changed(
        StateChanged(
            state="RUNNING",
            previous="STARTING",
            reason="ready",
            pid=4711,
            port=5005,
            url="http://127.0.0.1:5005",
            time="T1",
        )
    )
    timeline.checked("T2", HealthResult(status="unhealthy", error="socket hang up"))
    text = render(
        facts(
            output="\x1b[31mfatal\x1b[0m: disk full \ufffd\r\n",
            pid=4711,
            port=5005,
            ready="T1",
            command=["/opt/my app/Aura.Api", "--x"],
            cwd="/opt/my app",
            env=["A", "B"],
            states=timeline.states,
            health=timeline.health,
            resources=[ResourceSample("T2", 12.5, 300 * 1024 * 1024, 2, 30)],
            oom=False,
            survivors=["ffmpeg (4712)"],
            notes=["a note"],
        ),
        system=["sidecar 1"],
    )
    for expected in (
        "the backend failed: killed by SIGABRT (6)",
        "The disk is full.",
        "Free some space.",
        "restarts in 5.0 s (restart 1 of 3)",
        "4711",
        '"/opt/my app/Aura.Api" --x',
        "T1  STARTING → RUNNING (ready) port 5005 pid 4711",
        "T2  unhealthy: socket hang up",
        "cpu   12.5 %  memory    300.0 MiB  2 processes  30 threads",
        "out-of-memory killer was not involved",
        "ffmpeg (4712)",
        "a note",
        "sidecar 1",
        "A\nB\n",
        "fatal: disk full �\n",
    ):
        assert expected in text
    assert read_summary(text) == (0, crash())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"final": True, "next_start_in": None}, "will not restart automatically"),
        ({"next_start_in": None}, "will not restart automatically"),
        ({"next_start_in": 0.0}, "restarts at once"),
    ],
)
def test_a_report_says_what_happens_next(changes: dict[str, Any], words: str) -> None:
    assert words in render(facts(crash(**changes)))


def test_a_report_without_facts_is_still_a_report() -> None:
    text = render(facts(crash(cause=None, remedy=None)))
    assert text.count("(no data)") == 6
    assert "Likely cause" not in text


def test_secrets_are_masked_in_text_and_summary() -> None:
    hidden = facts(crash(cause="password hunter2 refused"), states=["hunter2"], notes=["hunter2"])
    text = render(hidden, mask=lambda text: text.replace("hunter2", "***"))
    assert "hunter2" not in text
    summary = read_summary(text)
    assert summary[1].cause == "password *** refused"


def test_a_backend_cannot_forge_the_summary_of_its_report() -> None:
    forged = render(facts(crash(text="forged")))
    summary = read_summary(render(facts(output=forged)))
    assert summary[1].text == "killed by SIGABRT (6)"


@pytest.mark.parametrize("text", ["", "some log", "Summary for programs: {", "Summary for programs: {}"])
def test_a_text_that_is_not_a_report_has_no_summary(text: str) -> None:
    assert read_summary(text) is None


async def test_a_report_is_written_listed_and_read(reports: CrashReports, tmp_path: Path) -> None:
    assert await reports.summaries() == []
    name = await write(reports, facts(output="last words\n"))
    assert name == "crash-2026-11-23T10-55-00.123Z"
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.log"]
    assert await reports.summaries() == [crash()]
    whole = await reports.read(name)
    assert (whole.name, whole.attempt, whole.cause) == (name, 1, "The disk is full.")
    assert whole.report == (tmp_path / f"{name}.log").read_text("utf-8")
    assert "last words" in whole.report
    assert "Python" in whole.report


async def test_the_list_is_newest_first_and_the_newest_fifty_are_kept(reports: CrashReports, tmp_path: Path) -> None:
    (tmp_path / "crash-notes.log").write_text("a user's own file")
    for second in range(55):
        await write(reports, facts(crash(second)))
    assert [summary.time[17:19] for summary in await reports.summaries()] == [f"{n:02}" for n in range(54, 4, -1)]
    assert (tmp_path / "crash-notes.log").exists()
    assert len(list(tmp_path.iterdir())) == 51


async def test_a_report_can_be_read_before_the_disk_has_it(reports: CrashReports) -> None:
    reports.submit(facts(output="last words"))
    await write(reports, facts(crash(1)))
    reports.submit(facts(crash(2), output="newest"))
    names = [summary.time[17:19] for summary in await reports.summaries()]
    assert names == ["02", "01", "00"]
    assert "newest" in (await reports.read(crash(2).name)).report


async def test_reports_that_are_held_back_can_be_read_and_are_written_at_the_end(
    reports: CrashReports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.observe.crash.HOLD", 3600.0)
    reports.submit(facts(), hold=True)
    reports.submit(facts(crash(1)), hold=True)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not list(tmp_path.iterdir())
    assert [summary.time[17:19] for summary in await reports.summaries()] == ["01", "00"]
    await reports.close(60)
    assert len(list(tmp_path.glob("crash-*.log"))) == 2


async def test_a_report_that_is_held_back_is_written_soon(
    reports: CrashReports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.observe.crash.HOLD", 0.01)
    reports.submit(facts(), hold=True)
    await until(lambda: list(tmp_path.glob("crash-*.log")))


async def test_a_folder_that_cannot_be_written_costs_a_warning_and_no_report(tmp_path: Path) -> None:
    reported: list[str] = []
    (tmp_path / "logs").write_text("a file where the folder should be")
    reports = CrashReports(tmp_path / "logs", reported.append)
    for second in range(15):
        await write(reports, facts(crash(second)))
    assert len(reported) == 15
    assert "cannot be written" in reported[0]
    assert len(await reports.summaries()) == 10
    assert (await reports.read(crash(14).name)).text == "killed by SIGABRT (6)"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "crash-2026-11-23T10-55-59.123Z",
        "../crash-2026-11-23T10-55-00.123Z",
        "/etc/passwd",
        "crash-notes",
        "..\\x",
        "\0",
    ],
)
async def test_a_name_that_is_not_a_report_is_refused(reports: CrashReports, tmp_path: Path, name: str) -> None:
    (tmp_path / "crash-notes.log").write_text("not a report")
    with pytest.raises(InvalidArgsError, match="No crash report named"):
        await reports.read(name)


async def test_a_damaged_report_is_left_out(reports: CrashReports, tmp_path: Path) -> None:
    await write(reports, facts())
    (tmp_path / "crash-2026-11-23T10-56-00.123Z.log").write_bytes(b"\xff half a rep")
    assert await reports.summaries() == [crash()]
    with pytest.raises(InvalidArgsError):
        await reports.read("crash-2026-11-23T10-56-00.123Z")


async def test_reports_are_in_their_order_when_the_clock_is_set_back(tmp_path: Path) -> None:
    for number in range(KEEP):  # by a version that did not number them, or by this one
        name = report_name(f"2026-11-23T10:55:{number:02}.000Z")
        (tmp_path / f"{name}.log").write_text(render(facts(crash(name=name)), sequence=number % 2))
    first, second, third = (
        report_name(time)
        for time in ("2026-11-23T12:00:00.000Z", "2020-01-01T00:00:00.000Z", "2020-01-01T00:00:09.000Z")
    )
    for name in (first, second):
        reports = CrashReports(tmp_path, pytest.fail)  # each time another sidecar
        await write(reports, facts(crash(name=name)))
    reports.submit(facts(crash(name=third)))
    assert [summary.name for summary in await reports.summaries()][:3] == [third, second, first]
    await reports.close(30)
    listed = [summary.name for summary in await reports.summaries()]
    assert listed[:3] == [third, second, first]
    assert len(listed) == KEEP


def test_a_report_may_quote_a_path_that_is_not_utf8() -> None:
    text = render(facts(crash(text="cannot open /data/\udcff/file")))
    summary = read_summary(text)
    assert summary[1].text == "cannot open /data/�/file"
