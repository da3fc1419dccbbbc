from __future__ import annotations

import copy
import functools
import json
from pathlib import Path
from typing import Any

import pytest

from tools.generate.compatibility import shrinkages
from tools.generate.release import incompatible, record
from tools.generate.schema import Schema, schemas


@functools.cache
def _current() -> Schema:
    return schemas()["channels/backend.status.result"]


def _status() -> Schema:
    return copy.deepcopy(_current())


def test_growth_is_allowed() -> None:
    new = _status()
    properties = new["$defs"]["Status"]["properties"]
    properties["colour"] = {"type": "string"}
    properties["state"]["enum"].append("DREAMING")
    properties["port"] = {"anyOf": [*properties["port"]["anyOf"], {"type": "string"}]}
    assert shrinkages(_status(), new, promised=True) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: it["properties"].pop("pid"), "is gone"),
        (lambda it: it["required"].remove("pid"), "no longer promised"),
        (lambda it: it["required"].append("colour"), "demanded now"),
        (lambda it: it["properties"]["state"]["enum"].remove("FAILED"), "no longer all of"),
        (lambda it: it["properties"].update(port={"type": "string"}), "became string"),
        (lambda it: it["properties"].update(port={"type": "integer"}), "became integer"),
        (lambda it: it["properties"]["restarts"].update(maximum=3), "maximum fell"),
    ],
)
def test_shrinking_is_found(change: Any, words: str) -> None:
    new = _status()
    change(new["$defs"]["Status"])
    found = shrinkages(_status(), new, promised=True)
    assert any(words in one for one in found), found


def test_a_release_records_the_schemas_and_an_incompatible_one_records_nothing(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    assert record(tmp_path, "1.0.0") == []
    kept = tmp_path / "schemas" / "released" / "1.0.0.json"
    assert json.loads(kept.read_text(encoding="utf-8")) == json.loads(json.dumps(schemas()))
    assert record(tmp_path, "1.1.0") == []
    kept.write_text(json.dumps(schemas() | {"channels/gone.result": {"type": "object"}}), encoding="utf-8")
    assert record(tmp_path, "1.2.0") == ["schemas/released/1.0.0.json: channels/gone.result: is gone"]
    assert not kept.with_name("1.2.0.json").exists()


def test_what_clients_send_may_lose_a_required_key() -> None:
    old = {"settings": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}}
    new = {"settings": {"type": "object", "properties": {"a": {"type": "string"}}}}
    assert incompatible(old, new) == []
    assert incompatible({"events/x": old["settings"]}, {"events/x": new["settings"]}) == [
        "events/x: $.a: is no longer promised"
    ]
