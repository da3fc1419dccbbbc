"""What Windows' programs print in other encodings than UTF-8."""

from __future__ import annotations

import sys

import pytest

from sidecar.observe.lines import LineSplitter
from sidecar.process.platform import as_utf8, line_as_utf8

WSL = "Es wurde keine Distribution gefunden: prüfen:\r\nwsl.exe --list\r\n"


@pytest.mark.parametrize(
    ("line", "code_page", "text"),
    [
        ("Jürgen ✓".encode(), "cp850", "Jürgen ✓"),
        ("C:\\Users\\Jürgen".encode("cp850"), "cp850", "C:\\Users\\Jürgen"),
        ("ファイルが見つかりません".encode("cp932"), "cp932", "ファイルが見つかりません"),
        (b"\xfc\x00 of a binary", "cp850", "³\0 of a binary"),
        ("\ufeffFehler\r".encode("utf-16-le"), "cp850", "Fehler\r"),
        ("找不到文件\r".encode("utf-16-le"), "cp936", "找不到文件\r"),
        (b"\0" + "zwei\r".encode("utf-16-le"), "cp850", "zwei\r"),
        (b"\0", "cp850", "\0"),
        (b"", "cp850", ""),
    ],
)
def test_a_line_is_read_in_the_encoding_that_it_is_in(line: bytes, code_page: str, text: str) -> None:
    assert line_as_utf8(line, code_page).decode() == text


def test_only_windows_has_a_second_encoding() -> None:
    data = "größe\n".encode() + b"caf\xe9\n"
    assert as_utf8(data).startswith("größe\n".encode())
    assert (as_utf8(data) == data) is (sys.platform != "win32")


@pytest.mark.skipif(sys.platform != "win32", reason="other systems' programs do not write UTF-16")
def test_the_output_of_wsl_is_shown_line_by_line() -> None:
    splitter = LineSplitter()
    raw = WSL.encode("utf-16")
    assert splitter.feed(raw[:50]) + splitter.feed(raw[50:]) + splitter.flush() == WSL.splitlines()
