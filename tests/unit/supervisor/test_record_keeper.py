"""When the record is written: first what a later sidecar needs; the rest can wait until after the launch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sidecar.core.exit_status import ExitStatus
from sidecar.supervisor.record_keeper import RecordKeeper
from tests.support.stage import Stage, story


class FakeRecord:
    """Has the interface that the keeper uses; ``written``: the time of each write, and how many runs were requested by then."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.content = SimpleNamespace(written=0.0)
        self.written: list[tuple[float, int]] = []

    def update(self, **_changes: Any) -> None:
        self.content.written = 1.0
        self.written.append((self._stage.now, self._stage.layer.requested))


@story(restart__first_delay=0.0, timeouts__restart_delay=5.0)
async def test_the_first_run_is_recorded_before_its_launch_and_a_restart_once_it_has_started(stage: Stage) -> None:
    record: Any = FakeRecord(stage)
    RecordKeeper(record, stage.layer, stage.supervisor)
    stage.boots_in(0.001)
    await stage.supervisor.start()
    assert record.written[0] == (0.0, 0)
    record.written.clear()
    stage.process.exit(ExitStatus(signal=6))
    await stage.reach("RUNNING")
    await stage.pass_time(1)
    assert [launches for _, launches in record.written] == [2, 2]  # started; running, soon
    record.written.clear()
    stage.layer.launch_takes = 10.0
    stage.process.exit(ExitStatus(signal=6))
    began = stage.now
    await stage.pass_time(30)
    waiting, starting, started, *_ = [at - began for at, _ in record.written]
    assert 0.0 < waiting < 0.1
    assert 5.0 < starting < 5.1
    assert started >= 15.0
