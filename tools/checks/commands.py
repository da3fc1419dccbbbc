"""Commands in sentences and in the README's table exist in this program."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from sidecar.commands import sidecar as group
from sidecar.wire.channels import CHANNELS
from tools import ROOT
from tools.pages import Page, page, pages

_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_STARTS = re.compile(r"python -m (sidecar|tools|tests)\b|sidecar( |$)")
MAX_README_LINES = 240  # it links to docs/, whose pages may have any length


def check() -> Iterator[str]:
    """Finds commands and options that do not exist, and commands that the README does not list."""
    for one in pages():
        for code in sorted(set(_CODE.findall(one.text))):
            if _STARTS.match(code) and (text := mistake(code)):
                yield f"{one.name}: `{code}`: {text}"
    yield from _table(page("README.md"))
    yield from _aliases(page("README.md"))
    if (lines := len(page("README.md").text.splitlines())) > MAX_README_LINES:
        yield f"README.md: {lines} lines; at most {MAX_README_LINES}"


def mistake(code: str) -> str:
    """Returns the part of a command that does not exist, or an empty string."""
    words = code.removeprefix("python -m ").partition(" -- ")[0].replace("\\|", " ").split()
    if words[0] != "sidecar":
        module = ROOT.joinpath(*words[0].split("."))
        exists = module.with_suffix(".py").is_file() or (module / "__main__.py").is_file()
        return "" if exists else f"unknown module {words[0]}"
    command: click.Command = group
    if len(words) > 1 and not words[1].startswith("-"):
        if words[1] not in group.commands:
            return f"unknown command {words[1]}"
        command = group.commands[words[1]]
    wrong = set(re.findall(r"(?<!\S)\[?(--[\w-]+)", " ".join(words))) - _options(command) - {"--help", "--version"}
    if wrong:
        return f"unknown option {', '.join(sorted(wrong))}"
    if words[1:2] == ["call"] and words[2] != "CHANNEL" and words[2] not in CHANNELS:
        return f"unknown channel {words[2]}"
    return ""


def _options(command: click.Command) -> set[str]:
    return {option for one in command.params for option in (*one.opts, *one.secondary_opts)}


def _table(readme: Page) -> Iterator[str]:
    shown = [command for command, _ in readme.rows("Debug without Electron")]
    listed = {found[1] for one in shown if (found := re.search(r"`sidecar ([\w-]+)", one))}
    for name, command in group.commands.items():
        if not command.hidden and name not in listed:
            yield f"README.md: the command {name} is not listed"


def _aliases(readme: Page) -> Iterator[str]:
    """Checks that the README's two commands are the same on both systems."""
    for language, folder in (("sh", ".venv/bin/"), ("bat", ".venv\\Scripts\\")):
        commands = re.findall(rf"```{language}\n(.+?)\n```", readme.text, re.DOTALL)[:2]
        install, test = commands if len(commands) == 2 else ("", "")
        installs = "-m venv .venv" in install and install.rstrip('"').endswith(f"{folder}sidecar demo")
        if not installs or test != f"{folder}python -m pytest":
            yield f"README.md: the blocks for {language} are not 'install and demo' and 'test'"
