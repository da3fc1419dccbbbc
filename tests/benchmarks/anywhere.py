"""The few figures that every platform can take, Windows (and Wine) included: nothing here waits with select on a pipe."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.support import processes
from tests.support.backends import http_backend, script_backend
from tests.support.client import SidecarClient
from tests.support.pipes import pack

from .figures import Figure, Scale, alternate, row, rows
from .rig import Sidecar, bare

_ECHO = "import os\nwhile data := os.read(0, 65536): os.write(1, data)"
_FAMILY = """
import json, subprocess, sys, time
pids = [subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]).pid for _ in range({size})]
open({file!r}, "w").write(json.dumps(pids))
time.sleep(60)
"""
_TREE = 10
_WARM = 50


def run(scale: Scale) -> Iterator[Figure]:
    """A start, a round trip, a crash, a stop, and the end of a tree whose sidecar was killed."""
    yield _start(scale)
    yield _round_trip(scale)
    yield from asyncio.run(_changes(scale.repetitions))
    yield asyncio.run(_killed(scale.repetitions))


def _start(scale: Scale) -> Figure:
    contenders = {
        "hello": lambda: _hello(answer=False),
        "first answer": lambda: _hello(answer=True),
        "python -c pass": _bare,
    }
    note = "From spawn; after hello, asyncio and msgspec are imported."
    return Figure("anywhere: start", "ms", rows(alternate(contenders, scale.repetitions)), note=note, compare=False)


def _hello(*, answer: bool) -> float:
    with Sidecar() as it:
        reported = it.call("sidecar:ping") if answer else it.until(lambda message: message["type"] == "hello", "hello")
        return (reported.at - it.spawned) * 1000


def _bare() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return (time.monotonic() - began) * 1000


def _round_trip(scale: Scale) -> Figure:
    count = scale.of(2000, 500, 5)
    contenders = {"sidecar:ping": lambda: _pings(count), "raw echo": lambda: _echoes(count)}
    note = "Blocking writes and reads of one frame of some 70 bytes; each value is the median of one conversation."
    return Figure("anywhere: round trip", "µs", rows(alternate(contenders, scale.repetitions)), note=note)


def _pings(count: int) -> float:
    with Sidecar() as it:
        it.settle()
        return _median_of_calls(it.stdin, it.stdout, count)


def _echoes(count: int) -> float:
    pipe = subprocess.PIPE
    with subprocess.Popen(bare("-c", _ECHO), stdin=pipe, stdout=pipe, bufsize=0) as child:
        taken = _median_of_calls(child.stdin.fileno(), child.stdout.fileno(), count)
        child.stdin.close()
        child.wait(30)
    return taken


def _median_of_calls(stdin: int, stdout: int, count: int) -> float:
    """In µs. Reads with ``os.read``: Windows has no readv, by which the group roundtrip does it."""
    taken = []
    for number in range(1, _WARM + count + 1):
        message = pack({"type": "request", "id": number, "channel": "sidecar:ping", "args": ["x" * 20]})
        began = time.perf_counter()
        os.write(stdin, message)
        _frame(stdout)
        taken.append((time.perf_counter() - began) * 1e6)
    return statistics.median(taken[_WARM:])


def _frame(descriptor: int) -> None:
    """Reads one frame; there is never more than one on its way."""
    head = os.read(descriptor, 4)
    left = int.from_bytes(head, "big")
    while left > 0:
        left -= len(os.read(descriptor, left))


async def _changes(repetitions: int) -> list[Figure]:
    reported: list[float] = []
    ready: list[float] = []
    stopped: list[float] = []
    settings = {"timeouts.restart_delay": 0.0, "restart.attempts": 1000}
    async with SidecarClient(http_backend(), settings=settings) as client:
        await client.call("backend:waitForReady")
        for _ in range(repetitions):
            pid = (await client.call("backend:status"))["pid"]
            mark = client.mark()
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)  # the latter: TerminateProcess
            await client.state("BACKOFF", since=mark)
            reported.append((time.monotonic() - began) * 1000)
            await client.state("RUNNING", since=mark)
            ready.append((time.monotonic() - began) * 1000)
        for _ in range(repetitions):
            began = time.monotonic()
            await client.call("backend:stop")
            stopped.append((time.monotonic() - began) * 1000)
            await client.call("backend:start")
    crash = [row("reported to the client", reported), row("ready again", ready)]
    note = "The backend is a small Python server; the second row includes its own start, the stop its graceful exit."
    return [
        Figure("anywhere: crash", "ms", crash, note=note, compare=False),
        Figure("anywhere: stop", "ms", [row("asked for to answered", stopped)]),
    ]


async def _killed(repetitions: int) -> Figure:
    taken = [await _kill_once() for _ in range(repetitions)]
    label = f"a tree of {_TREE + 1} gone"
    return Figure("anywhere: the sidecar is killed", "ms", [row(label, taken)])


async def _kill_once() -> float:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder, "family.json")
        backend = script_backend(_FAMILY.format(size=_TREE, file=str(file)))
        async with SidecarClient(backend, data=Path(folder), expect_exit=None) as client:
            await processes.until(lambda: file.exists() and file.read_text().endswith("]"), 30)
            children = json.loads(file.read_text())
            pids = [*children, psutil.Process(children[0]).ppid()]
            began = time.monotonic()
            client.kill()
            await processes.until(lambda: not any(map(processes.is_alive, pids)), 20)
            return (time.monotonic() - began) * 1000
