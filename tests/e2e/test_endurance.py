"""After a thousand crashes nothing has grown."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.support import processes
from tests.support.backends import script_backend
from tests.support.client import SidecarClient

CYCLES = 1000
LISTEN = (
    "import os, sys, _socket as s, time\n"
    "l = s.socket(); l.bind(('127.0.0.1', int(os.environ['PORT']))); l.listen()\n"
    "time.sleep(600)\n"
)


def footprint(pid: int) -> tuple[int, int, int, int]:
    process = psutil.Process(pid)
    return (
        processes.open_descriptors(pid),
        process.num_threads(),
        len(processes.descendants(pid)),
        process.memory_info().rss,
    )


@pytest.mark.long
@pytest.mark.posix(reason="counts descriptors, and kills a thousand times; a Windows cycle takes ten times as long")
async def test_a_thousand_crashes_and_restarts_leave_nothing_behind(tmp_path: Path) -> None:
    settings = {"restart.attempts": 1_000_000, "timeouts.restart_delay": 0}
    client = SidecarClient(script_backend(LISTEN), settings=settings, flags=["--profile", "generic"], data=tmp_path)
    async with client:
        pid = client.hello["pid"]
        before = None
        for cycle in range(CYCLES):
            backend = (await client.call("backend:waitForReady"))["pid"]
            if cycle == 50:  # everything that is imported or cached once is there by now
                before = footprint(pid)
            mark = client.mark()
            os.kill(backend, signal.SIGKILL)
            await client.state("STARTING", since=mark)
        await client.call("backend:waitForReady")
        after = footprint(pid)
        assert after[:3] == before[:3]
        # The ring of output and the list of failures may grow by a few hundred bytes a cycle, no more.
        assert after[3] - before[3] < 4_000_000, (before, after)
        assert (await client.call("backend:status"))["restarts"] == CYCLES
