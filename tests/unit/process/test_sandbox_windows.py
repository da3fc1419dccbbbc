"""Which paths get the label Low on Windows, and what else the sandbox denies."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from sidecar.process import sandbox
from sidecar.process.base import SandboxRequest


def test_a_folder_containing_the_home_gets_no_label_and_only_labelled_folders_are_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    (data / "logs").mkdir(parents=True)
    (home / "Videos").mkdir(parents=True)
    wanted = (str(tmp_path), str(home), str(home / "Videos"))
    request = SandboxRequest("standard", (str(data), str(data / "logs")), (), (), 8123, (), "server.exe", str(data))
    assert sandbox.labelled(request).paths == [str(data)]
    assert [sandbox.labelled(structs.replace(request, write=(each,))).paths for each in wanted] == [
        [str(data)],
        [str(data)],
        [str(data), str(home / "Videos")],
    ]
    assert sandbox.is_labelled(request, str(data / "logs" / "new"))
    assert not sandbox.is_labelled(request, str(home / "new"))
