"""The documentation's pictures, made by ``python -m tests.screens``, show what the program draws today."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from sidecar.console.screen import KEYS
from tools import read
from tools.pages import page

_LABELS = ("state", "health", "cpu", "memory", "crashes", "events", "output")
_SHOWN = {"watch": ("RUNNING", *_LABELS), "demo": ("Recovered", *_LABELS)}
_ADDRESSES = {
    "http://www.w3.org/2000/svg",
    "https://www.textualize.io",
}  # the name of a format, and a mark of the renderer
_WIDTH = 96


def check() -> Iterator[str]:
    """Finds pictures that are out of date or load something from elsewhere, and keys that the page does not list."""
    yield from _watch_of_the_readme()
    for name, words in _SHOWN.items():
        path = f"docs/images/{name}.svg"
        svg = read(path)
        text = html.unescape(" ".join(re.findall(r">([^<>]+)</text>", svg))).replace("\xa0", " ")
        yield from (
            f"{path}: does not show {word!r}; run python -m tests.screens" for word in words if word not in text
        )
        for address in sorted(set(re.findall(r"https?://[^\s\"')<]+", svg)) - _ADDRESSES):
            if not address.startswith("http://127"):
                yield f"{path}: refers to {address}"
    if [key.strip("`") for key, _ in page("docs/command-line.md").rows("watch")] != list(KEYS):
        yield "docs/command-line.md: the keys of watch are not those of the program"


def _watch_of_the_readme() -> Iterator[str]:
    blocks = [block for block in page("README.md").blocks() if block.mark == ("screen", "watch")]
    if len(blocks) != 1:
        yield f"README.md: {len(blocks)} blocks are marked as the screen of watch, not 1"
        return
    lines = blocks[0].text.splitlines()
    shown = [
        *(bool(re.search(rf"^[│╭]─? +{label} ", blocks[0].text, re.MULTILINE)) for label in _LABELS),
        *(f" {key}  {meaning}" in lines[-1] for key, meaning in KEYS.items()),
        max(map(len, lines)) <= _WIDTH,
        "BACKOFF → STARTING (crashed)" in blocks[0].text,
    ]
    if not all(shown):
        yield f"{blocks[0]}: is not the screen of watch any more; run python -m tests.screens"
