"""Turns the bytes of a terminal program into lines for people."""

from ..core.terminal_text import home_as_return, without_controls
from ..process.platform import as_utf8

_LONG = 1024  # bytes
MAX_LINE = 64 * 1024  # bytes; a longer one is cut into pieces


def clean(line: bytes) -> str:
    """One line without its end and control sequences; after a carriage return (progress bars) only the last text counts."""
    line = home_as_return(as_utf8(line)).rstrip(b"\r")
    if b"\r" in line:
        line = line[line.rindex(b"\r") + 1 :]
    return without_controls(line.decode("utf-8", "replace")).replace("\r", "")


class LineSplitter:
    """Cuts one stream into lines; keeps the unfinished one."""

    def __init__(self) -> None:
        self._rest = b""
        self._overwritten = False  # a carriage return or backspace was in the unfinished line
        self._shown: str | None = None  # what ``progress`` last returned of it

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes, without one that ``progress`` already returned in full."""
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
        self._rest = home_as_return(self._rest)
        self._overwritten = self._overwritten or b"\b" in self._rest
        if b"\r" in self._rest:
            self._overwritten = True
            # A long one is cut. A short one may be the beginning of UTF-16, where the byte is a part of letters too.
            if len(self._rest) > _LONG and b"\0" not in self._rest:
                self._rest = self._rest[self._rest.rstrip(b"\r").rfind(b"\r") + 1 :]
        *full, self._rest = _pieces(self._rest)
        return result + [clean(piece) for piece in full]

    def progress(self) -> str | None:
        """What a terminal shows of an unfinished line that overwrites itself (a progress bar); None if that has not changed."""
        text = clean(self._rest) if self._overwritten else ""
        if not text or text == self._shown:
            return None
        self._shown = text
        return text

    def flush(self) -> list[str]:
        text, shown = clean(self._rest), self._shown
        unfinished = bool(self._rest.strip(b"\0"))  # the rest of a line end in UTF-16 is not a line
        self.forget()
        return [text] if unfinished and text != shown else []

    def forget(self) -> None:
        """Drops the unfinished line, because the output after it was skipped."""
        self._rest, self._overwritten, self._shown = b"", False, None


def _pieces(line: bytes) -> list[bytes]:
    """Cuts a long line, never before a UTF-8 continuation byte, so that no character is split."""
    pieces = []
    while len(line) > MAX_LINE:
        cut = MAX_LINE
        while cut > MAX_LINE - 4 and line[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(line[:cut])
        line = line[cut:]
    return [*pieces, line]
