"""What a sidecar costs that has nothing to do but a health check every second."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

import psutil

from tests.support.backends import http_backend

from .figures import Figure, Scale, row, rows
from .rig import Sidecar, bare, environment
from .usage import MIB, settled, share


def run(scale: Scale) -> Iterator[Figure]:
    """See the module."""
    windows = scale.of(10, 3, 1)
    seconds = scale.of(60, 10, 1)  # of each: the system counts processor time in hundredths of a second
    with Sidecar(http_backend()) as sidecar:
        sidecar.state("RUNNING")
        meter = settled(sidecar)
        readings = [meter.read()]
        for _ in range(windows):
            time.sleep(seconds)
            readings.append(meter.read())
    peers = {
        "python, asyncio asleep": [
            sys.executable,
            "-c",
            "import asyncio; print(flush=True); asyncio.run(asyncio.sleep(99))",
        ],
        "python -I -S, asleep": bare("-c", "import time; print(flush=True); time.sleep(99)"),
    }
    node = shutil.which("node")
    if node:
        peers["node, asleep"] = [node, "-e", "setTimeout(() => {}, 99000); console.log()"]
    asleep = {label: [_resident(command)] for label, command in peers.items()}
    yield Figure(
        "memory: idle",
        "MiB",
        rows({"sidecar": [reading.resident for reading in readings], **asleep}),
        goal="≤ 40 MB",
        note=f"Resident, with a health check every second, for {seconds * windows} s.",
    )
    yield Figure(
        "memory: guardian",
        "MiB",
        rows({"guardian": [reading.guardian for reading in readings], **asleep}),
        goal="≤ 12 MB",
        note="Resident; most of it is the interpreter, shared with the sidecar that forked it.",
    )
    yield Figure(
        "memory: growth while idle",
        "MiB",
        [row("last reading less the first", [readings[-1].resident - readings[0].resident])],
        goal="flat",
    )
    yield Figure(
        "processor: idle",
        "% of a core",
        [row("sidecar and guardian", [share(*pair) for pair in pairwise(readings)])],
        goal="≤ 0.3 %",
        note="One health check per second, a resource sample every two seconds.",
    )


def _resident(command: Sequence[str]) -> float:
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), bufsize=0)
    with child:
        child.stdout.readline()
        time.sleep(0.2)
        resident = psutil.Process(child.pid).memory_info().rss / MIB
        child.kill()
    return resident
