"""What a support ticket needs, in one zip file, without secrets."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..observe.system import describe_system
from ..settings.masking import mask_text, secrets_of
from ..wire.observe import Check

LAST_BYTES = 2 * 1024 * 1024  # of each log: what happened last is what counts
_KINDS = (("sidecar*.log", 3), ("crash-*.log", 50), ("backend/backend-*.log", 3), ("backend/backend-*.index", 3))


def write_bundle(path: Path, checks: Sequence[Check], facts: dict[str, Any]) -> int:
    """Writes the zip and gives the number of files in it.

    Args:
        path: the file to write.
        checks: the diagnosis.
        facts: ``logs``, the folder, and ``info``, what ``sidecar:info`` told; both may be missing.

    Raises:
        OSError: it cannot be written.
    """
    secrets = secrets_of(os.environ)
    texts = {
        "diagnosis.json": _json(checks),
        "info.json": _json(facts.get("info", {})),
        "system.txt": "".join(f"{line}\n" for line in describe_system()),
    }
    logs = facts.get("logs")
    for name, file in _logs(Path(logs)) if logs else ():
        texts[f"logs/{name}"] = _tail(file)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, mask_text(text, secrets).encode("utf-8", "surrogateescape"))
    return len(texts)


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _logs(folder: Path) -> Iterator[tuple[str, Path]]:
    """The newest files of each kind; a report's name and a log's number grow with time."""
    for pattern, count in _KINDS:
        for file in sorted(folder.glob(pattern))[-count:]:
            yield file.relative_to(folder).as_posix(), file


def _tail(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - LAST_BYTES))
            return stream.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        return f"[this file could not be read: {error.strerror}]\n"
