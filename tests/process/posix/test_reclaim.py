"""If sidecar and guardian die at the same instant, the next start kills what is provably theirs, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.process.base import ProcessId
from sidecar.process.first_record import new_marker, write_first
from sidecar.process.identity import identify, own_identity, pid_namespace
from sidecar.process.reclaim import Reclaim, announce_self
from sidecar.process.record import Record, RunRecord
from tests.process.posix.test_guardian import FAMILIES, PROMISE, Owner, own  # noqa: F401 - a fixture
from tests.support.processes import is_alive, marked, wait_until
from tests.support.runs import child

DEAD = (2, 1.0)  # pid 2 is the kernel's or unused, and did not start at tick 1


def write(folder: Path, **facts: object) -> Path:
    """A record as an earlier sidecar would have left it."""
    import msgspec

    path = folder / f"sidecar-run-{facts.get('owner', DEAD)[0]}-1.json"  # type: ignore[index]
    path.write_bytes(
        msgspec.json.encode(RunRecord(**{"pid_namespace": pid_namespace(), "owner": DEAD, "written": 5.0, **facts}))
    )  # type: ignore[arg-type]
    return path


@pytest.fixture
def stranger():
    """A process that has nothing to do with any sidecar."""
    yield from sleeper()


@pytest.fixture
def marker(tmp_path: Path) -> str:
    """The marker of a sidecar of this folder."""
    return new_marker(tmp_path)


@pytest.fixture
def orphan(marker: str):
    """A process started with a sidecar's marker."""
    yield from sleeper(marker)


def sleeper(assignment: str = "") -> Iterator[subprocess.Popen[bytes]]:
    name, _, value = assignment.partition("=")
    env = os.environ | ({name: value} if name else {})
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], env=env)
    yield process
    process.kill()
    process.wait()


def bare_ones(owner: Owner) -> list[int]:
    return [found.pid for found in marked(owner.marker) if owner.marker in found.command]


@pytest.mark.parametrize("kind", FAMILIES)
def test_orphans_of_a_dead_sidecar_and_guardian_are_ended(own, tmp_path: Path, kind: str) -> None:  # noqa: F811
    owner: Owner = own("running", *child("family", kind), folder=str(tmp_path))
    if kind == "bare":
        wait_until(lambda: bare_ones(owner))  # executed: it has dropped the sidecar's marker
    # Both at once: stopped first, so that neither can act on the other's death.
    os.kill(owner.guardian, signal.SIGSTOP)
    os.kill(owner.process.pid, signal.SIGSTOP)
    os.kill(owner.guardian, signal.SIGKILL)
    owner.kill()
    wait_until(lambda: not is_alive(owner.guardian))  # a start waits for a guardian that is at work
    found = Reclaim(tmp_path).read()
    if kind == "bare":
        # It has no parent, no session and no environment of ours: nothing proves it, so it is not touched.
        wait_until(lambda: owner.left() == bare_ones(owner), PROMISE, what=owner.left)
        (bare,) = bare_ones(owner)
        os.kill(bare, signal.SIGKILL)
    else:
        wait_until(lambda: not owner.left(), PROMISE, what=owner.left)
    assert (found.last_port, found.failures, found.shared) == (45678, 2, False)
    assert [path.name for path in tmp_path.iterdir()] == ["sidecar-last-run.json"]
    again = Reclaim(tmp_path).read()
    assert (again.last_port, again.failures, again.killed, again.notes) == (45678, 2, [], [])


def test_a_live_guardian_of_a_dead_owner_does_not_block_a_start(own, tmp_path: Path) -> None:  # noqa: F811
    owner: Owner = own("running", *child("family", "double_fork"), folder=str(tmp_path))
    owner.kill()
    Reclaim(tmp_path).read()
    wait_until(lambda: not owner.left(), PROMISE, what=owner.left)


def test_a_sidecar_that_lives_keeps_its_backend_and_is_seen(own, tmp_path: Path) -> None:  # noqa: F811
    owner: Owner = own("running", *child("family", "daemon"), folder=str(tmp_path))
    left = owner.left()
    found = Reclaim(tmp_path).read()
    assert found.shared
    assert found.killed == []
    assert str(owner.process.pid) in found.neighbours[0]
    assert owner.left() == left
    second = Record(tmp_path, pytest.fail, keeps_port=False)
    second.update(port=1111)
    second.remove()
    assert len(list(tmp_path.iterdir())) == 1  # the first one's record; the folder's port stays the first one's


def test_of_sidecars_that_start_at_once_each_has_its_own_logs_and_the_first_announced_has_the_usual_ones(
    stranger, tmp_path: Path
) -> None:
    def announce(process: ProcessId | None) -> None:
        assert process is not None
        write_first(str(tmp_path), owner=process, pid_namespace=pid_namespace(), marker=new_marker(tmp_path), port=None)

    announce(identify(stranger.pid))
    assert Reclaim(tmp_path).read().logs == "backend-2"  # it may have chosen before it could see this one
    announce(own_identity())
    found = Reclaim(tmp_path).read()
    assert (found.shared, found.keeps_port, found.logs) == (True, False, "backend-2")  # as before
    announce(identify(stranger.pid))
    found = Reclaim(tmp_path).read()
    assert (found.shared, found.keeps_port, found.logs) == (True, True, "backend")  # it will see this one
    announce(identify(os.getppid()))
    announce(own_identity())
    assert Reclaim(tmp_path).read().logs == "backend-3"  # the second has not said yet which folder it takes


def test_a_start_announces_itself_once(tmp_path: Path) -> None:
    announce_self(tmp_path)
    (record,) = tmp_path.iterdir()
    before = record.read_bytes()
    announce_self(tmp_path)  # a later time would put it behind those that have seen it
    assert record.read_bytes() == before


def test_a_process_with_the_same_pid_and_another_start_time_is_never_touched(
    stranger, marker: str, tmp_path: Path
) -> None:
    write(tmp_path, backend=(stranger.pid, identify(stranger.pid).started - 1), marker=marker)
    found = Reclaim(tmp_path).read()
    assert found.killed == []
    assert f"Process {stranger.pid} has the pid of an earlier backend" in found.notes[0]
    assert is_alive(stranger.pid)


@pytest.mark.parametrize("named", [True, False])
def test_the_proof_works_in_the_other_direction_too(orphan, marker: str, tmp_path: Path, named: bool) -> None:
    process = identify(orphan.pid)
    write(tmp_path, backend=process if named else None, marker=marker)
    assert Reclaim(tmp_path).read().killed == [process]
    assert orphan.wait() == -signal.SIGKILL


def test_a_process_that_a_record_names_but_that_no_sidecar_started_is_left_alone(
    stranger, marker: str, tmp_path: Path
) -> None:
    process = identify(stranger.pid)
    write(tmp_path, owner=(3, 1.0), backend=process, guardian=process, marker=marker)
    write(tmp_path, owner=(4, 1.0), backend=process)
    assert Reclaim(tmp_path).read().killed == []
    assert is_alive(stranger.pid)


def test_a_process_of_another_boot_is_never_touched(stranger, tmp_path: Path) -> None:
    write(tmp_path, pid_namespace="another-boot/1", backend=identify(stranger.pid), port=7)
    found = Reclaim(tmp_path).read()
    assert (found.killed, found.last_port) == ([], 7)
    assert is_alive(stranger.pid)


def test_the_record_of_another_container_is_left_as_it_is(stranger, tmp_path: Path) -> None:
    path = write(tmp_path, pid_namespace=pid_namespace().split("/")[0] + "/1", backend=identify(stranger.pid))
    found = Reclaim(tmp_path).read()
    assert found.killed == []
    assert "another container" in found.notes[0]
    assert path.exists()
    assert is_alive(stranger.pid)


def test_this_process_and_its_ancestors_are_never_orphans(tmp_path: Path) -> None:
    write(tmp_path, backend=identify(os.getppid()), guardian=identify(os.getpid()))
    assert Reclaim(tmp_path).read().killed == []


def test_the_marker_proves_nothing_to_a_sidecar_that_was_started_with_it(
    tmp_path: Path, marker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*marker.split("="))
    process = subprocess.Popen(child("family", "none"), stdout=subprocess.DEVNULL)
    write(tmp_path, marker=marker)
    assert Reclaim(tmp_path).read().killed == []
    assert is_alive(process.pid)
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"pid_namespace":',
        b"\xff\xfe",
        b"[]",
        b'{"pid_namespace": "x", "owner": ["a", 1]}',
        b"null",
        b"7" * 60_000,
    ],
)
def test_a_damaged_record_is_reported_and_set_aside(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, owner=(3, 1.0), port=4242)
    (tmp_path / "sidecar-run-9-9.json").write_bytes(content)
    found = Reclaim(tmp_path).read()
    assert found.last_port == 4242
    assert "sidecar-run-9-9.json is damaged" in found.notes[0]
    assert (tmp_path / "sidecar-run-9-9.json.corrupt").read_bytes() == content
    assert Reclaim(tmp_path).read().notes == []


def test_a_damaged_last_run_is_reported_and_set_aside(tmp_path: Path) -> None:
    (tmp_path / "sidecar-last-run.json").write_bytes(b'{"port": "x"}')
    found = Reclaim(tmp_path).read()
    assert (found.last_port, len(found.notes)) == (None, 1)
    assert (tmp_path / "sidecar-last-run.json.corrupt").exists()


def test_the_newest_record_gives_port_and_failures(tmp_path: Path) -> None:
    write(tmp_path, owner=(3, 1.0), port=1003, failures=1, written=100.0)
    write(tmp_path, owner=(4, 1.0), port=1004, failures=3, written=300.0)
    write(tmp_path, owner=(5, 1.0), port=1005, failures=2, written=200.0)
    found = Reclaim(tmp_path).read()
    assert (found.last_port, found.failures) == (1004, 3)
    assert found.age > 1e9


def test_a_clean_end_keeps_the_port_and_forgets_the_failures(tmp_path: Path) -> None:
    record = Record(tmp_path / "made" / "when missing", pytest.fail)
    record.update(port=5005, failures=2, backend=ProcessId(*DEAD))
    record.remove()
    found = Reclaim(tmp_path / "made" / "when missing").read()
    assert (found.last_port, found.failures, found.notes) == (5005, 0, [])


def test_an_empty_or_missing_folder_is_not_an_error(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        found = Reclaim(folder).read()
        assert (found.last_port, found.failures, found.shared, found.notes, found.killed) == (None, 0, False, [], [])


def test_a_folder_that_cannot_be_written_is_reported_once_and_is_not_fatal(tmp_path: Path) -> None:
    # A file in the folder's place: read-only permissions do not stop root, who runs tests in containers.
    (tmp_path / "data").write_text("a file")
    reports: list[str] = []
    record = Record(tmp_path / "data", reports.append)
    record.update(port=1)
    record.update(port=2)
    record.remove()
    assert len(reports) == 1
    assert "cannot be written" in reports[0]
    assert Reclaim(tmp_path / "data").read().last_port is None


def test_a_reader_while_a_record_is_written_sees_a_whole_one(tmp_path: Path) -> None:
    import threading

    record = Record(tmp_path, pytest.fail)
    record.update(port=1)
    path = next(tmp_path.glob("sidecar-run-*.json"))
    stop = threading.Event()

    def rewrite() -> None:
        number = 1
        while not stop.is_set():
            number += 1
            record.update(port=number % 60000, marker="x" * (number % 5000))

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _attempt in range(500):
            json.loads(path.read_bytes())
    finally:
        stop.set()
        writer.join()
    assert len(list(tmp_path.iterdir())) == 1
