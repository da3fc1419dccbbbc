"""The port ranges that Windows reserves (for Hyper-V, WSL and Docker), as netsh lists them."""

import re
import subprocess
import sys
from collections.abc import Sequence

from .machine import system_folder
from .signals import OWN_SESSION

_TIMEOUT = 10.0  # seconds; usually it takes 0.1

Range = tuple[int, int]


def reserved_ranges() -> list[Range] | None:
    """Returns first and last port of each range; None if unknown, empty off Windows. Blocks."""
    if sys.platform != "win32":
        return []
    command = [rf"{system_folder()}\netsh.exe", "interface", "ipv4", "show", "excludedportrange", "protocol=tcp"]
    how = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": _TIMEOUT, **OWN_SESSION}
    try:
        done = subprocess.run(command, check=False, **how)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse(done.stdout.decode("ascii", "replace"))


def parse(text: str) -> list[Range] | None:
    """Parses the ranges in netsh's table; None if there is no table. The table's text is localized, its numbers are not."""
    if not re.search(r"^\s*-{3,}\s+-{3,}", text, re.MULTILINE):
        return None
    rows = re.findall(r"^\s*(\d{1,5})\s+(\d{1,5})\s*\*?\s*$", text, re.MULTILINE)
    return [(int(first), int(last)) for first, last in rows if int(first) <= int(last) <= 65_535]


def range_of(port: int, ranges: Sequence[Range] | None) -> Range | None:
    return next((found for found in ranges or () if found[0] <= port <= found[1]), None)
