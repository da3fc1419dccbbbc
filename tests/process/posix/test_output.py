"""The backend's output is read as it is written, to the end, but at most half a second after the backend exited."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from sidecar.process.posix import PosixProcessLayer
from tests.support.processes import SLACK, until
from tests.support.runs import Recorder, child, python, spec


async def test_both_streams_are_distinguished_byte_by_byte(layer: PosixProcessLayer) -> None:
    recorder = Recorder()
    code = "import os; os.write(1, b'out\\r\\n\\xff\\0'); os.write(2, b'err\\xfe')"
    await layer.launch(spec(python(code)), recorder)
    await recorder.is_gone()
    assert bytes(recorder.out) == b"out\r\n\xff\0"
    assert bytes(recorder.err) == b"err\xfe"


async def test_the_last_words_of_a_dying_process_are_reported_before_gone(layer: PosixProcessLayer) -> None:
    code = "import os; os.write(2, b'x' * 65536); os.abort()"
    for _attempt in range(10):
        recorder = Recorder()
        await layer.launch(spec(python("import resource; resource.setrlimit(4, (0, 0)); " + code)), recorder)
        await recorder.is_gone()
        assert len(recorder.err) == 65536
        assert recorder.order[-1] == "gone"


async def test_a_flood_is_read_in_constant_memory_without_blocking_the_loop(layer: PosixProcessLayer) -> None:
    recorder = Recorder()
    recorder.keep = False
    before = _resident()
    await layer.launch(spec(child("flood", 256)), recorder)
    longest = last = 0.0
    while recorder.survivors is None:
        last = time.thread_time()  # its own, as the machine may be busy
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - last)
    assert recorder.size == 256 * 16 * 65536 + len(b"the last line\n")
    assert _resident() - before < 8 << 20
    assert longest < 0.5


async def test_output_is_cut_half_a_second_after_the_exit_if_an_outside_process_holds_the_pipe(
    layer: PosixProcessLayer, tmp_path: Path
) -> None:
    # The pipe's write end is opened by this test process, which is not part of the tree and survives the kill.
    recorder = Recorder()
    run = await layer.launch(spec(child("family", "none")), recorder)
    await recorder.has_written(b"ready")
    fd = os.open(f"/proc/{run.identity.pid}/fd/1", os.O_WRONLY)
    try:
        run.kill()
        await until(lambda: recorder.status is not None)
        os.write(fd, b"a late word")
        assert await recorder.is_gone() == []
        assert 0.4 < recorder.times["gone"] - recorder.times["exited"] < 0.5 + SLACK
        assert recorder.out.endswith(b"a late word")
        with pytest.raises(BrokenPipeError):
            os.write(fd, b"too late")
    finally:
        os.close(fd)


async def test_a_backend_that_closes_its_output_goes_on(layer: PosixProcessLayer) -> None:
    recorder = Recorder()
    code = "import os,time; os.close(1); os.close(2); time.sleep(600)"
    run = await layer.launch(spec(python(code)), recorder)
    await until(lambda: all(pipe.closed for pipe in run._outputs))
    assert recorder.order == []
    run.kill()
    assert await recorder.is_gone() == []
    assert recorder.order == ["exited", "gone"]


def _resident() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)
