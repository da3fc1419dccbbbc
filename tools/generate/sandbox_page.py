"""The tables of docs/sandbox.md: protections, the system's folders, and the attempts that the test makes."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.core.sandbox import PROTECTIONS
from sidecar.process.sandbox.linux import SYSTEM_FOLDERS
from tests.security.attempts import ATTEMPTS, Attempt

from . import regions
from .regions import row


def filled(text: str) -> str:
    """Returns the page with the current tables."""
    return regions.filled(text, {"protections": _protections, "system_folders": _folders, "attempts": _attempts})


def _protections() -> Iterator[str]:
    yield "| protection | the backend's tree | needs |\n|---|---|---|\n"
    for each in PROTECTIONS:
        only = " (`strict`)" if each.strict_only else ""
        yield row(f"`{each.name}`", each.text + only, f"ABI {each.abi}" if each.abi else "any kernel")


def _folders() -> Iterator[str]:
    yield "| path | why |\n|---|---|\n"
    for path, why in SYSTEM_FOLDERS.items():
        yield row(f"`{path}`", why)


def _attempts() -> Iterator[str]:
    yield "| attempt | `standard` | `strict` |\n|---|---|---|\n"
    for each in ATTEMPTS:
        yield row(each.text, _promise(each, "standard"), _promise(each, "strict"))


def _promise(attempt: Attempt, level: str) -> str:
    if attempt.level not in {"standard", level}:
        return "not promised"
    return f"denied from ABI {attempt.abi}" if attempt.abi else "denied"
