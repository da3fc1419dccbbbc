"""Collects logs, crash reports and the diagnosis in one zip file, with secrets masked."""

import errno
import io
import os
import re
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import argv
from ..core.terminal_text import without_controls
from ..errors import SidecarError
from ..process.platform.files import keep_within, read_file, replace_file
from ..process.platform.machine import describe_system
from ..settings.masking import Found, mask_text, secrets_of, secrets_of_command, spellings
from ..settings.model import Settings
from ..settings.paths import changeable, resolve_paths
from ..wire.observe import Check
from .needed import settings_of
from .sentences import as_json

_FIRST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # zip's earliest time; a clock without a battery may be earlier
_OWNER_ONLY = 0o600
_MAX_KINDS = 30  # kinds of secrets listed per file; a hostile log has a thousand names
# All of our files match. The backend may create a name that leaves the folder when unpacked on Windows, or controls a terminal.
_OUR_NAME = re.compile(r"[A-Za-z0-9_./-]+")
LAST_BYTES = 2 * 1024 * 1024  # of each log: the end matters most
_KINDS = (("sidecar*.log", 3), ("crash-*.log", 50), ("backend*/backend-*.log", 6))


class Bundle:
    """The contents of a bundle, masked."""

    def __init__(self, checks: Sequence[Check], facts: dict[str, Any], serve_words: Sequence[str] = ()) -> None:
        """``facts``: ``logs``, the folder, and ``info``, the answer of ``sidecar:info``; empty if no sidecar ran."""
        settings = settings_of(serve_words)
        paths = resolve_paths(settings) if settings else None
        if settings and paths:
            keep_within(changeable(settings, paths))
        self._secrets = spellings(_secrets(serve_words, settings))
        self.texts: dict[str, str] = {}  # by name in the bundle
        self.masked: dict[str, Counter[str]] = {}  # name of a text → kind of secret → how often
        self._add("diagnosis.json", as_json(checks))
        self._add("info.json", as_json(facts.get("info", {})))
        self._add("system.txt", "".join(f"{line}\n" for line in describe_system()))
        config = _config(serve_words)
        if config:
            self._add("settings.toml", _tail(Path(config)))
        logs = facts.get("logs") or (paths.logs if paths else None)
        for name, file in _logs(Path(logs)) if logs else ():
            self._add(f"logs/{name}", _tail(file))
        self.texts["masked.txt"] = self.summary()

    def _add(self, name: str, text: str) -> None:
        found = Found()
        self.texts[name] = mask_text(text, self._secrets, found)
        if found.kinds:
            self.masked[name] = found.kinds

    def summary(self) -> str:
        if not self.masked:
            return "Nothing looked like a secret.\n"
        return "".join(f"{name}: {_counted(kinds)}\n" for name, kinds in self.masked.items())

    def pack(self) -> bytes:
        written = max(time.localtime()[:6], _FIRST_ZIP_TIME)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in self.texts.items():
                entry = zipfile.ZipInfo(name, written)
                entry.external_attr = _OWNER_ONLY << 16
                archive.writestr(entry, text.encode("utf-8", "surrogateescape"), zipfile.ZIP_DEFLATED)
        return packed.getvalue()

    def write(self, path: Path) -> None:
        """Writes the zip, readable only by its owner. Replaces a file of that name, but not a link such as /dev/stdout. Raises OSError."""
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
        if path.is_symlink():
            raise OSError(errno.ELOOP, "it is a link", str(path))
        replace_file(path, self.pack())


def _counted(kinds: Counter[str]) -> str:
    shown = [f"{kind} ({count})" for kind, count in sorted(kinds.most_common(_MAX_KINDS))]
    more = kinds.total() - sum(count for _, count in kinds.most_common(_MAX_KINDS))
    return ", ".join([*shown, *([f"others ({more})"] if more else [])])


def _secrets(serve_words: Sequence[str], settings: Settings | None) -> list[str]:
    """Returns the secrets in our environment, in the environment and command of the backend, and in a config file even if invalid."""
    found = [*secrets_of(os.environ), *secrets_of_command(serve_words)]
    config = _config(serve_words)
    if config:
        noted = Found()
        mask_text(_tail(Path(config)), found=noted)
        found += noted.secrets
    if settings:
        found += [*secrets_of(settings.backend.env), *secrets_of_command(settings.backend.command)]
    return found


def _config(serve_words: Sequence[str]) -> str | None:
    try:
        return argv.parse(["serve", *serve_words]).config
    except SidecarError:
        return None


def _logs(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields the newest files of each kind; a report's name and a log's number grow with time."""
    for pattern, count in _KINDS:
        try:
            found = {one.relative_to(folder).as_posix(): one for one in folder.glob(pattern)}
        except OSError:  # a folder on the path may not be entered; the diagnosis reports it
            continue
        for name in [one for one in sorted(found) if _OUR_NAME.fullmatch(one)][-count:]:
            if not found[name].parent.is_symlink() or found[name].parent == folder:
                yield name, found[name]


def _tail(file: Path) -> str:
    """Returns the end of a file from the start of a line, because half a secret would not be recognised."""
    try:
        data = read_file(file, LAST_BYTES + 1, last=True)
    except OSError as error:
        return f"[this file could not be read: {error.strerror}]\n"
    cut = len(data) > LAST_BYTES
    # Escapes are removed: only then is a partly coloured secret in one piece.
    return without_controls((data.partition(b"\n")[2] if cut else data).decode("utf-8", "surrogateescape"))
