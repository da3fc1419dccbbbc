"""The run record is not an order to kill: a record from another writer kills nothing and aborts no start."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sidecar.console import state
from sidecar.observe.report import SUMMARY_MARK, read_summary
from sidecar.process.first_record import new_marker
from sidecar.process.identity import identify, pid_namespace
from sidecar.process.reclaim import Reclaim
from sidecar.process.record import Record, RunRecord

DEAD = (2, 1.0)
RECORD: dict[str, object] = {"pid_namespace": pid_namespace(), "owner": DEAD, "written": 5.0}

kills = pytest.mark.posix(reason="on Windows the job object ends everything, and reclaim kills nothing")
modes = pytest.mark.posix(reason="modes, owners and links of POSIX")


@pytest.fixture
def marker(tmp_path: Path) -> str:
    """The marker of a sidecar of this folder."""
    return new_marker(tmp_path)


@pytest.fixture
def orphan(marker: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process that each of these records would have killed."""
    name, _, value = marker.partition("=")
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"],
        env=os.environ | {name: value, "LANG": "C.UTF-8"},
    )
    yield process
    process.kill()
    process.wait()


def write(folder: Path, marker: str = "", **facts: object) -> Path:
    path = folder / "sidecar-run-2-1.json"
    path.write_bytes(msgspec.json.encode(RECORD | {"marker": marker} | facts))
    return path


def lives(orphan: subprocess.Popen[bytes], folder: Path) -> bool:
    begin = time.monotonic()
    assert Reclaim(folder).read().killed == []
    assert time.monotonic() - begin < 5
    return orphan.poll() is None


@kills
def test_the_records_here_would_kill_without_their_fault(
    orphan: subprocess.Popen[bytes], tmp_path: Path, marker: str
) -> None:
    write(tmp_path, marker, backend=identify(orphan.pid))
    assert Reclaim(tmp_path).read().killed == [identify(orphan.pid)] or orphan.wait(5)


@kills
@pytest.mark.parametrize(
    "wrong",
    ["LANG=C.UTF-8", "SIDECAR_MARKER=", "SIDECAR_MARKER=x", "PATH", "{}0", "0{}", "{}\n", "="],
)
def test_another_variable_is_not_a_marker(
    orphan: subprocess.Popen[bytes], tmp_path: Path, marker: str, wrong: str
) -> None:
    write(tmp_path, wrong.format(marker), backend=identify(orphan.pid))
    assert lives(orphan, tmp_path)


@kills
def test_the_marker_of_another_app_in_a_record_here_ends_nothing(
    orphan: subprocess.Popen[bytes], tmp_path: Path, marker: str
) -> None:
    """A sandboxed backend can read the other app's record, and write its own app's."""
    mine = tmp_path / "mine"
    mine.mkdir()
    write(mine, marker, backend=identify(orphan.pid))
    assert lives(orphan, mine)
    write(mine, marker)
    notes = Reclaim(mine).read().notes
    assert "belongs to another data folder or an older version of the sidecar" in notes[0]
    assert Reclaim(mine).read().notes == []
    assert orphan.poll() is None
    (tmp_path / "link").symlink_to(tmp_path)  # its own folder, by another name
    write(tmp_path, marker)
    assert Reclaim(tmp_path / "link").read().killed == [identify(orphan.pid)] or orphan.wait(5)


WRITES_A_TITLE = """
import ctypes, time
begin, end = map(int, open("/proc/self/stat").read().rpartition(")")[2].split()[47:49])
ctypes.memset(begin, ord("x"), end - begin)
print("written", flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="where the environment is comes from /proc")
@pytest.mark.parametrize("sandboxed", [True, False])
def test_a_process_with_a_title_is_not_ended_at_the_word_of_a_sandboxed_backend(
    tmp_path: Path, marker: str, sandboxed: bool
) -> None:
    """Its environment is gone, so the record alone says whose it is: any server of the user's with a title would do."""
    titled = subprocess.Popen([sys.executable, "-I", "-S", "-c", WRITES_A_TITLE], stdout=subprocess.PIPE)
    try:
        assert titled.stdout is not None
        assert titled.stdout.readline() == b"written\n"
        write(tmp_path, marker, backend=identify(titled.pid))
        killed = Reclaim(tmp_path, sandboxed=sandboxed).read().killed
        assert len(killed) == (0 if sandboxed else 1)
    finally:
        titled.kill()
        titled.communicate()


@kills
def test_a_process_that_shows_no_environment_is_left_alone(tmp_path: Path, marker: str) -> None:
    """Such as a key agent, whose environment the user's programs may not read: only the environment could prove that it is ours."""
    stranger = subprocess.Popen(["/bin/sleep", "600"], env={})
    try:
        write(tmp_path, marker, backend=identify(stranger.pid))
        assert lives(stranger, tmp_path)
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only a container of Linux numbers its processes for itself")
def test_a_sidecar_that_is_the_first_process_of_a_container_is_known(tmp_path: Path) -> None:
    write(tmp_path, owner=identify(1))
    assert "Another sidecar (pid 1)" in Reclaim(tmp_path).read().neighbours[0]


@modes
@pytest.mark.parametrize("mode", [0o777, 0o757, 0o1777])
def test_a_folder_that_others_can_write_is_reported_and_kills_nothing(
    orphan: subprocess.Popen[bytes], tmp_path: Path, marker: str, mode: int
) -> None:
    path = write(tmp_path, marker, backend=identify(orphan.pid))
    tmp_path.chmod(mode)
    found = Reclaim(tmp_path).read()
    assert found.killed == []
    assert any("cannot be trusted: other users can write to it" in note for note in found.notes)
    assert path.exists()
    assert orphan.poll() is None


@modes
def test_a_file_that_others_can_write_is_ignored(orphan: subprocess.Popen[bytes], tmp_path: Path, marker: str) -> None:
    write(tmp_path, marker, backend=identify(orphan.pid)).chmod(0o666)
    assert lives(orphan, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0 if hasattr(os, "geteuid") else True, reason="only root can give a file away")
def test_a_file_of_another_user_is_ignored(orphan: subprocess.Popen[bytes], tmp_path: Path, marker: str) -> None:
    os.chown(write(tmp_path, marker, backend=identify(orphan.pid)), 65_534, 65_534)
    assert lives(orphan, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0 if hasattr(os, "geteuid") else True, reason="only root can give a folder away")
def test_a_folder_of_another_user_kills_nothing(orphan: subprocess.Popen[bytes], tmp_path: Path, marker: str) -> None:
    write(tmp_path, marker, backend=identify(orphan.pid))
    os.chown(tmp_path, 65_534, 65_534)
    assert lives(orphan, tmp_path)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="access lists of Linux")
@pytest.mark.parametrize("of_folder", [True, False])
def test_what_an_access_list_lets_another_user_write_kills_nothing(
    orphan: subprocess.Popen[bytes], tmp_path: Path, marker: str, of_folder: bool
) -> None:
    """The mode alone shows the rights of the list as those of the owner's own group."""
    path = write(tmp_path, marker, backend=identify(orphan.pid))
    no_one = [(0x01, 7, -1), (0x02, 7, 65_534), (0x04, 0, -1), (0x10, 7, -1), (0x20, 0, -1)]
    entries = b"".join(struct.pack("<HHi", tag, rights, who) for tag, rights, who in no_one)
    os.setxattr(tmp_path if of_folder else path, "system.posix_acl_access", struct.pack("<I", 2) + entries)
    assert lives(orphan, tmp_path)


@modes
def test_a_link_is_not_followed(orphan: subprocess.Popen[bytes], tmp_path: Path, marker: str) -> None:
    path = write(tmp_path, marker, backend=identify(orphan.pid))
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert lives(orphan, tmp_path)


@pytest.mark.posix(reason="a named pipe in a folder")
@pytest.mark.parametrize("name", ["sidecar-run-2-1.json", "sidecar-last-run.json"])
def test_a_fifo_does_not_delay_a_start(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    begin = time.monotonic()
    found = Reclaim(tmp_path).read()
    assert time.monotonic() - begin < 5
    assert len(found.notes) == 1


@pytest.mark.posix(reason="Windows allots every byte of a file that is not marked as sparse")
@pytest.mark.parametrize("name", ["sidecar-run-2-1.json", "sidecar-last-run.json"])
def test_a_giant_is_not_read(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(1 << 40)
    assert "bytes" in Reclaim(tmp_path).read().notes[0]


WRONG: list[dict[str, object]] = [
    {"port": 70_000},
    {"port": 0},
    {"port": -1},
    {"failures": 10**9},
    {"failures": -5},
    {"failures": 1.5},
    {"backend": [1, 5.0]},
    {"backend": [0, 5.0]},
    {"backend": [-1, 5.0]},
    {"backend": [2**40, 5.0]},
    {"backend": [500, -5.0]},
    {"owner": [-1, 1.0]},
    {"logs": "../../etc"},
    {"logs": "backend-"},
    {"written": -1.0},
    {"written": 1e300},
    {"pid_namespace": "x" * 1000},
]


@pytest.mark.parametrize("fault", WRONG, ids=str)
def test_a_number_out_of_range_ends_no_start(tmp_path: Path, fault: dict[str, object]) -> None:
    write(tmp_path, **fault)
    first, second = Reclaim(tmp_path).read(), Reclaim(tmp_path).read()
    assert (first.last_port, first.failures, first.logs, first.killed) == (None, 0, "backend", [])
    assert "is damaged" in first.notes[0]
    assert second.notes == []


@pytest.mark.parametrize("content", [b'{"port": 70000}', b'{"failures": 1000000000}', b'{"failures": -1}'])
def test_a_last_run_out_of_range_is_set_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sidecar-last-run.json").write_bytes(content)
    found = Reclaim(tmp_path).read()
    assert (found.last_port, found.failures, len(found.notes)) == (None, 0, 1)
    assert Reclaim(tmp_path).read().notes == []


NESTED = (
    b'{"unknown":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
)  # deeper than any Python decodes, and short enough to be read


@pytest.mark.parametrize("name", ["sidecar-run-2-1.json", "sidecar-last-run.json"])
def test_a_deeply_nested_record_ends_no_start(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(NESTED)
    # Python 3.14 decodes as deep as its stack is large, which such a file may not exceed.
    assert all("is damaged" in note for note in Reclaim(tmp_path).read().notes)
    assert Reclaim(tmp_path).read().notes == []


def test_a_deeply_nested_summary_of_a_crash_hides_no_other_report() -> None:
    assert read_summary(f"a report\n{SUMMARY_MARK}{NESTED.decode()}\n") is None


def test_a_flood_of_records_does_not_delay_a_start(tmp_path: Path, marker: str) -> None:
    """The records of 5000 dead sidecars, each with a search for orphans, took more than a minute."""
    for number in range(2000):
        write(tmp_path, marker).rename(tmp_path / f"sidecar-run-{number + 3}-1.json")
    begin = time.monotonic()
    found = Reclaim(tmp_path).read()
    assert time.monotonic() - begin < 20
    assert "has 2000 run records; only the newest 32 are read" in found.notes[0]


def test_a_stranger_recorded_as_ending_delays_a_start_no_longer_than_a_sidecar_may(tmp_path: Path) -> None:
    """A record with ``ending: 3600`` and the pid of any program kept the backend from starting for an hour."""
    write(tmp_path, owner=identify(os.getppid()), ending=3600, written=time.time())
    (stranger,) = Reclaim(tmp_path, max_ending=27.0).read().ending
    assert stranger.seconds == 27.0


def test_failures_of_the_future_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, failures=3, port=5005, written=time.time() + 10**7)
    assert Reclaim(tmp_path).read().age == float("inf")


@modes
def test_what_a_sidecar_writes_is_read_again(tmp_path: Path) -> None:
    record = Record(tmp_path / "data", pytest.fail)
    record.update(port=5005, marker=new_marker(tmp_path), backend=identify(os.getpid()), failures=1)
    path = next((tmp_path / "data").iterdir())
    assert msgspec.json.decode(path.read_bytes(), type=RunRecord) == record.content
    assert [one.stat().st_mode & 0o777 for one in (path, path.parent)] == [0o600, 0o700]


@pytest.mark.parametrize(
    "content",
    [
        b'{"command":["\xff"],"folder":"x","used":1.0}',
        b'{"command":[],"folder":"x","used":1e308}',
        b'{"command":[],"folder":"x","used":-1e308}',
        b'{"command":[],"folder":"x","used":253402300800}',
        b'{"command":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_a_damaged_state_ends_no_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """A backend under a tool may write there; each tool looks at all folders."""
    monkeypatch.setattr(state, "states_folder", lambda: tmp_path)
    damaged, used = tmp_path / "damaged", tmp_path / "used"
    for folder in (damaged, used):
        folder.mkdir()
    (damaged / "backend.json").write_bytes(content)
    (used / "backend.json").write_bytes(b'{"command":[],"folder":"x","used":1.0}')
    (used / "tool-1-1.json").write_bytes(b'{"pid_namespace":"\xff","tool":[1,1.0]}')
    assert [one.name for one in state.list_states()] == ["used"]
