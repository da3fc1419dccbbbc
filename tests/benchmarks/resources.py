"""What a look at the resources of a tree of fifty processes costs the event loop."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

from sidecar.observe.resources import Resources
from sidecar.process import tree
from sidecar.settings.model import Settings
from tests.support.runs import child

from .figures import Figure, Scale, Skipped, alternate, rows
from .rig import environment

SIZE = 50


def run(scale: Scale) -> Iterator[Figure]:
    """See the module."""
    if sys.platform != "linux":
        raise Skipped("the sample of a tree: measured where the tree is read from /proc")
    root = subprocess.Popen(child("family", "crowd", SIZE - 1), stdout=subprocess.PIPE, env=environment(), bufsize=0)
    with root:
        root.stdout.readline()
        process = psutil.Process(root.pid)
        family = process.children(recursive=True)
        try:
            yield _figure(root.pid, scale)
        finally:
            for one in [*family, process]:
                one.kill()


def _figure(pid: int, scale: Scale) -> Figure:
    def members() -> list[tuple[int, float]]:
        root = tree.read_entry(pid)
        assert root
        return [entry.key for entry in (root, *tree.walk((pid,))) if entry.alive]

    sampler = Resources(Settings().resources, members, on_sample=lambda _: None, on_alert=lambda _: None)

    def ours() -> float:
        began = time.perf_counter()
        sample = sampler.sample()
        took = (time.perf_counter() - began) * 1000
        assert sample.processes == SIZE, sample
        return took

    return Figure(
        f"resources of a tree of {SIZE}",
        "ms",
        rows(alternate({"sidecar": ours, "psutil": lambda: _by_psutil(pid)}, scale.of(101, 31, 3))),
        goal="≤ 5 ms",
        note="One sample, taken every two seconds: the processes of the tree and what each uses.",
    )


def _by_psutil(pid: int) -> float:
    began = time.perf_counter()
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        with process.oneshot():
            process.cpu_times()
            process.memory_info()
            process.num_threads()
    return (time.perf_counter() - began) * 1000
