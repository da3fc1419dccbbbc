"""Keys from a Windows console, a hidden one into which the program that reads it types, and what is drawn on it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

if sys.platform != "win32":
    pytest.skip("a console of Windows", allow_module_level=True)

_UP, _NUMPAD_END, _SHIFT = 0x26, 0x23, 0x10  # virtual-key codes of winuser.h
_TYPED = [
    (0x41, "a", 1),
    (0, "à", 1),
    (_SHIFT, "\0", 1),
    (_UP, "\0", 1),
    (_UP, "\0", 0),
    (_NUMPAD_END, "\0", 2),
    (0, "q", 1),
]

_READS = """
import asyncio, ctypes, json, msvcrt, os, struct, sys
from sidecar.console.keys import pressed_keys

os.dup2(os.open("CONIN$", os.O_RDWR), 0)
sys.stdin = open(0, closefd=False)
handle, kernel32 = ctypes.c_void_p(msvcrt.get_osfhandle(0)), ctypes.WinDLL("kernel32")
for key, character, times in json.loads(sys.argv[1]):  # times 0: the key is released
    record = struct.pack("@HiHHHHI", 1, bool(times), max(times, 1), key, 0, ord(character), 0)
    assert kernel32.WriteConsoleInputW(handle, record, 1, ctypes.byref(ctypes.c_ulong()))

async def read():
    keys, complete = [], asyncio.Event()

    def press(key):
        keys.append(key)
        if key == "q":
            complete.set()

    with pressed_keys(press) as attended:
        assert attended
        await asyncio.wait_for(complete.wait(), 20)
    print(json.dumps(keys))

asyncio.run(read())
"""

_DRAWS = """
import asyncio, io, json, os
from rich.console import Console
from sidecar.console.screen import render
from sidecar.console.session import Session

async def draw():
    console = Console(file=open(os.open("CONOUT$", os.O_RDWR), "w", encoding="utf-8"))
    session = Session(console, "watch", footer=str)
    session.story.take(0.0, "backend:resourceUpdate", {"cpu": 50.0, "memory": 2**20})
    session.story.take(0.0, "backend:log", {"stream": "stderr", "text": "oh"})
    shown = Console(file=io.StringIO(), width=80, legacy_windows=False)
    shown.print(render(session.story, 5.0, (80, 24), session._glyphs, session.view, clock=0.0, footer=""))
    print(json.dumps(shown.file.getvalue()))

asyncio.run(draw())
"""


def in_a_console(program: str, *arguments: str) -> Any:
    """Runs a program in a console of its own, and returns what it prints, as JSON, to its stdout, a pipe."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        creationflags=subprocess.CREATE_NO_WINDOW,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_every_key_is_read_when_it_is_pressed_and_none_is_taken_for_the_start_of_another() -> None:
    assert in_a_console(_READS, json.dumps(_TYPED)) == ["a", "à", "up", "end", "end", "q"]


def test_the_classic_console_gets_only_characters_of_its_default_font() -> None:
    assert set(in_a_console(_DRAWS)) - {chr(code) for code in range(128)} <= set("·…┌┐└┘─│")
