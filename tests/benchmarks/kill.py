"""How long it takes until nothing of a process tree is alive, beside what psutil offers for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

from tests.support.processes import marked
from tests.support.runs import child

from .figures import Figure, Scale, Skipped, alternate, rows
from .rig import Sidecar, environment

NAME = (
    "BENCHMARKED_TREE"  # every process of a tree inherits it: so what is left of one is found without trust in a parent
)


def run(scale: Scale) -> Iterator[Figure]:
    """See the module."""
    if sys.platform == "win32":
        raise Skipped("trees: their processes are made with fork")
    for size in (10, 100, 200, 1000)[: scale.of(4, 4, 1)]:
        repetitions = scale.of(9, 7, 1)
        contenders = {
            "sidecar": lambda size=size: by_sidecar(size),
            "psutil children and kill": lambda size=size: by_psutil(size),
        }
        yield Figure(
            f"tree of {size} killed",
            "ms",
            rows(alternate(contenders, repetitions)),
            goal="≤ 100 ms" if size == 200 else "",
            note="The sidecar: from backend:stop, with no time for a graceful exit, to the answer; the tree is stopped first,"
            " so that no process can escape by forking. psutil: children(recursive=True), kill each, poll until none is alive; a process that is forked in the meantime escapes.",
        )


def by_sidecar(size: int) -> float:
    """Milliseconds from request to answer."""
    mark = f"{NAME}={os.getpid()}-{time.monotonic_ns()}"
    settings = {
        "backend.env": dict([mark.split("=")]),
        "timeouts.graceful_shutdown": 0,
        "backend.autostart": False,
    }
    with Sidecar(
        child("family", "crowd", size, "--stubborn"), settings=settings, flags=["--profile", "generic"]
    ) as sidecar:
        sidecar.call("sidecar:subscribe", ["backend:log"])
        sidecar.request("backend:start")
        sidecar.log_line("stubborn")
        sidecar.settle()  # the kill is measured, not what is imported after a start
        began = time.monotonic()
        took = (sidecar.call("backend:stop").at - began) * 1000
        _nothing_left(mark)
        return took


def by_psutil(size: int) -> float:
    """Milliseconds until psutil says that all are gone."""
    mark = f"{NAME}={os.getpid()}-{time.monotonic_ns()}"
    root = subprocess.Popen(
        child("family", "crowd", size), stdout=subprocess.PIPE, env=environment(dict([mark.split("=")])), bufsize=0
    )
    with root:
        root.stdout.readline()
        began = time.monotonic()
        tree = [psutil.Process(root.pid), *psutil.Process(root.pid).children(recursive=True)]
        for process in tree:
            process.kill()
        root.wait()
        while any(map(_alive, tree)):
            time.sleep(0.001)
        took = (time.monotonic() - began) * 1000
    _nothing_left(mark)
    return took


def _alive(process: psutil.Process) -> bool:
    """A zombie is not: psutil's own wait_procs would wait until init, now its parent, gets round to it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _nothing_left(mark: str) -> None:
    """A fast kill that misses a process is not a kill."""
    left = marked(mark)
    for found in left:
        os.kill(found.pid, signal.SIGKILL)
    if left:
        raise AssertionError(f"alive after the kill: {left}")
