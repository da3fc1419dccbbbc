from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.process.platform.machine import describe_system, machine


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


@pytest.mark.skipif(sys.platform != "win32", reason="IsWow64Process2 is Windows' own")
def test_the_processor_is_asked_of_the_system_and_not_of_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCESSOR_ARCHITECTURE", "said wrongly")
    monkeypatch.delenv("PROCESSOR_ARCHITEW6432", raising=False)
    assert machine() in {"AMD64", "ARM64", "x86"}


@pytest.mark.skipif(sys.platform != "win32", reason="IsWow64Process2 is Windows' own")
@pytest.mark.parametrize(
    ("native", "reported"), [(0xAA64, "ARM64"), (0x8664, "AMD64"), (0x14C, "x86"), (0x1234, "from a variable")]
)
def test_an_emulated_program_reports_the_native_processor(
    monkeypatch: pytest.MonkeyPatch, native: int, reported: str
) -> None:
    import ctypes

    class Kernel:
        class GetCurrentProcess:
            def __call__(self) -> int:
                return -1

        class IsWow64Process2:
            def __call__(self, _handle: int, _process: object, machine: object) -> int:
                machine._obj.value = native  # type: ignore[attr-defined]
                return 1

        def __init__(self, _name: str) -> None:
            self.GetCurrentProcess = Kernel.GetCurrentProcess()
            self.IsWow64Process2 = Kernel.IsWow64Process2()

    monkeypatch.setattr(ctypes, "WinDLL", Kernel)
    monkeypatch.setenv("PROCESSOR_ARCHITECTURE", "from a variable")
    monkeypatch.delenv("PROCESSOR_ARCHITEW6432", raising=False)
    assert machine() == reported


@pytest.mark.skipif(sys.platform != "win32", reason="IsWow64Process2 is Windows' own")
def test_a_windows_without_the_function_is_detected_by_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    monkeypatch.setattr(ctypes, "WinDLL", lambda _name: object())
    monkeypatch.setenv("PROCESSOR_ARCHITECTURE", "x86")
    monkeypatch.setenv("PROCESSOR_ARCHITEW6432", "AMD64")
    assert machine() == "AMD64"
