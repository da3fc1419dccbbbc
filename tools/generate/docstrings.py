"""What the docstrings of the settings' Structs say about each setting."""

from __future__ import annotations

import inspect
import re
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct, structs

from sidecar.settings.model import Settings
from sidecar.settings.values import sections

Schema: TypeAlias = dict[str, Any]

_ENTRY = re.compile(r"^(\w+)(?: \(([^)]+)\))?: (.+)$")


class Entry(NamedTuple):
    """A setting's unit (empty: it has none) and meaning, from the docstring."""

    unit: str
    meaning: str

    @property
    def sentence(self) -> str:
        """Both."""
        return f"({self.unit}) {self.meaning}" if self.unit else self.meaning


def entries(kind: type[Struct]) -> dict[str, Entry]:
    """Key → unit and meaning, from the ``Attributes`` of a Struct's docstring.

    Raises:
        ValueError: a line is neither ``key: meaning`` nor ``key (unit): meaning``.
    """
    attributes = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
    lines: list[str] = []
    for line in attributes.splitlines():
        if line.startswith(" " * 8):  # the rest of a long entry
            lines[-1] += f" {line.strip()}"
        elif line.strip():
            lines.append(line.strip())
    out = {}
    for line in lines:
        match = _ENTRY.match(line)
        if match is None:
            raise ValueError(f"{kind.__name__}: not understood: {line}")
        out[match[1]] = Entry(match[2] or "", match[3])
    return out


def documented(definitions: dict[str, Schema]) -> dict[str, Schema]:
    """The Structs' schemas by name, with a description for each key, which editors show."""
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
    """The first paragraph of a docstring."""
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split())


def section_kind(section: str) -> type[Struct]:
    """The Struct of a section."""
    kind: type[Struct] = {field.name: field.type for field in structs.fields(Settings)}[section]
    return kind
