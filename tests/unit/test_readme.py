"""The README's commands against one another and the code; links and blocks of code are held in tests/unit/docs."""

from __future__ import annotations

import re

import pytest

from sidecar.cli import _sidecar
from tools.pages import ROOT, Page, page


def readme() -> Page:
    return page("README.md")


def text() -> str:
    return readme().text


def rows(heading: str) -> list[list[str]]:
    return readme().rows(heading)


LONGEST = 220  # lines: it leads to docs/, which may be as long as they need


def test_the_readme_stays_short() -> None:
    assert len(text().splitlines()) <= LONGEST


def test_every_command_is_listed_with_an_option_that_it_has() -> None:
    table = {
        re.findall(r"`sidecar ([\w-]+)", command)[0]: command
        for command, _ in rows("Headless debugging: the command line")
    }
    commands = {name: command for name, command in _sidecar.commands.items() if not command.hidden}
    assert set(table) == set(commands)
    for name, shown in table.items():
        options = {
            option for parameter in commands[name].params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert set(re.findall(r"--[a-z][\w-]*", shown)) <= options, name


def test_the_aliases_of_both_systems_are_the_same_two_steps() -> None:
    for language, folder in (("sh", ".venv/bin/"), ("bat", ".venv\\Scripts\\")):
        commands = re.findall(rf"```{language}\n(.+?)\n```", text(), re.DOTALL)[:2]
        assert len(commands) == 2
        assert "-m venv .venv" in commands[0]
        assert commands[0].rstrip('"').endswith(f"{folder}sidecar demo")
        assert commands[1] == f"{folder}python -m pytest"


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md"))
def test_every_page_is_in_the_index_and_the_important_ones_here(name: str) -> None:
    assert f"]({name})" in (ROOT / "docs" / "README.md").read_text(encoding="utf-8")


def test_the_pages_that_are_listed_here_are_listed_in_the_index_too() -> None:
    listed = [re.findall(r"\((.+?)\)", link)[0] for link, _ in readme().rows("Where to read more")]
    assert listed
    assert all((ROOT / target).is_file() for target in listed)
