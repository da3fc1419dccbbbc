"""The options and arguments that commands share, and their completion. Names to complete are imported only when a shell asks."""

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import click

from ..errors import UsageError
from ..settings.texts import SECONDS, quantity

Kind = Literal["profiles", "settings", "states", "channels"]


def complete(kind: Kind) -> Any:
    """Returns a completion: the names of this kind that begin with what was typed."""
    return lambda _context, _parameter, typed: [name for name in _names(kind) if name.startswith(typed)]


def _names(kind: Kind) -> Iterable[str]:
    if kind == "profiles":
        from ..settings.profiles import PROFILES

        return PROFILES
    if kind == "settings":
        from ..settings.model import field_types, sections

        return [f"{section}.{key}=" for section in sections() for key in field_types(section)]
    if kind == "states":
        from .state import list_states

        return [state.name for state in list_states()]
    from ..wire.channels import CHANNELS

    return CHANNELS


class Seconds(click.FloatRange):
    """A time in seconds. Refuses ``nan``, which Python accepts in every range."""

    name = "number of seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        with_unit = quantity(value, SECONDS) if isinstance(value, str) else None
        number = float(super().convert(value if with_unit is None else with_unit, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a time.", param, ctx)
        return number


PORT = click.IntRange(0, 65535)  # 0: any free port
PORT.name = "port number"


def examples(*commands: str) -> str:
    """Returns the end of a help page: one command per line, which click does not wrap."""
    heading = "Example:" if len(commands) == 1 else "Examples:"
    return "\n".join([heading, "", "\b", *(f"  {command}" for command in commands)])


# Options that are passed to ``serve`` unchanged.
_SERVE_OPTIONS = ("config", "profile", "cwd", "metrics", "max_frame", "max_in_flight")


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda command: functools.reduce(lambda decorated, option: option(decorated), reversed(options), command)


settings_options = _options(
    click.option("--config", metavar="FILE", help="A TOML file with settings.", type=click.Path()),
    click.option(
        "--cwd", metavar="DIR", type=click.Path(), help="The backend's working folder (default: the current one)."
    ),
    click.option(
        "--profile",
        metavar="NAME",
        help="A preset: generic (the default), aspnet or aura.",
        shell_complete=complete("profiles"),
    ),
    click.option(
        "--set",
        "pairs",
        metavar="SECTION.NAME=VALUE",
        multiple=True,
        help="Set one setting; repeatable.",
        shell_complete=complete("settings"),
    ),
)
limit_options = _options(
    click.option("--max-frame", metavar="BYTES", help="Largest frame in either direction (default: 16777216)."),
    click.option("--max-in-flight", metavar="COUNT", help="Maximum number of unanswered requests (default: 256)."),
)
metrics_option = click.option(
    "--metrics", metavar="FILE.prom", help="Write metrics for Prometheus (node_exporter's textfile collector)."
)


# Shows in the usage line that a backend's command may follow. What follows ``--`` never gets here.
backend_argument = click.argument("command", nargs=-1, metavar="[-- COMMAND [ARG]...]", type=click.Path())
# For commands that replace ``serve``: a client may add that word to its command.
serve_argument = click.argument(
    "command",
    nargs=-1,
    metavar="[serve] [-- COMMAND [ARG]...]",
    type=click.Path(),
    callback=lambda _context, _parameter, words: words[1:] if words[:1] == ("serve",) else words,
)


def with_serve_words(function: Callable[..., int]) -> Any:
    """Adds the options for settings; ``function`` gets them and ``_SERVE_OPTIONS`` as ``serve_words``, what follows ``serve``.

    The command after ``--`` is the context's object.
    """

    @functools.wraps(function)
    def command(*, pairs: Sequence[str], data: str | None, command: Sequence[str] = (), **rest: Any) -> int:
        if command:
            raise UsageError("The backend's command goes after --")
        backend = click.get_current_context().obj
        words: list[str] = []
        for name in _SERVE_OPTIONS:
            if value := rest.pop(name, None):
                words += [f"--{name.replace('_', '-')}", value]
        words += [word for pair in pairs for word in ("--set", pair)]
        if data:
            from .state import data_folder, data_words

            words += data_words(data_folder(data))
        return function(serve_words=[*words, *(["--", *backend] if backend else [])], **rest)

    help_text = "A data folder, or a name from 'sidecar data'."
    return settings_options(
        click.option("--data", metavar="FOLDER|NAME", help=help_text, shell_complete=complete("states"))(command)
    )
