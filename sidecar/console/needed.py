"""What a tool needs before it starts a sidecar: a backend to run."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..argv import parse
from ..errors import InvalidConfigError, UsageError
from ..settings.checks import lacks_command
from ..settings.load import load


def require_command(tool: str, serve_words: Sequence[str]) -> None:
    """UsageError: neither the words nor any other source of settings name a backend.

    Where the settings are wrong, the sidecar reports that.
    """
    boot = parse(list(serve_words))
    try:
        loaded = load(
            config=boot.config,
            profile=boot.profile,
            overrides=boot.overrides,
            command=boot.command,
            environ=os.environ,
        )
    except InvalidConfigError:
        return
    if lacks_command(loaded.settings):
        raise UsageError(
            "No backend command given",
            hint=f"Write it behind --, e.g. 'sidecar {tool} -- uvicorn app:app'.",
        )
