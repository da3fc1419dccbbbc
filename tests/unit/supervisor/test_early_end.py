"""Why a backend ended by itself: what its script's place says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sidecar.core.exit_status import ExitStatus
from sidecar.process.base import LaunchSpec
from sidecar.settings.model import Settings
from sidecar.supervisor.early_end import explain_early_end
from sidecar.supervisor.run import Run


def ended(*arguments: str, cwd: Path, code: int = 2, ready: bool = False) -> Run:
    spec = LaunchSpec(1, (sys.executable, *arguments), str(cwd), {})
    return Run(1, 5005, 0.0, 1.0 if ready else None, spec=spec, status=ExitStatus(code=code), lasted=0.1)


def test_a_script_in_the_folder_of_the_start_names_both_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server.py").touch()
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "bin"
    why = explain_early_end(ended("-u", "server.py", "--port", "5005", cwd=elsewhere), Settings())
    assert why is not None
    assert f"there is no {elsewhere / 'server.py'}" in why.cause
    assert f'set backend.cwd = "{tmp_path}"' in why.remedy
    assert str(tmp_path / "server.py") in why.remedy


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (("server.py",), {}),  # it is there
        (("-m", "server"), {}),
        (("/no/such/server.py",), {}),  # says so itself
        (("gone.py",), {"ready": True}),
        (("data.json",), {}),
    ],
)
def test_nothing_is_said_of_a_script_where_it_is_not_the_reason(
    tmp_path: Path, arguments: tuple[str, ...], more: dict[str, bool]
) -> None:
    (tmp_path / "server.py").touch()
    assert explain_early_end(ended(*arguments, cwd=tmp_path, **more), Settings()) is None
