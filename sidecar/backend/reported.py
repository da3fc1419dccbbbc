"""The address that a backend prints when it chose its port itself."""

from __future__ import annotations

import re

_LOOPBACK = "127.0.0.1"
_LONGEST_LINE = 64 * 1024  # of a line without an end, only the last so many bytes are kept
# [::1]:53211, 127.0.0.1:53211, http://host:53211/path, or the number alone
_ADDRESS = r"(?:\w+://)?(?:(\[[0-9A-Fa-f:.%]*\]|[^\s:/\[\]]+):)?(\d{1,5})(?!\d|\.\d)"


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


class ReportedAddress:
    """Waits for the address in a stream of output, which comes in pieces of any size."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._rest = b""
        self.address: tuple[str, int] | None = None

    def feed(self, data: bytes) -> tuple[str, int] | None:
        """Takes the next piece; gives host and port once a whole line has held them."""
        if self.address is None:
            lines, newline, rest = (self._rest + data).rpartition(b"\n")
            self._rest = rest[-_LONGEST_LINE:]
            if newline:
                self.address = parse_reported(self._pattern, lines.decode("utf-8", "replace"))
        return self.address
