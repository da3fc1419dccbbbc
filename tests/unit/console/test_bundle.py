from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest

from sidecar.console.bundle import write_bundle


def test_a_machine_whose_clock_stands_before_1980_gets_its_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(0))
    count = write_bundle(tmp_path / "support.zip", [], {})
    with zipfile.ZipFile(tmp_path / "support.zip") as archive:
        assert archive.testzip() is None
        entries = archive.infolist()
    assert len(entries) == count
    assert {entry.date_time[0] for entry in entries} == {1980}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_DEFLATED}
