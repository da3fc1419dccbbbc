"""Reads single key presses from stdin, and restores the terminal afterwards."""

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..process.platform.descriptors import PIPE, has_terminal, kind_of
from ..process.platform.terminal import in_foreground, read_keys
from ..threads import post, start_thread

_ESCAPE = "\x1b"
# What terminals send for the movement keys, in normal and in application mode.
_MOVES = {"A": "up", "B": "down", "H": "home", "1~": "home", "7~": "home", "F": "end", "4~": "end", "8~": "end"}
_MOVES |= {"5~": "page up", "6~": "page down"}
_NAMED = {_ESCAPE: _ESCAPE, "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace"}
_SEQUENCES = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~]|[^\x1b])"  # ECMA-48 control sequences, SS3, and Alt


@contextmanager
def pressed_keys(on_key: Callable[[str], None]) -> Iterator[bool]:
    """Passes each key to ``on_key``, in lower case, on the loop's thread. Yields whether a person presses them."""

    # Keys come from a terminal, or from a pipe, so that scripts can press them; a file or the null device gives none.
    def press(data: bytes) -> None:
        for key in keys_in(data):
            on_key(key)

    if has_terminal() and in_foreground():
        with read_keys(press):
            yield True
        return
    if kind_of(0) == PIPE:
        _read_pipe(press)
    yield False


def keys_in(data: bytes) -> list[str]:
    """Returns the keys in one read: characters in lower case, and names such as ``page up``. Omits Alt and other function keys."""
    keys: list[str] = []
    for part in re.split(f"({_SEQUENCES})", data.decode("utf-8", "ignore")):
        if part.startswith(("\x1b[", "\x1bO")):
            keys += filter(None, [_MOVES.get(part[2:])])
        elif not re.fullmatch(_SEQUENCES, part):
            keys += [_NAMED.get(key, key) for key in part.lower() if key.isprintable() or key in _NAMED]
    return keys


def _read_pipe(press: Callable[[bytes], None]) -> None:
    """Reads in a daemon thread: only a thread can wait for a pipe on Windows, and it ends with the process."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            while data := os.read(0, 64):
                post(loop, press, data)
        except OSError:  # the other side is gone
            pass

    start_thread(read)
