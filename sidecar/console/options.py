"""What the commands that start a sidecar of their own have in common on the command line."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import click

from ..errors import UsageError


class Seconds(click.FloatRange):
    """A time, in seconds; ``nan`` is a number to Python and lies in every range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number.

        Raises:
            BadParameter: it is none, or lies outside the range.
        """
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no time.", param, ctx)
        return number


_SETTINGS = (
    click.option("--config", metavar="FILE", help="A TOML file with settings.", type=click.Path()),
    click.option("--profile", metavar="NAME", help="aura (the default) or generic."),
    click.option("--set", "pairs", metavar="SECTION.NAME=VALUE", multiple=True, help="One setting; may be repeated."),
)


def settings_options(command: Any) -> Any:
    """The options that name settings."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


def backend_argument(command: Any) -> Any:
    """Shows in the usage line that a backend's command may follow; what stands behind ``--`` never comes here."""
    return click.argument("command", nargs=-1, metavar="[-- COMMAND [ARG]...]", type=click.Path())(command)


def serve_argument(command: Any) -> Any:
    """As backend_argument, for what stands in the place of ``serve``: a client that adds that word to its command may."""

    def without_serve(_context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
        return words[1:] if words[:1] == ("serve",) else words

    metavar = "[serve] [-- COMMAND [ARG]...]"
    return click.argument("command", nargs=-1, metavar=metavar, type=click.Path(), callback=without_serve)(command)


def with_serve_words(function: Callable[..., int]) -> Any:
    """Adds the options that name settings; the function gets them as ``serve_words``, what follows ``serve``.

    The command behind ``--`` comes as the context's object.
    """

    @functools.wraps(function)
    def command(
        *, config: str | None, profile: str | None, pairs: Sequence[str], command: Sequence[str] = (), **rest: Any
    ) -> int:
        if command:
            raise UsageError("The backend's command stands behind --")
        backend = click.get_current_context().obj
        words = [*(["--config", config] if config else []), *(["--profile", profile] if profile else [])]
        words += [word for pair in pairs for word in ("--set", pair)]
        return function(serve_words=[*words, *(["--", *backend] if backend else [])], **rest)

    return settings_options(command)
