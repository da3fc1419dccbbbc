"""The pictures of the pages: made by ``python -m tests.screens``, and shown to be of what is drawn now."""

from __future__ import annotations

import html
import re

import pytest

from sidecar.console.watch_screen import KEYS
from tools.pages import ROOT, page

README = page("README.md")
LABELS = ("state", "health", "cpu", "memory", "crashes", "backend", "events", "output")


def text_of(name: str) -> str:
    svg = (ROOT / "docs" / "images" / f"{name}.svg").read_text(encoding="utf-8")
    return html.unescape(" ".join(re.findall(r">([^<>]+)</text>", svg))).replace("\xa0", " ")


def test_the_watch_of_the_readme_has_every_row_panel_and_key() -> None:
    (block,) = (block for block in README.blocks() if block.mark == ("screen", "watch"))
    lines = block.text.splitlines()
    for label in LABELS:
        assert re.search(rf"^[│╭]─? +{label} ", block.text, re.MULTILINE), label
    for key, meaning in KEYS:
        assert f" {key}  {meaning}" in lines[-1]
    assert max(map(len, lines)) <= 96
    assert "RUNNING → BACKOFF (crashed)" in block.text


@pytest.mark.parametrize("name", ["watch", "demo"])
def test_a_picture_is_of_the_same_program_and_loads_nothing_from_elsewhere(name: str) -> None:
    text = text_of(name)
    shown = {"watch": ("RUNNING", *LABELS), "demo": ("Recovered", "restarts", "backend", "events")}[name]
    for word in shown:
        assert word in text, word
    svg = (ROOT / "docs" / "images" / f"{name}.svg").read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\s\"')<]+", svg)) - set(re.findall(r"http://127[^\s\"')<]+", svg)) == {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }


def test_the_keys_of_the_page_are_those_of_the_program() -> None:
    table = [key.strip("`") for key, _ in page("docs/command-line.md").rows("watch")]
    assert table == [key for key, _ in KEYS]
