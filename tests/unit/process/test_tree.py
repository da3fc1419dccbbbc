"""Reading the process table, and the order in which a tree is stopped and killed."""

from __future__ import annotations

import signal
import sys

import pytest

from sidecar.process import tree
from sidecar.process.portable import Memory
from sidecar.process.tree import Entry

if sys.platform == "win32":
    pytest.skip("the tree is a job object there", allow_module_level=True)

from sidecar.process import killing, reactions
from sidecar.process.killing import TreeKill


def entry(
    pid: int, parent: int, *, session: int = 1, started: float | None = None, state: str = "S", group: int = 0
) -> Entry:
    at = float(pid) if started is None else started
    return Entry(pid, parent, session, started=at, state=state, name=f"p{pid}", group=group)


def entries(*items: Entry) -> dict[int, Entry]:
    return {item.pid: item for item in items}


def test_a_name_with_blanks_parentheses_and_line_ends_does_not_confuse_the_reader() -> None:
    fields = b" ".join(str(number).encode() for number in range(4, 53))
    found = tree.parse_stat(b"77 (a) R (b\n c) Z " + fields)
    assert (found.pid, found.name, found.state, found.parent, found.session, found.started) == (
        77,
        "a) R (b\n c",
        "Z",
        4,
        6,
        22.0,
    )
    assert (found.group, found.threads) == (5, 20)


@pytest.mark.parametrize(
    ("state", "threads", "alive"), [("Z", 1, False), ("Z", 2, True), ("X", 2, False), ("S", 1, True)]
)
def test_a_process_lives_as_long_as_one_of_its_threads(state: str, threads: int, alive: bool) -> None:
    assert Entry(7, 1, 1, started=1.0, state=state, name="", threads=threads).alive is alive


@pytest.mark.parametrize("data", [b"", b"77", b"77 (name", b"77 (name) S 1 2"])
def test_a_cut_line_is_not_an_entry(data: bytes) -> None:
    assert tree.parse_stat(data) is None


def test_descendants_come_parents_first_and_without_the_roots() -> None:
    table = entries(entry(10, 1), entry(11, 10), entry(12, 11), entry(13, 10), entry(20, 1))
    assert tree.descendants(table, (10,))[-1].pid == 12
    assert {found.pid for found in tree.descendants(table, (10,))} == {11, 12, 13}
    assert {found.pid for found in tree.descendants(table, (10,), without=(11,))} == {13}
    assert tree.descendants(table, (99,)) == []


def test_a_table_with_a_cycle_from_a_change_during_the_read_terminates() -> None:
    assert {found.pid for found in tree.descendants(entries(entry(5, 6), entry(6, 5)), (5,))} == {6}


@pytest.mark.parametrize("listed", [False, True], ids=["before", "after"])
def test_the_children_of_a_process_that_ends_during_a_walk_are_found(
    monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    """``listed``: whether its children were listed already. A stop asks nothing that was not found when it began."""
    table = entries(entry(10, 1), entry(11, 10), entry(12, 11))

    def children(pid: int) -> list[int]:
        found = [one.pid for one in table.values() if one.parent == pid]
        if pid == 10:
            del table[10]
            table[11] = entry(11, 1)
        return found if listed or pid != 10 else []

    monkeypatch.setattr(tree, "can_list_children", lambda: True)
    monkeypatch.setattr(tree, "children", children)
    monkeypatch.setattr(tree, "read_entry", table.get)
    assert [found.pid for found in tree.walk((1,))] == [10, 11, 12]


class World:
    """Processes that stop and die on request, and fork before they stop."""

    def __init__(self, *items: Entry, forks: int = 0, immortal: int = 0) -> None:
        self.table = entries(*items)
        self.forks = forks
        self.immortal = immortal
        self.sent: list[tuple[int, int]] = []

    def members(self) -> list[Entry]:
        return tree.descendants(self.table, (1,))

    def send(self, target: Entry, number: int) -> bool:
        self.sent.append((target.pid, number))
        if number == signal.SIGKILL and target.pid != self.immortal:
            del self.table[target.pid]
            for orphan in self.table.values():
                if orphan.parent == target.pid:
                    orphan.parent = 1
        elif number == signal.SIGSTOP:
            if self.forks:
                self.forks -= 1
                pid = max(self.table) + 1
                self.table[pid] = entry(pid, target.pid)
            self.table[target.pid] = Entry(
                target.pid, target.parent, 1, started=target.started, state="T", name=target.name
            )
        return True

    def run(self, steps: int = 200) -> int:
        kill = TreeKill(self.members, self.send, 20.0)
        for number in range(steps):
            if kill.step() is None:
                return number
        return steps


def test_everything_is_stopped_before_the_first_is_killed_and_leaves_die_first() -> None:
    world = World(entry(10, 1), entry(11, 10), entry(12, 11), forks=50)
    world.run()
    first_kill = world.sent.index(next(item for item in world.sent if item[1] == signal.SIGKILL))
    assert {number for _pid, number in world.sent[:first_kill]} == {signal.SIGSTOP}
    assert first_kill == 53
    killed = [pid for pid, number in world.sent if number == signal.SIGKILL]
    assert killed[-1] == 10
    assert world.table == {}


def test_a_group_is_stopped_and_killed_by_one_call_each_and_the_rest_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(entry(10, 1, group=10), entry(11, 10, group=10), entry(12, 11, group=12))
    calls: list[tuple[int, int]] = []

    def signal_group(group: int, number: int) -> bool:
        calls.append((group, number))
        if number == signal.SIGKILL:
            world.table = {pid: found for pid, found in world.table.items() if found.group != group}
        return True

    monkeypatch.setattr(killing, "signal_group", signal_group)
    kill = TreeKill(world.members, world.send, 20.0, keeps_orphans=True)
    assert kill.step(10) == 0
    assert kill.growing
    assert kill.step(10)
    assert calls == [(10, signal.SIGSTOP), (10, signal.SIGSTOP), (10, signal.SIGKILL)]
    assert world.sent == [(12, signal.SIGSTOP), (12, signal.SIGKILL)]
    assert {pid for pid, _started in kill.killed} == {10, 11, 12}
    assert world.table == {}


def test_a_group_that_no_signal_reaches_is_killed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(entry(10, 1, group=10), entry(11, 10, group=10))
    monkeypatch.setattr(killing, "signal_group", lambda *_: False)
    kill = TreeKill(world.members, world.send, 20.0, keeps_orphans=True)
    while kill.step(10) is not None:
        pass
    assert [pid for pid, number in world.sent if number == signal.SIGKILL] == [11, 10]


def test_a_zombie_is_neither_stopped_nor_killed() -> None:
    world = World(entry(10, 1, state="Z"))
    assert world.run() == 1  # the second look in a row
    assert world.sent == []


def test_a_process_that_does_not_stop_is_still_killed() -> None:
    class Restless(World):
        def send(self, target: Entry, number: int) -> bool:
            return number == signal.SIGSTOP or super().send(target, number)

    world = Restless(entry(10, 1))
    assert world.run() < 50
    assert world.table == {}


def test_a_process_that_does_not_die_keeps_the_kill_going_until_the_caller_gives_up() -> None:
    world = World(entry(10, 1), entry(11, 10), immortal=11)
    assert world.run(steps=50) == 50
    assert list(world.table) == [11]


@pytest.mark.parametrize("seconds", [0.0, 0.02])
def test_no_process_stays_stopped_when_the_time_is_up(seconds: float) -> None:
    world = World(entry(10, 1), entry(11, 10), forks=1_000_000)  # each look meets another one
    kill = TreeKill(world.members, world.send, seconds)
    while not kill.over and world.table:
        kill.step()
    stopped = {pid for pid, number in world.sent if number == signal.SIGSTOP}
    assert stopped == {pid for pid, number in world.sent if number == signal.SIGKILL}


def test_a_signal_reaches_no_process_when_the_pid_has_a_new_owner() -> None:
    import os

    if sys.platform != "linux":
        pytest.skip("reads /proc")
    me = tree.read_entry(os.getpid())
    assert tree.send(me, 0)
    me.started -= 1
    assert not tree.send(me, signal.SIGKILL)  # or this test process would be gone


class TestMemory:
    """What is known about a tree without a subreaper."""

    def remembered(self, *looks: dict[int, Entry]) -> set[int]:
        memory = Memory()
        memory.add_root(looks[0][10])
        for table in looks:
            found = memory.look(table)
        return {item.pid for item in found}

    def test_a_child_stays_known_when_its_parent_has_ended(self) -> None:
        assert self.remembered(
            entries(entry(10, 2), entry(11, 10, session=11)),
            entries(entry(11, 1, session=11), entry(12, 11, session=11)),
        ) == {11, 12}

    def test_the_roots_session_is_evidence_even_if_the_fork_was_not_seen(self) -> None:
        assert self.remembered(entries(entry(10, 2, session=10)), entries(entry(12, 1, session=10))) == {12}

    def test_a_session_that_a_member_opened_is_evidence(self) -> None:
        assert self.remembered(
            entries(entry(10, 2, session=10), entry(11, 10, session=11)), entries(entry(13, 1, session=11))
        ) == {13}

    def test_a_session_number_proves_nothing_once_its_last_member_was_seen_to_end(self) -> None:
        assert (
            self.remembered(entries(entry(10, 2, session=10)), entries(entry(3, 1)), entries(entry(14, 1, session=10)))
            == set()
        )

    def test_a_reused_pid_is_a_stranger(self) -> None:
        assert (
            self.remembered(entries(entry(10, 2, session=10)), entries(entry(10, 1, session=1, started=99.0))) == set()
        )


@pytest.mark.parametrize(("catches", "count"), [(True, 2), (False, 2), (False, 10), (False, 3000)])
def test_processes_that_all_read_each_others_output_are_looked_at_once(
    monkeypatch: pytest.MonkeyPatch, *, catches: bool, count: int
) -> None:
    """With ten of them the guardian took hours, in which nothing ended that tree."""
    looks = []
    monkeypatch.setattr(reactions, "link", lambda _pid, name: looks.append(name) or "pipe:[5]")
    monkeypatch.setattr(reactions, "_is_readable", lambda _pid, _number: True)
    living = [Entry(pid, 1, 1, started=0.0, state="S", name="x") for pid in range(100, 100 + count)]
    catching = {living[-1].key} if catches else set()
    assert reactions.reads_output(living[0], living, catching, would_die=False) is catches
    assert len(looks) <= 4 * count + 4
