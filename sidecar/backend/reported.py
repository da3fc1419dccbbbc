"""The address that a backend prints when it chose its port itself."""

from __future__ import annotations

import re

_LOOPBACK = "127.0.0.1"
ANY_ADDRESS = r"(https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):\d+)"
"""How servers print where they listen, for one that takes another port than it was given."""
_MAX_LINE = 64 * 1024  # of a line without an end, only the last so many bytes are kept
# [::1]:53211, 127.0.0.1:53211, http://host:53211/path, or the number alone
_ADDRESS = r"(?:\w+://)?(?:(\[[0-9A-Fa-f:.%]*\]|[^\s:/\[\]]+):)?(\d{1,5})(?!\d|\.\d)"
# Colours and titles: CSI and OSC sequences, ECMA-48 5.4 and 8.3.89.
_ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def parse_reported(pattern: str, text: str) -> tuple[str, int] | None:
    """Host and port of the first address in the text, None while there is none.

    A number alone stands for a port of 127.0.0.1. The line must be whole: of one that is cut, the port may be too
    (``ReportedAddress`` sees to that).

    Args:
        pattern: a regular expression whose group 1 is the address.
        text: what the backend printed.
    """
    for match in re.finditer(pattern, text):
        address = re.match(_ADDRESS, match.group(1) or "")
        if address and 1 <= int(address[2]) <= 65_535:
            return (address[1] or _LOOPBACK).strip("[]"), int(address[2])
    return None


def last_reported(pattern: str, output: bytes) -> int | None:
    """The port of the last address in the output; None without one."""
    lines = re.split(r"[\r\n]+", _plain(output))
    found = (parse_reported(pattern, line) for line in reversed(lines))
    return next((address[1] for address in found if address is not None), None)


def _plain(output: bytes) -> str:
    """Without colours; UTF-16 of ASCII text is that text with NULs in between."""
    return _ESCAPES.sub(b"", output.replace(b"\0", b"")).decode("utf-8", "replace")


class ReportedAddress:
    """Waits for the address in a stream of output, which comes in pieces of any size."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._rest = b""
        self.address: tuple[str, int] | None = None

    def feed(self, data: bytes) -> tuple[str, int] | None:
        """Takes the next piece; gives host and port once a whole line has held them. A carriage return ends a line too."""
        if self.address is None:
            whole = self._rest + data
            end = max(whole.rfind(b"\n"), whole.rfind(b"\r")) + 1
            self._rest = whole[end:][-_MAX_LINE:]
            if end:
                self.address = parse_reported(self._pattern, _plain(whole[:end]))
        return self.address

    @property
    def unfinished(self) -> int | None:
        """The port in a line that has no end so far, of which digits may still be missing; None without one."""
        found = parse_reported(self._pattern, _plain(self._rest)) if self._rest else None
        return found[1] if found is not None else None
