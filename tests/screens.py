"""Makes the documentation's pictures: the output of real programs in a real pseudo-terminal.

``python -m tests.screens`` writes docs/images/*.svg and the text below the mark ``<!-- screen: watch -->`` of the README.
Times, pids and ports change, so nothing compares them; a test checks that the pictures show what the programs draw today.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.support.backends import http_backend
from tests.support.launch import ROOT, clean_environment, sidecar_command
from tests.support.terminal import Terminal

COLUMNS = 96
IMAGES = ROOT / "docs" / "images"
MARK = "<!-- screen: watch -->\n```text\n"
_FONTS_FROM_THE_NET = r"@font-face \{\{.*?\}\}\s*"  # a page must load nothing from elsewhere
_HOME = b"\x1b[H"  # each picture of watch starts there
_ERASED = b"\x1b[2K"  # each picture of the demo starts by erasing the previous one


def main() -> None:
    """Writes them all."""
    IMAGES.mkdir(exist_ok=True)
    watch = screen_of_watch()
    picture(watch, "sidecar watch", IMAGES / "watch.svg")
    picture(screen_of_demo(), "sidecar demo", IMAGES / "demo.svg")
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    before, mark, after = text.partition(MARK)
    assert mark, "the README has no place for the text"
    page.write_text(before + mark + watch.plain + after[after.index("\n```") :], encoding="utf-8", newline="\n")


def screen_of_watch() -> Text:
    """A backend that runs, crashes, recovers and works a little."""
    with folder() as home:
        shop = Path(home, "shop")
        shop.mkdir()
        program = shop / "my-backend"
        backend = http_backend("--port", "$2", say_stdout="Now serving", children="plain")
        command = shlex.join(backend).replace("'$2'", '"$2"')
        program.write_text(f"#!/bin/sh\nexec {command}\n")
        program.chmod(0o755)
        words = [*sidecar_command(), "watch", "--data", home, "--set", "resources.interval=0.2"]
        line = ["sh", "-c", f'cd {shop} && exec "$@"', "sh", *words, "--", "./my-backend", "--port", "{port}"]
        with Terminal(line, clean_environment({"HOME": home}), columns=COLUMNS, lines=26) as terminal:
            terminal.wait_for(r"process +\d+")
            _pass_time(terminal, 4)
            terminal.press("k")
            terminal.wait_for(r"crashes +1  ")
            _pass_time(terminal, 5)
            *_, shown = screens(terminal.written)
            terminal.press("q")
            terminal.wait()
    return shown


def screen_of_demo() -> Text:
    """What the demo leaves on the screen."""
    command = [*sidecar_command(), "demo", "--seconds", "8"]
    with Terminal(command, clean_environment(), columns=COLUMNS, lines=34) as terminal:
        assert terminal.wait() == 0
        return _text(terminal.written.rsplit(_ERASED, 1)[1])


def picture(screen: Text, title: str, file: Path) -> None:
    """An SVG of a terminal that shows it."""
    console = Console(file=io.StringIO(), record=True, width=COLUMNS, force_terminal=True, color_system="truecolor")
    console.print(screen)
    template = re.sub(_FONTS_FROM_THE_NET, "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    console.save_svg(str(file), title=title, code_format=template, unique_id=file.stem)


def screens(written: bytes) -> Iterator[Text]:
    """Each screen that watch drew to its end, in order."""
    yield from map(_text, written.split(_HOME)[1:-1])


def _text(shown: bytes) -> Text:
    lines = Text.from_ansi(shown.decode().replace("\r\n", "\n")).split("\n")
    for line in lines:
        line.rstrip()
    text = Text("\n").join(lines)
    text.rstrip()
    return text


def _pass_time(terminal: Terminal, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read(0.1)


@contextmanager
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="sidecar-screens-", ignore_cleanup_errors=True) as folder:
        yield folder


if __name__ == "__main__":
    sys.exit(main())
