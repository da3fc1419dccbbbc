"""sidecar/settings/table.py: model.py's definition of each setting, in a form that needs no import."""

from __future__ import annotations

import math
from typing import Any

from msgspec import inspect, structs

from sidecar.settings.model import Settings, sections

_WIDTH = 120  # characters of a line
_HEAD = '''"""The settings of model.py as plain data, for a start that has not imported msgspec.

``python -m tools.generate`` writes it: section → key → default, kind, least, most, choices.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any

    Entry = tuple[Any, str, Any, Any, tuple[str, ...]]

# fmt: off
TABLE: dict[str, dict[str, Entry]] = {
'''


def module() -> str:
    """Returns the module's text."""
    lines = []
    for name in sections():
        section: Any = getattr(Settings(), name)
        line = f"    {name!r}: {{"
        for field in structs.fields(section):
            entry = f"{field.name!r}: {(getattr(section, field.name), *_kind(inspect.type_info(field.type)))!r}, "
            if len(line) + len(entry) > _WIDTH:
                lines.append(line.rstrip())
                line = " " * 8
            line += entry
        lines.append(f"{line.rstrip(', ')}}},")
    return _HEAD + "\n".join(lines).replace("'", '"') + "\n}\n# fmt: on\n"


def _kind(info: inspect.Type) -> tuple[str, Any, Any, tuple[str, ...]]:  # noqa: PLR0911 - one for each kind
    """Returns kind, minimum, maximum and choices; ``other`` accepts no value, so that load has to read it."""
    match info:
        case inspect.Metadata(type=plain, extra={"named": unit}):
            return unit, *_kind(plain)[1:]
        case inspect.BoolType():
            return "flag", None, None, ()
        case inspect.StrType():
            return "text", None, None, ()
        case inspect.DictType():
            return "table", None, None, ()
        case inspect.VarTupleType(item_type=item):
            return "texts" if isinstance(item, inspect.StrType) else "ports", None, None, ()
        case inspect.LiteralType(values=values):
            return "text", None, None, tuple(str(value) for value in values)
        case inspect.IntType():
            return "whole", info.ge, info.le, ()
        case inspect.FloatType(ge=ge, gt=gt, le=le, lt=lt):
            least = ge if gt is None else math.nextafter(gt, math.inf)
            return "number", least, le if lt is None else math.nextafter(lt, -math.inf), ()
        case inspect.UnionType(types=types):
            kinds = sorted(map(_kind, types), key=lambda kind: len(kind[3]))
            return *kinds[0][:3], kinds[-1][3]
        case _:
            return "other", None, None, ()
