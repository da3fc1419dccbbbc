"""The implementation without subreaper, parent death signal and /proc, as on macOS, forced on Linux."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest

from sidecar.core.exit_status import ExitStatus
from sidecar.process import tree
from sidecar.process.guardian import spawn_guardian
from sidecar.process.posix import PosixProcessLayer
from tests.process.posix.test_guardian import PROMISE, own  # noqa: F401 - a fixture
from tests.support.guardians import change_guardians
from tests.support.processes import marked, wait_until
from tests.support.runs import Recorder, child, spec

FAMILIES = ["none", "daemon", "double_fork", "pipe_holder", "crowd"]


@pytest.fixture
async def portable_layer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PosixProcessLayer]:
    monkeypatch.setattr(tree, "EXACT", False)
    change_guardians(monkeypatch, "tree.EXACT = False")
    layer = PosixProcessLayer(spawn_guardian(), print, "/nowhere")
    yield layer
    assert await layer.close() == []


@pytest.mark.parametrize("kind", FAMILIES)
async def test_a_kill_ends_the_family(portable_layer: PosixProcessLayer, kind: str) -> None:
    recorder = Recorder()
    run = await portable_layer.launch(spec(child("family", kind, 30)), recorder)
    await recorder.has_written(b"ready")
    assert run.processes()[0] == run.identity
    run.kill()
    assert await recorder.is_gone() == []
    assert recorder.status == ExitStatus(signal=signal.SIGKILL)
    assert marked(portable_layer.marker) == []


@pytest.mark.parametrize("kind", FAMILIES)
async def test_the_rest_of_the_family_ends_with_the_root(portable_layer: PosixProcessLayer, kind: str) -> None:
    recorder = Recorder()
    await portable_layer.launch(spec(child("family", kind, 30, "--exit", 3)), recorder)
    assert await recorder.is_gone() == []
    assert recorder.status == ExitStatus(code=3)
    assert marked(portable_layer.marker) == []


@pytest.mark.parametrize("kind", FAMILIES)
def test_nothing_is_left_when_the_owner_is_killed(own, kind: str) -> None:  # noqa: F811
    owner = own("running", *child("family", kind, 30), exact=False)
    owner.kill()
    wait_until(lambda: not owner.left(), PROMISE, what=owner.left)
