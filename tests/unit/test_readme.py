"""The README's tables against the code that they describe."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import msgspec
import pytest

from sidecar.errors import SidecarError
from sidecar.settings.model import Settings
from sidecar.wire.channels import CHANNELS, EVENTS
from tests.support.readme import rows, text


def defaults() -> dict[str, Any]:
    settings = msgspec.to_builtins(Settings())
    return {
        f"{section}.{key}": value
        for section, keys in settings.items()
        if isinstance(keys, dict)
        for key, value in keys.items()
    }


def test_the_settings_table_is_complete_and_its_defaults_are_those_in_force() -> None:
    table = {name.strip("`"): (default, meaning) for name, default, meaning in rows("Settings")}
    assert list(table) == list(defaults())
    for name, value in defaults().items():
        default, meaning = table[name]
        assert tomllib.loads(f"x = {default.strip('`')}")["x"] == (
            list(value) if isinstance(value, tuple) else value
        ), name
        assert meaning, name


def test_the_channels_table_is_the_channel_table() -> None:
    assert [(name.strip("`"), title) for name, _, title in rows("Channels")] == [
        (n, c.title) for n, c in CHANNELS.items()
    ]


def test_a_channel_is_shown_with_arguments_exactly_when_it_takes_some() -> None:
    shown = {name.strip("`"): args != "none" for name, args, _ in rows("Channels")}
    assert shown == {name: bool(channel.args) for name, channel in CHANNELS.items()}


def test_the_events_table_is_the_event_table() -> None:
    table = [(name.strip("`"), pressure, title) for name, pressure, title in rows("Events")]
    assert table == [(name, event.pressure, event.title) for name, event in EVENTS.items()]


def test_every_exit_status_is_explained() -> None:
    statuses = {int(status) for status, _ in rows("Exit statuses")}
    assert statuses == {0} | {kind.exit_status for kind in descendants(SidecarError)}


def descendants(kind: type[SidecarError]) -> list[type[SidecarError]]:
    return [kind, *(one for child in kind.__subclasses__() for one in descendants(child))]


def test_a_symptom_that_is_an_error_code_is_one_that_exists() -> None:
    codes = {kind.code for kind in descendants(SidecarError)}
    named = {code for symptom, _ in rows("Troubleshooting") for code in re.findall(r"`([A-Z]+_[A-Z_]+)`", symptom)}
    assert named
    assert named <= codes


def test_the_aliases_of_both_systems_are_the_same_two_steps() -> None:
    for language, folder in (("sh", ".venv/bin/"), ("bat", ".venv\\Scripts\\")):
        commands = re.findall(rf"```{language}\n(.+?)\n```", text(), re.DOTALL)
        assert len(commands) == 2
        assert "-m venv .venv" in commands[0]
        assert commands[0].rstrip('"').endswith(f"{folder}sidecar demo")
        assert commands[1] == f"{folder}python -m pytest"


@pytest.mark.parametrize("anchor", re.findall(r"\]\(#([a-z-]+)\)", text()))
def test_a_link_inside_the_page_leads_somewhere(anchor: str) -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-")
        for line in re.findall(r"^#+ (.+)$", text(), re.MULTILINE)
    }
    assert anchor in headings
