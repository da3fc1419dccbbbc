"""Reads each setting's description from the docstrings and comments of the settings' Structs."""

from __future__ import annotations

import inspect
import re
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct, structs

from sidecar.settings.model import Settings, sections

Schema: TypeAlias = dict[str, Any]

_FIELD = re.compile(r"    (\w+): .*?(?:  # (.+))?")
_ENTRY = re.compile(r"(?:\(([^)]+)\) )?(.+)")


class Entry(NamedTuple):
    """A setting's unit (may be empty) and meaning, from its comment."""

    unit: str
    meaning: str

    @property
    def sentence(self) -> str:
        """Unit and meaning as one sentence."""
        return f"({self.unit}) {self.meaning}" if self.unit else self.meaning


def entries(kind: type[Struct]) -> dict[str, Entry]:
    """Returns key → unit and meaning, from the comment of each field of a Struct: above it, or at the end of its line."""
    out = {}
    above: list[str] = []
    for line in inspect.getsource(kind).splitlines():
        field = _FIELD.fullmatch(line)
        if line.startswith("    # "):
            above.append(line.strip(" #"))
        elif field is not None:
            match = _ENTRY.fullmatch(" ".join([*above, *filter(None, [field[2]])]))
            above.clear()
            if match is not None:
                out[field[1]] = Entry(match[1] or "", match[2])
    return out


def documented(definitions: dict[str, Schema]) -> dict[str, Schema]:
    """Returns the Structs' schemas by name, with a description of each key, which editors show."""
    kinds: dict[str, type[Struct]] = {kind.__name__: kind for kind in map(section_kind, sections())}
    kinds["Settings"] = Settings
    out = {}
    for name, schema in definitions.items():
        texts = entries(kinds[name])
        properties = {
            key: {**value, "description": texts[key].sentence} if key in texts else value
            for key, value in schema["properties"].items()
        }
        out[name] = {**schema, "description": summary(kinds[name]), "properties": properties}
    return out


def summary(kind: type[Struct]) -> str:
    """Returns the first paragraph of a docstring."""
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split())


def section_kind(section: str) -> type[Struct]:
    """Returns the Struct of a section."""
    kind: type[Struct] = {field.name: field.type for field in structs.fields(Settings)}[section]
    return kind
