from __future__ import annotations

import asyncio

from sidecar.observe.resources import CpuMeter, Resources
from sidecar.process.platform.usage import Usage
from sidecar.settings.model import Resources as ResourceSettings
from sidecar.wire.observe import ResourceAlert, ResourceSample

A, B = (1, 1.0), (2, 1.0)


class Machine:
    """A clock and processes that a test moves by hand."""

    def __init__(self, *, tree_limit: int = 0, **settings: float) -> None:
        self.now = 100.0
        self.unmapped: dict[int, int] = {}
        self.counted_once: dict[int, int | None] = {}
        self.usage: dict[tuple[int, float], Usage] = {}
        self.samples: list[ResourceSample] = []
        self.alerts: list[ResourceAlert] = []
        self.resources = Resources(
            ResourceSettings(**settings),  # type: ignore[arg-type]  # whole numbers are given where they are wanted
            lambda: list(self.usage),
            memory_limit=tree_limit,
            on_sample=self.samples.append,
            on_alert=self.alerts.append,
            reader=self,
            now=lambda: self.now,
            clock=lambda: self.now,
        )

    def read(self, pid: int, started: float) -> Usage | None:
        return self.usage[(pid, started)] if pid > 0 else None

    def without_files(self, pid: int) -> int | None:
        return self.unmapped.get(pid)

    def count_once(self, pid: int) -> int | None:
        return self.counted_once.get(pid)


def test_cpu_is_a_percentage_of_one_core_since_the_last_sample() -> None:
    meter = CpuMeter()
    assert meter.measure({A: 50.0}, 0) == 0
    assert meter.measure({A: 51.0}, 2) == 50.0
    assert meter.measure({A: 54.0, B: 1.0}, 4) == 200.0  # B is new: all that it used was used since


def test_a_process_that_ended_or_whose_pid_was_reused_takes_nothing_away() -> None:
    meter = CpuMeter()
    meter.measure({A: 50.0, B: 50.0}, 0)
    assert meter.measure({A: 51.0}, 2) == 50.0
    assert meter.measure({(1, 2.0): 0.5}, 4) == 25.0


def test_two_samples_at_the_same_time_do_not_divide_by_zero() -> None:
    meter = CpuMeter()
    meter.measure({A: 1.0}, 5)
    assert meter.measure({A: 2.0}, 5) == 0.0


def test_shared_pages_count_once_if_a_limit_would_be_exceeded() -> None:
    machine = Machine(tree_limit=1200)
    machine.usage = {A: Usage(1.0, 1000, 3), B: Usage(1.0, 100, 1)}
    assert machine.resources.sample().memory == 1100  # type: ignore[union-attr]  # below the limit: not measured again
    machine.usage[B] = Usage(1.0, 900, 1)
    machine.counted_once = {1: 550, 2: 450}
    assert machine.resources.sample().memory == 1000  # type: ignore[union-attr]
    machine.counted_once = {1: 550, 2: None}  # another user's, say: its resident size counts
    assert machine.resources.sample().memory == 1450  # type: ignore[union-attr]


def test_mapped_files_do_not_count_if_a_limit_would_be_exceeded() -> None:
    machine = Machine(tree_limit=1200)
    machine.usage = {A: Usage(1.0, 9000, 3), B: Usage(1.0, 100, 1)}
    machine.counted_once = {1: 1, 2: 1}  # slow, so not asked for
    machine.unmapped = {1: 800}
    assert machine.resources.sample().memory == 900  # type: ignore[union-attr]


def test_a_sample_adds_up_the_whole_tree() -> None:
    machine = Machine()
    machine.usage = {A: Usage(1.0, 1000, 3), B: Usage(1.0, 500, 1), (-1, 0.0): Usage(0, 0, 0)}
    sample = machine.resources.sample()
    assert sample == ResourceSample(time="1970-01-01T00:01:40.000Z", cpu=0.0, memory=1500, processes=2, threads=4)


def test_no_live_process_gives_no_sample() -> None:
    machine = Machine()
    assert machine.resources.sample() is None
    assert machine.resources.history() == []


def test_the_history_is_bounded_by_the_window_and_can_be_asked_for_in_part() -> None:
    machine = Machine(window=60)
    machine.usage = {A: Usage(1.0, 1000, 3)}
    for _ in range(100):
        machine.resources.sample()
        machine.now += 2
    assert len(machine.resources.history()) == 30
    assert len(machine.resources._history) == 31
    assert len(machine.resources.history(10)) == 5
    machine.now += 1000
    assert machine.resources.history() == []


async def test_the_samples_of_the_last_run_are_distinguished_from_those_before() -> None:
    machine = Machine(interval=3600.0)
    machine.usage = {A: Usage(1.0, 1000, 3)}
    for memory in (1000, 2000):
        machine.usage[A] = Usage(1.0, memory, 3)
        machine.resources.begin()
        machine.now += 5
    machine.resources.end()
    assert [sample.memory for sample in machine.resources.last_run(60)] == [2000]
    assert machine.resources.last_run(1) == []
    assert len(machine.resources.history()) == 2


async def test_samples_come_while_a_run_lives_and_end_with_it() -> None:
    machine = Machine(interval=0.1, memory_limit=1000, hold=0)
    machine.usage = {A: Usage(1.0, 2000, 3)}
    machine.resources.begin()
    assert len(machine.samples) == 1  # the first at once
    async with asyncio.timeout(60):
        while len(machine.samples) < 3:
            await asyncio.sleep(0.01)
    machine.resources.end()
    count = len(machine.samples)
    assert [alert.active for alert in machine.alerts] == [True, False]
    await asyncio.sleep(0)
    assert machine.resources._timer is None
    assert len(machine.samples) == count
    assert len(machine.resources.history()) == count
