"""The ``--`` that a user forgot before the backend's command."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec


def with_separator(command: click.Command, words: Sequence[str]) -> str | None:
    """The command line with ``--`` where the backend's command begins; None where there seems to be none.

    Args:
        command: the tool's.
        words: the name of the tool and what follows it.
    """
    values = {
        name: not option.is_flag
        for option in command.params
        if isinstance(option, click.Option)
        for name in option.opts
    }
    own = sum(isinstance(one, click.Argument) and one.nargs == 1 for one in command.params)
    place = 1
    while place < len(words):
        word = words[place]
        name, equals, _ = word.partition("=")
        if word.startswith("-"):
            if name not in values:
                return None
            place += 2 if values[name] and not equals else 1
        elif own > 0 or (command.name == "call" and not _is_program(word)) or (own == 0 and word == "serve"):
            own -= 1
            place += 1
        else:
            return f"sidecar {shlex.join([*words[:place], '--', *words[place:]])}"
    return None


def _is_program(word: str) -> bool:
    """Of ``call`` any word may be an argument: one that is not JSON, and can be run, is none."""
    try:
        msgspec.json.decode(word)
    except msgspec.DecodeError:
        return Path(word).is_file() or shutil.which(word) is not None
    return False
