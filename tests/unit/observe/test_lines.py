from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.observe.lines import MAX_LINE, LineSplitter, clean


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"tab\tstays", "tab\tstays"),
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b[38;2;1;2;3mtrue colour\x1b[m", "true colour"),
        (b"\x1b]0;window title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b(Bcharset", "charset"),
        (b"bell\x07 and nul\x00", "bell and nul"),
        (b"windows end\r", "windows end"),
        (b"10%\r50%\r100%", "100%"),
        (b"10%\r100%\r", "100%"),
        (b"\x1b[2K\x1b[1G10%\x1b[2K\x1b[G100%", "100%"),
        (b"loading  1%\b\b\b 2%\b\b\bok", "loading ok"),
        (b"\b\bstart", "start"),
        ("größe ✓ 日本".encode(), "größe ✓ 日本"),
        pytest.param(
            b"broken \xff\xc3 bytes",
            "broken �� bytes",
            marks=pytest.mark.posix(reason="on Windows such bytes are of the console's code page"),
        ),
        (b"unfinished escape \x1b[31", "unfinished escape 31"),
        (b"", ""),
    ],
)
def test_a_line_is_cleaned_of_what_only_a_terminal_understands(raw: bytes, text: str) -> None:
    assert clean(raw) == text


@given(st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\r", b"")), max_size=20))
def test_the_lines_do_not_depend_on_where_the_chunks_were_cut(chunks: list[bytes]) -> None:
    pieces, whole = LineSplitter(), LineSplitter()
    one_by_one = [line for chunk in chunks for line in pieces.feed(chunk)] + pieces.flush()
    assert one_by_one == whole.feed(b"".join(chunks)) + whole.flush()


def test_a_character_that_is_cut_by_a_chunk_survives() -> None:
    splitter = LineSplitter()
    assert splitter.feed("naïve ✓\n".encode()[:7]) == []
    assert splitter.feed("naïve ✓\n".encode()[7:]) == ["naïve ✓"]


def test_every_newline_ends_exactly_one_line() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"\n\na\r\n") == ["", "", "a"]
    assert splitter.flush() == []


@pytest.mark.parametrize("tail", [b"", b"\n"])
def test_an_endless_line_comes_in_pieces_that_tear_no_character(tail: bytes) -> None:
    text = "é" * MAX_LINE + "x"  # an odd first byte would shift every cut into the middle of a character
    splitter = LineSplitter()
    lines = splitter.feed(b"x" + text.encode() + tail) + splitter.flush()
    assert len(lines) >= 3
    assert "".join(lines) == "x" + text


def test_a_forgotten_line_is_not_glued_to_the_next() -> None:
    splitter = LineSplitter()
    splitter.feed(b"half of a li")
    splitter.forget()
    assert splitter.feed(b"whole line\n") == ["whole line"]


def test_a_line_that_overwrites_itself_is_seen_while_it_moves() -> None:
    splitter = LineSplitter()
    assert (splitter.feed(b"Loading"), splitter.progress()) == ([], None)
    for step in (b"\r10%", b"\r20%\r30%", b"\r40%\r"):
        assert splitter.feed(step) == []
        assert splitter.progress() == step.strip(b"\r").decode().rpartition("\r")[2]
        assert splitter.progress() is None
    assert splitter.feed(b"50%\nnext\r") == ["50%"]
    assert splitter.progress() == "next"
    assert splitter.feed(b"\nlast\n") == ["last"]


@pytest.mark.parametrize(("back", "shown"), [(b"\x1b[2K\x1b[1G", "20%"), (b"\b\b\b", "20%")])
def test_a_line_that_moves_the_cursor_back_by_other_means_is_seen_too(back: bytes, shown: str) -> None:
    splitter = LineSplitter()
    splitter.feed(b"10%")
    for cut in range(len(back)):
        assert splitter.feed(back[cut : cut + 1]) == []
    splitter.feed(b"20%")
    assert splitter.progress() == shown
    assert splitter.feed(b"\n") == []


def test_a_progress_bar_is_not_an_endless_line() -> None:
    splitter = LineSplitter()
    for number in range(10_000):
        assert splitter.feed(b"\r%09d" % number) == []
    assert splitter.feed(b"\n") == ["000009999"]


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"x", b"\r")), max_size=20))
def test_what_was_overwritten_never_shows_in_a_line(chunks: list[bytes]) -> None:
    pieces = LineSplitter()
    one_by_one = [line for chunk in chunks for line in pieces.feed(chunk)] + pieces.flush()
    whole = LineSplitter()
    assert one_by_one == whole.feed(b"".join(chunks)) + whole.flush()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_in_utf_16_are_read_on_every_system(end: str) -> None:
    splitter = LineSplitter()
    data = f"Sérver läuft{end}Zeile 2{end}".encode("utf-16")
    assert splitter.feed(data) + splitter.feed(b"up\n") == ["Sérver läuft", "Zeile 2", "up"]


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_lines_in_utf_16_may_arrive_in_pieces(size: int) -> None:
    splitter = LineSplitter()
    data = "hello\r\nčeský\r\n".encode("utf-16-le")
    lines = [line for start in range(0, len(data), size) for line in splitter.feed(data[start : start + size])]
    assert lines + splitter.flush() == ["hello", "český"]
