"""What a start without predecessors reads and writes in the data folder, before msgspec is imported; record.py does the rest."""

from __future__ import annotations

import os
import time

from .platform.files import distrust, read_file, replace_file

# Names that an app, whose user-data folder it may be, has for nothing of its own
LAST = "sidecar-last-run.json"
PREFIX = "sidecar-run-"
MARKER = "SIDECAR_MARKER"
"""The variable by which everything that a sidecar launches is known."""
MAX_BYTES = 64 * 1024  # a record has some 300

_RANDOM_BYTES = 8
_LARGEST_PRIME = 4_294_967_291  # below 2**32


class UnusualError(Exception):
    """The folder holds more than a clean end leaves behind; reclaim.py knows what it means."""


def new_marker(folder: str | os.PathLike[str]) -> str:
    """``NAME=value`` for the environment of all that one sidecar of this data folder launches: 16 random hex digits, 8 of the folder."""
    return f"{MARKER}={os.urandom(_RANDOM_BYTES).hex()}{_digest(folder)}"


def is_marker_of(folder: str | os.PathLike[str], marker: str) -> bool:
    """Whether a sidecar of this folder made it: a backend can copy another app's marker into a record here, not change it there."""
    return marker.endswith(_digest(folder))


def _digest(folder: str | os.PathLike[str]) -> str:
    """Not hashlib's, which is slow to import: no attacker chooses either folder, so it only has to tell two from each other."""
    return f"{int.from_bytes(os.fsencode(os.path.realpath(folder)), 'big') % _LARGEST_PRIME:08x}"


def record_name(pid: int, started: float) -> str:
    """The name of a sidecar's own record."""
    return f"{PREFIX}{pid}-{started:.0f}.json"


def last_port(folder: str) -> int | None:
    """The port of the last run on the folder, or None. UnusualError: something to reclaim, another sidecar, or not trustworthy."""
    path = os.path.join(folder, LAST)
    if distrust(folder) is not None or distrust(path) is not None:
        raise UnusualError
    check_alone(folder, "")
    try:
        words = read_file(path, MAX_BYTES).split(b",")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnusualError from error
    if len(words) == 3 and words[0][:8] == b'{"port":' and words[1] == b'"failures":0':
        digits = words[0][8:]
        if digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= 65_535:
            return int(digits)
    raise UnusualError


def check_alone(folder: str, own: str) -> None:
    """Raises UnusualError for any record but ``own``."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UnusualError from error
    if any(name.startswith(PREFIX) and name != own for name in names):
        raise UnusualError


def write_first(folder: str, *, world: str, owner: tuple[int, float], marker: str, port: int | None) -> None:
    """Writes the record of a sidecar that is about to launch its first run, as RunRecord has it. Raises OSError."""
    text = (
        f'{{"world":"{world}","owner":[{owner[0]},{owner[1]}],"guardian":null,'
        f'"backend":null,"marker":"{marker}","port":{port or "null"},"failures":0,"logs":"",'
        f'"written":{time.time()},"ending":0.0}}'
    )
    replace_file(os.path.join(folder, record_name(*owner)), text.encode("ascii"))
