"""What a start without predecessors reads and writes in the data folder before msgspec is imported; record.py does the rest."""

import os
import time

from .platform.files import distrust, read_file, replace_file

# Names that no app uses for its own files: this may be its user-data folder
LAST = "sidecar-last-run.json"
PREFIX = "sidecar-run-"
MARKER = "SIDECAR_MARKER"  # the environment variable that marks everything that a sidecar launches
MAX_BYTES = 64 * 1024  # a record has about 300

_RANDOM_BYTES = 8
_LARGEST_PRIME = 4_294_967_291  # below 2**32


class UnusualError(Exception):
    """The folder holds more than a clean end leaves behind; reclaim.py handles it."""


def new_marker(folder: str | os.PathLike[str]) -> str:
    """Returns ``NAME=value`` for the environment of all that one sidecar launches: 16 random hex digits, then 8 derived from the data folder."""
    return f"{MARKER}={os.urandom(_RANDOM_BYTES).hex()}{_digest(folder)}"


def is_marker_of(folder: str | os.PathLike[str], marker: str) -> bool:
    """Whether a sidecar of this folder made the marker: a backend could copy another app's marker into a record here, but that marker has the other folder's digits."""
    return marker.endswith(_digest(folder))


def _digest(folder: str | os.PathLike[str]) -> str:
    """Returns 8 hex digits. hashlib is slow to import, and not needed: no attacker chooses either folder, so two only have to differ."""
    return f"{int.from_bytes(os.fsencode(os.path.realpath(folder)), 'big') % _LARGEST_PRIME:08x}"


def record_name(pid: int, started: float) -> str:
    """Returns the file name of a sidecar's own record."""
    return f"{PREFIX}{pid}-{started:.0f}.json"


def last_port(folder: str) -> int | None:
    """Returns the port of the folder's last run, or None. UnusualError: something to reclaim, another sidecar, or a folder not to be trusted."""
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


def write_first(folder: str, *, pid_namespace: str, owner: tuple[int, float], marker: str, port: int | None) -> None:
    """Writes the record of a sidecar that is about to launch its first run, in RunRecord's format. Raises OSError."""
    text = (
        f'{{"pid_namespace":"{pid_namespace}","owner":[{owner[0]},{owner[1]}],"guardian":null,'
        f'"backend":null,"marker":"{marker}","port":{port or "null"},"failures":0,"logs":"",'
        f'"written":{time.time()},"ending":0.0}}'
    )
    replace_file(os.path.join(folder, record_name(*owner)), text.encode("ascii"))
