"""Bytes of a terminal program → lines for people."""

from __future__ import annotations

import re

MAX_LINE = 64 * 1024  # bytes; a longer one comes in pieces

# ECMA-48: control sequences (CSI), operating system commands (OSC) and the other escapes of two characters; what is
# left of the C0 and C1 controls has no meaning in a line either; bidirectional controls would reach beyond it. Tab is text.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def clean(line: bytes) -> str:
    """One line without its end, decoded and stripped of control sequences.

    A carriage return sends the cursor back (progress bars): only what was written last is kept.
    """
    line = line.rstrip(b"\r")
    if b"\r" in line:
        line = line[line.rindex(b"\r") + 1 :]
    text = line.decode("utf-8", "replace")
    if text.isprintable():  # the common case, without a regular expression
        return text
    return _CONTROL.sub("", text)


class LineSplitter:
    """Cuts one stream into lines; keeps the unfinished one."""

    def __init__(self) -> None:
        self._rest = b""
        self._overwritten = False  # a carriage return was in the unfinished line
        self._shown: str | None = None  # what progress gave of it last

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes; without one that ``progress`` gave already as it is."""
        whole, newline, rest = data.rpartition(b"\n")
        lines = (self._rest + whole).split(b"\n") if newline else []
        self._rest = rest if newline else self._rest + rest
        result: list[str] = []
        for line in lines:
            if len(line) > MAX_LINE:
                result.extend(map(clean, _pieces(line)))
            else:
                result.append(clean(line))
        if newline:
            if result[0] == self._shown:
                del result[0]
            self._overwritten, self._shown = False, None
        if b"\r" in self._rest:
            self._overwritten = True
            self._rest = self._rest[self._rest.rstrip(b"\r").rfind(b"\r") + 1 :]
        *full, self._rest = _pieces(self._rest)
        return result + [clean(piece) for piece in full]

    def progress(self) -> str | None:
        """What a terminal shows of an unfinished line that overwrites itself (a progress bar); None when that has not changed."""
        text = clean(self._rest) if self._overwritten else ""
        if not text or text == self._shown:
            return None
        self._shown = text
        return text

    def flush(self) -> list[str]:
        """The unfinished line, where there is one: the stream has ended."""
        text, shown = clean(self._rest), self._shown
        unfinished = bool(self._rest)
        self.forget()
        return [text] if unfinished and text != shown else []

    def forget(self) -> None:
        """Gives up the unfinished line: what follows it was not seen."""
        self._rest, self._overwritten, self._shown = b"", False, None


def _pieces(line: bytes) -> list[bytes]:
    """Cut so that no character falls apart: never in front of a UTF-8 continuation byte."""
    pieces = []
    while len(line) > MAX_LINE:
        cut = MAX_LINE
        while cut > MAX_LINE - 4 and line[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(line[:cut])
        line = line[cut:]
    return [*pieces, line]
