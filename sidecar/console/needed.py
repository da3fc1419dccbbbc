"""Loads the settings before a tool starts a sidecar, and checks that they name a backend."""

import os
from collections.abc import Sequence

from ..argv import parse
from ..errors import SidecarError, UsageError
from ..settings.checks import lacks_command
from ..settings.load import load
from ..settings.model import Settings


def settings_of(serve_words: Sequence[str]) -> Settings | None:
    """Returns the settings of ``serve WORDS``; None if they are wrong, which the sidecar reports."""
    try:
        boot = parse(list(serve_words))
        return load(
            config=boot.config, profile=boot.profile, overrides=boot.overrides, command=boot.command, environ=os.environ
        ).settings
    except SidecarError:
        return None


def require_command(tool: str, serve_words: Sequence[str], more: str = "", *, starts: bool = True) -> None:
    """Raises UsageError if nothing names a backend; ``more`` extends the hint. ``starts``: the tool starts it, whatever autostart says."""
    settings = settings_of(serve_words)
    if settings is not None and lacks_command(settings) and (starts or settings.backend.autostart):
        hint = f"Write it after --, e.g. 'sidecar {tool} -- uvicorn app:app'. {more}".rstrip()
        raise UsageError("No backend command given", hint=hint)
