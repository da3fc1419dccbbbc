"""docs/settings.md says something true of every setting; that it is the generated text is held by the schema tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from sidecar.settings import legacy
from sidecar.settings.load import load
from sidecar.settings.model import Settings
from sidecar.settings.values import field_types, sections
from tools.generate import docstrings
from tools.generate import settings_page as reference

NUMBERS = (inspect.IntType, inspect.FloatType)
NAMES = [f"{section}.{key}" for section in sections() for key in field_types(section)]


def rows(page: str) -> dict[str, list[str]]:
    """Setting → the other cells of its row."""
    cells = (
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in page.splitlines() if line[:1] == "|"
    )
    return {row[0].strip("`"): row[1:] for row in cells if len(row) == 5 and "." in row[0]}


def test_every_setting_has_a_row_in_the_order_of_the_structs() -> None:
    assert list(rows(reference.page())) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_row_tells_the_default_in_force_a_meaning_and_of_a_number_the_unit(name: str) -> None:
    section, _, key = name.partition(".")
    takes, unit, default, meaning = rows(reference.page())[name]
    value = msgspec.to_builtins(getattr(getattr(Settings(), section), key))
    assert tomllib.loads(f"x = {default.strip('`')}")["x"] == (list(value) if isinstance(value, tuple) else value)
    assert takes not in {"", "another type"}
    assert "None" not in takes
    assert meaning
    assert bool(unit) == isinstance(inspect.type_info(field_types(section)[key]), NUMBERS)


@pytest.mark.parametrize("section", sections())
def test_the_docstring_of_a_section_names_its_keys_and_no_others(section: str) -> None:
    assert list(docstrings.entries(docstrings.section_kind(section))) == list(field_types(section))


def test_the_example_file_is_taken(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(.*?)```", reference.page(), re.DOTALL)
    assert found
    file = tmp_path / "settings.toml"
    file.write_text(found[1], encoding="utf-8")
    loaded = load(config=str(file), environ={})
    assert set(loaded.origins) >= {"profile", "backend.command", "backend.env", "timeouts.startup", "restart.attempts"}


def test_the_variables_of_the_aura_shell_are_all_of_them_and_set_what_the_table_says() -> None:
    table = dict(re.findall(r"^\| `(AURA_\w+)` \| (.+) \|$", reference.page(), re.MULTILINE))
    source = Path(legacy.__file__).read_text(encoding="utf-8")
    assert set(table) == set(re.findall(r"\bAURA_BACKEND_\w+|\bAURA_LAUNCH_\w+", source))
    values = {"AURA_LAUNCH_BACKEND": "true", "AURA_BACKEND_URL": "http://127.0.0.1:5005"}
    for variable, told in table.items():
        text = values.get(variable, "500" if variable.endswith("_MS") else "/path")
        settings: Any = load(environ={variable: text}).settings
        named = re.findall(r"`(\w+\.\w+)`", told)
        assert named
        for name in named:
            section, _, key = name.partition(".")
            value = getattr(getattr(settings, section), key)
            expected = {"managed": True, "port": 5005, "url": "", "startup": 0.5, "health_interval": 0.5}
            assert value == expected.get(key, "/path"), name
