"""Checks that a schema only grew: the new one accepts everything that the old one did, and keeps its promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]


def shrinkages(old: Schema, new: Schema, *, promised: bool) -> list[str]:
    """Returns each way in which the new schema accepts less than the old one.

    Args:
        old: the released schema.
        new: the current schema.
        promised: the sidecar sends this (a result, an event), so keys that clients rely on must also stay required.
    """
    return list(_Comparison(old.get("$defs", {}), new.get("$defs", {}), promised).compare(old, new, "$"))


def _resolved(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    if "$ref" in schema:
        return definitions[schema["$ref"].rpartition("/")[2]]
    if len(schema.get("allOf", ())) == 1:  # a reference with a default
        return _resolved(schema["allOf"][0], definitions)
    return schema


def _branches(schema: Schema, definitions: dict[str, Schema]) -> list[Schema]:
    schema = _resolved(schema, definitions)
    return [branch for part in schema.get("anyOf", [schema]) for branch in [_resolved(part, definitions)]]


@dataclass(frozen=True)
class _Comparison:
    old_definitions: dict[str, Schema]
    new_definitions: dict[str, Schema]
    promised: bool

    def compare(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        """Checks that a branch of the new schema accepts every branch of the old one."""
        candidates = _branches(new, self.new_definitions)
        for branch in _branches(old, self.old_definitions):
            found = [list(self._narrower(branch, one, path)) for one in candidates]
            if all(found):
                yield from min(found, key=len)

    def _narrower(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        if not set(new) - {"description", "title", "default"}:
            return  # accepts anything
        if old.get("type") != new.get("type") and not (old.get("type") == "integer" and new.get("type") == "number"):
            yield f"{path}: {old.get('type', 'anything')} became {new.get('type', 'something narrower')}"
            return
        if "enum" in new and not ("enum" in old and set(old["enum"]) <= set(new["enum"])):
            yield f"{path}: takes no longer all of {old.get('enum', 'any value')}"
        yield from _bounds(old, new, path)
        yield from self._keys(old, new, path)
        old_items, new_items = old.get("prefixItems", []), new.get("prefixItems", [])
        if len(old_items) > len(new_items):
            yield f"{path}: takes {len(new_items)} items instead of {len(old_items)}"
        for place, (before, after) in enumerate(zip(old_items, new_items, strict=False)):
            yield from self.compare(before, after, f"{path}[{place}]")
        if isinstance(new.get("items"), dict):
            yield from self.compare(old.get("items", {}), new["items"], f"{path}[]")

    def _keys(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        old_keys, new_keys = old.get("properties", {}), new.get("properties", {})
        for key in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            yield f"{path}.{key}: is demanded now"  # an old message does not have it
        if self.promised:
            for key in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
                yield f"{path}.{key}: is no longer promised"
            for key in sorted(set(old_keys) - set(new_keys)):
                yield f"{path}.{key}: is gone"
        elif new.get("additionalProperties") is False:
            for key in sorted(set(old_keys) - set(new_keys)):
                yield f"{path}.{key}: is refused now"
        for key in sorted(set(old_keys) & set(new_keys)):
            yield from self.compare(old_keys[key], new_keys[key], f"{path}.{key}")


def _bounds(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for key in ("minimum", "exclusiveMinimum", "minItems", "minLength"):
        if new.get(key, float("-inf")) > old.get(key, float("-inf")) and not (key == "minItems" and new[key] == 0):
            yield f"{path}: {key} rose to {new[key]}"
    for key in ("maximum", "exclusiveMaximum", "maxItems", "maxLength"):
        if new.get(key, float("inf")) < old.get(key, float("inf")):
            yield f"{path}: {key} fell to {new[key]}"
    if new.get("pattern") not in {None, old.get("pattern")}:
        yield f"{path}: has another pattern"
