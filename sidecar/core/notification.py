"""What a backend reports about itself in one datagram, as to systemd: sd_notify(3). Pure."""

import re
from typing import Literal

from msgspec import Struct

MAX_BYTES = 4096  # per datagram, as in systemd (NOTIFY_BUFFER_MAX)
MAX_STATUS = 200  # characters of STATUS that are shown
_MICROSECONDS = 1_000_000
_DIGITS = re.compile(r"\d{1,18}", re.ASCII)


class Notification(Struct, frozen=True):
    """One datagram. Assignments without a meaning here (MAINPID, RELOADING, FDSTORE, BARRIER, ERRNO …) are ignored."""

    ready: bool = False  # READY=1
    stopping: bool = False  # STOPPING=1
    watchdog: Literal["", "alive", "trigger"] = ""  # alive WATCHDOG=1, trigger WATCHDOG=trigger
    status: str | None = None  # STATUS=, on one line; None: not given
    extend: float | None = None  # EXTEND_TIMEOUT_USEC in seconds
    problems: tuple[str, ...] = ()  # what could not be read, each a sentence


def parse_notification(data: bytes) -> Notification:
    """Parses lines of ``NAME=value``. A line that cannot be read does not affect the others."""
    fields: dict[bytes, bytes] = {}
    problems: list[str] = []
    for line in data.rstrip(b"\0").split(b"\n"):
        name, sign, value = line.partition(b"=")
        if sign:
            fields[name] = value.strip()
        elif line.strip():
            problems.append("A notification from the backend has a line that is not NAME=value")
    watchdog = fields.get(b"WATCHDOG")
    status, extend = fields.get(b"STATUS"), fields.get(b"EXTEND_TIMEOUT_USEC")
    seconds = None
    if extend is not None:
        if _DIGITS.fullmatch(text := extend.decode("ascii", "replace")):
            seconds = int(text) / _MICROSECONDS
        else:
            problems.append("EXTEND_TIMEOUT_USEC of the backend is not a number of microseconds")
    if status is not None:
        try:
            status.decode()
        except UnicodeDecodeError:
            problems.append(
                "STATUS of the backend is not UTF-8; \N{REPLACEMENT CHARACTER} replaces each unreadable byte"
            )
    return Notification(
        ready=fields.get(b"READY") == b"1",
        stopping=fields.get(b"STOPPING") == b"1",
        watchdog="alive" if watchdog == b"1" else "trigger" if watchdog == b"trigger" else "",
        status=None if status is None else status.decode("utf-8", "replace"),
        extend=seconds,
        problems=tuple(problems),
    )
