"""Which paths get the label Low on Windows, and what the sandbox denies beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from sidecar.process.base import SandboxRequest
from sidecar.process.sandbox import windows


def test_a_folder_with_the_home_gets_no_label_and_only_labelled_ones_are_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    (data / "logs").mkdir(parents=True)
    (home / "Videos").mkdir(parents=True)
    wanted = (str(tmp_path), str(home), str(home / "Videos"))
    request = SandboxRequest("standard", (str(data), str(data / "logs")), (), (), 8123, (), "server.exe", str(data))
    assert windows.select_writable(request).paths == [str(data)]
    assert [windows.select_writable(structs.replace(request, write=(each,))).paths for each in wanted] == [
        [str(data)],
        [str(data)],
        [str(data), str(home / "Videos")],
    ]
    assert windows.is_allowed(request, str(data / "logs" / "new"), write=True)
    assert not windows.is_allowed(request, str(home / "new"), write=True)
    assert windows.is_allowed(request, str(home / "new"), write=False)
