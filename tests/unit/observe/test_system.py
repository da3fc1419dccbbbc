from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.observe.system import describe_system


def test_the_system_is_described_without_starting_any_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    platform._uname_cache = None  # type: ignore[attr-defined]  # else an earlier test may have paid for it
    text = "\n".join(describe_system(tmp_path))
    assert platform.python_version() in text
    assert {"linux": "Linux", "win32": "Windows", "darwin": "Darwin"}[sys.platform] in text
    assert "processors" in text
    assert "GiB free" in text


def test_a_folder_that_is_gone_costs_one_line_and_no_error(tmp_path: Path) -> None:
    assert any("is unknown" in line for line in describe_system(tmp_path / "gone"))
