"""Records the schemas of a release: from then on they may only grow."""

from __future__ import annotations

import json
from pathlib import Path

from sidecar import __version__

from .compatibility import shrinkages
from .schema import Schema, schemas

# What clients send; every other schema is a promise of the sidecar.
_SENT_BY_CLIENTS = {"settings", "messages/request", "messages/cancel"}


def record(root: Path, version: str = __version__) -> list[str]:
    """Writes ``schemas/released/VERSION.json``, unless the schemas accept or promise less than an earlier release's.

    Returns:
        one line per incompatibility; if there is any, nothing is written.
    """
    folder = root / "schemas" / "released"
    now = schemas()
    earlier = [path for path in sorted(folder.glob("*.json")) if path.stem != version]
    mistakes = [
        f"{path.relative_to(root).as_posix()}: {one}"
        for path in earlier
        for one in incompatible(json.loads(path.read_text(encoding="utf-8")), now)
    ]
    if not mistakes:
        folder.mkdir(exist_ok=True)
        text = json.dumps(now, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{version}.json").write_text(text, encoding="utf-8", newline="\n")
    return mistakes


def incompatible(released: dict[str, Schema], now: dict[str, Schema]) -> list[str]:
    """Returns each way in which the current schemas accept or promise less than released ones."""
    out = []
    for name, old in released.items():
        promised = not (name.endswith(".args") or name in _SENT_BY_CLIENTS)
        found = shrinkages(old, now[name], promised=promised) if name in now else ["is gone"]
        out += [f"{name}: {one}" for one in found]
    return out
