from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sidecar.process.platform.usage import PsutilReader, UsageReader, create_reader
from tests.support.processes import wait_until

BUSY = "import sys, time\nblock = bytearray(64 << 20)\nblock[:] = b'x' * len(block)\nt = time.process_time()\nwhile time.process_time() - t < 0.3: pass\nprint('done', flush=True)\nsys.stdin.read()"


@pytest.fixture(params=["of this system", "psutil"])
def reader(request: pytest.FixtureRequest) -> UsageReader:
    return create_reader() if request.param == "of this system" else PsutilReader()


@pytest.fixture(scope="module")
def busy() -> Iterator[psutil.Process]:
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout.readline().strip() == b"done"
        yield psutil.Process(child.pid)
        child.kill()


def started(pid: int) -> float:
    """As the process layer reports it."""
    if sys.platform == "linux":
        from sidecar.process.tree import read_entry

        entry = read_entry(pid)
        return entry.started
    return psutil.Process(pid).create_time()


def test_the_numbers_are_those_of_the_process(reader: UsageReader, busy: psutil.Process) -> None:
    usage = reader.read(busy.pid, started(busy.pid))
    assert usage.memory == pytest.approx(busy.memory_info().rss, rel=0.1)
    assert usage.memory > 64 << 20
    assert usage.threads == busy.num_threads()


@pytest.mark.not_wine(reason="Wine gives a caller its own processor time, whichever process it asks about")
def test_the_processor_time_is_that_of_the_process(reader: UsageReader, busy: psutil.Process) -> None:
    usage = reader.read(busy.pid, started(busy.pid))
    assert 0.25 <= usage.cpu_seconds <= 30


def test_a_process_that_ended_has_no_usage(reader: UsageReader) -> None:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        identity = (child.pid, started(child.pid))
        assert reader.read(*identity) is not None
        child.kill()
        child.wait(60)
        assert reader.read(*identity) is None


FAMILY = """
import os, signal, sys
block = bytearray(48 << 20)
block[:] = b"x" * len(block)
children = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        signal.pause()
    children.append(pid)
print(*children, flush=True)
sys.stdin.read()
for pid in children:
    os.kill(pid, signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports how much of shared pages falls to each process")
def test_what_processes_share_is_counted_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        pids = [child.pid, *map(int, child.stdout.readline().split())]
        reader = create_reader()
        resident = sum(usage.memory for pid in pids if (usage := reader.read(pid, started(pid))))
        once = sum(reader.count_once(pid) or 0 for pid in pids)
        child.stdin.close()
    assert resident > 5 * (48 << 20)
    assert 48 << 20 < once < 2 * (48 << 20)


MAPPED = """
import mmap, sys
with open(sys.argv[1], "w+b") as file:
    file.truncate(64 << 20)
    view = mmap.mmap(file.fileno(), 0)
    block = bytearray(16 << 20)
    for at in range(0, 64 << 20, 4096):
        view[at]
    print("done", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the measures of other systems leave mapped files out")
def test_a_mapped_file_does_not_count(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", MAPPED, str(tmp_path / "model")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"done\n"
        reader = create_reader()
        usage = reader.read(child.pid, started(child.pid))
        assert usage.memory > 80 << 20
        for counted in (reader.without_files(child.pid), reader.count_once(child.pid)):
            assert 16 << 20 < (counted or 0) < 48 << 20
        child.stdin.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the main thread's end is the end of the process")
def test_a_process_whose_main_thread_has_ended_has_a_usage() -> None:
    code = (
        "import ctypes, threading, time\n"
        "block = bytearray(32 << 20); block[:] = b'x' * len(block)\n"
        "threading.Thread(target=lambda: (print('ready', flush=True), time.sleep(600)), daemon=True).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        wait_until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
        usage = create_reader().read(child.pid, started(child.pid))
        assert usage.memory > 32 << 20
        assert (create_reader().count_once(child.pid) or 0) > 32 << 20
        child.kill()


def test_a_pid_that_never_was_has_no_usage(reader: UsageReader) -> None:
    assert reader.read(2**22 + 17, 0.0) is None


@pytest.mark.posix(reason="/proc is Linux's")
@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_another_process_with_the_pid_is_not_taken_for_it() -> None:
    assert create_reader().read(os.getpid(), 1.0) is None
