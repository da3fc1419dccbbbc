"""Existing programs that may not be run: the marks of Windows and macOS on downloads, and which process holds a file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sidecar.observe.check_files import check_executable
from sidecar.process.executability import HEAD_BYTES, marks, windows

PROGRAM = Path("/Applications/Aura.app/Contents/MacOS/Aura.Api")


@pytest.mark.parametrize(
    ("stream", "marked"),
    [
        ("", False),
        ("[ZoneTransfer]\r\nZoneId=3\r\nReferrerUrl=https://example.com/\r\n", True),
        ("[ZoneTransfer]\nZoneId = 4\n", True),
        ("[ZoneTransfer]\nZoneId=2\n", False),
        ("[ZoneTransfer]\nZoneId=33\n", False),
        ("HostUrl=https://example.com/?ZoneId=3", False),
    ],
)
def test_the_mark_of_the_web_is_the_zone_of_the_internet(stream: str, *, marked: bool) -> None:
    found = marks.mark_of_the_web(stream, PROGRAM)
    assert (found is not None) is marked
    if found:
        assert f"Unblock-File -LiteralPath '{PROGRAM}'" in found.remedy


def test_the_command_that_removes_the_mark_is_quoted_for_powershell() -> None:
    found = marks.mark_of_the_web("ZoneId=3", Path("/home/o'brien/[x]/server"))
    assert found is not None
    assert "-LiteralPath '/home/o''brien/[x]/server'" in found.remedy.replace("\\", "/")


@pytest.mark.parametrize(
    ("value", "marked"),
    [
        (None, False),
        ("", False),
        ("0081;5f3e1a2b;Safari;4AA1-22", True),
        ("0083;5f3e1a2b;Chrome;", True),
        ("00c1;5f3e1a2b;Safari;4AA1-22", False),  # the user has approved it
        ("rubbish", True),
    ],
)
def test_the_quarantine_of_macos_counts_until_the_user_has_approved(value: str | None, *, marked: bool) -> None:
    found = marks.mark(PROGRAM, lambda _: value) if sys.platform != "win32" else marks.quarantine(value, PROGRAM)
    assert (found is not None) is marked
    if found:
        assert f"xattr -d com.apple.quarantine '{PROGRAM}'" in found.remedy


@pytest.mark.parametrize(
    ("winerror", "words"), [(32, "another program has the file open"), (225, "an antivirus found")]
)
def test_windows_names_what_keeps_a_program_from_being_read(winerror: int, words: str) -> None:
    found = windows.obstacle(winerror)
    assert words in found[0]
    assert windows.obstacle(5) is None


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (5, "access is denied (Windows error 5: text)"),
        (67, "its network share was not found"),
        (362, "cloud storage"),
        (1231, "its network share is not reachable"),
        (1117, "its disk cannot be read"),
        (577, "its signature is missing or invalid"),
        (4556, "Smart App Control blocked it"),
        (4580, "Smart App Control blocked it"),
        (9999, "the system refused (Windows error 9999: text)"),
    ],
)
def test_windows_refusals_are_explained(number: int, words: str) -> None:
    assert words in windows.refused("C:\\x.exe", number, "text").message


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("app.py", b"print(1)", '["python", "'),
        ("app.exe", b"no", "x64 or ARM64"),
        ("app.exe", b"", "its file is incomplete"),
    ],
)
def test_a_file_that_windows_cannot_run_is_inspected(tmp_path: Path, name: str, content: bytes, hint: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert hint in (windows.refused(str(tmp_path / name), 193, "text").hint or "")


def test_a_batch_file_that_cmd_would_not_run_as_it_is_is_refused_with_what_to_change() -> None:
    errors = windows.batch("C:\\x\\run.cmd"), windows.batch("C:\\100%\\run.cmd"), windows.batch("run.cmd", is_long=True)
    assert ["one of its arguments" in errors[0].message, "its path has a %" in errors[1].message] == [True, True]
    assert "8191 characters" in errors[2].message
    assert errors[2].hint == (
        "Shorten the arguments, or set the program that the batch file starts in backend.command."
    )


def test_an_app_execution_alias_can_be_started_though_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_program: Path) -> bytes:
        error = OSError(22, "cannot be accessed")
        error.winerror = windows.APP_ALIAS  # type: ignore[attr-defined,unused-ignore]  # Windows only
        raise error

    program = tmp_path / "python.exe"
    program.write_bytes(b"")
    program.chmod(0o755)
    monkeypatch.setattr(marks, "read_head", refuse)
    check = check_executable(lambda: (str(program),))
    assert (check.status, check.message) == ("ok", f"{program} is an app execution alias")


def test_a_program_is_read_from_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x00\r\n\x1a" * 2000)
    assert marks.read_head(tmp_path / "x") == (b"\x00\r\n\x1a" * 2000)[:HEAD_BYTES]
    with pytest.raises(FileNotFoundError):
        marks.read_head(tmp_path / "y")


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere no program can lock another's file")
def test_a_program_that_is_locked_is_reported(tmp_path: Path) -> None:
    import ctypes

    program = tmp_path / "server.exe"
    program.write_bytes(b"MZ")
    create = ctypes.WinDLL("kernel32").CreateFileW  # type: ignore[attr-defined,unused-ignore]  # Windows only
    create.restype = ctypes.c_void_p
    handle = create(ctypes.c_wchar_p(str(program)), 0x8000_0000, 0, None, 3, 0, None)  # shares nothing
    try:
        check = check_executable(lambda: (str(program),))
    finally:
        ctypes.WinDLL("kernel32").CloseHandle(ctypes.c_void_p(handle))  # type: ignore[attr-defined,unused-ignore]
    assert check.status == "failed"
    assert "another program has the file open" in check.message
