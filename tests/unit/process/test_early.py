"""The order of the first launch."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sidecar.process.spec import LaunchSpec

if sys.platform != "win32":
    from sidecar.process import early, guardian, prctl

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only on Linux a run is launched before the loop")


def test_the_sidecar_can_inherit_before_anything_can_be_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    order: list[str] = []
    monkeypatch.setattr(prctl, "arm_owner", lambda: order.append("arm"))
    monkeypatch.setattr(guardian, "fork_guardian", lambda _run: order.append("launch"))
    run = early.launch_early(LaunchSpec(("/bin/true",), "/", {}), str(tmp_path), port=None, notes=())
    for fd in (*run.streams, *run.outputs):
        os.close(fd)
    assert order == ["arm", "launch"]
