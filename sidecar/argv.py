"""Parses the command line of ``serve`` by hand, because importing a command-line library takes longer than the rest of the start."""

from __future__ import annotations

import os

from .errors import UsageError
from .process.platform.descriptors import has_terminal
from .wire.hello import DEFAULT_MAX_FRAME, DEFAULT_MAX_IN_FLIGHT

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_FRAME_RANGE = (4096, 1024**3)  # bytes: hello takes 1 KiB, and 1 GiB is what Node's Buffer holds on every platform

MAX_IN_FLIGHT_RANGE = (1, 65_536)

COMPLETION_VARIABLE = "_SIDECAR_COMPLETE"
"""The variable that a shell sets for completion; click derives its name from the program's."""

_TEXT_OPTIONS = ("--config", "--profile", "--cwd", "--set", "--metrics")
_NUMBER_OPTIONS = {"--max-frame": MAX_FRAME_RANGE, "--max-in-flight": MAX_IN_FLIGHT_RANGE}
HINT = "'sidecar serve --help' lists the options."


class Boot:
    """The parsed arguments of ``serve``, and what boot adds."""

    def __init__(self) -> None:
        self.stdin_fd = 0  # private copies; hello was written to stdout_fd
        self.stdout_fd = 1
        self.max_frame = DEFAULT_MAX_FRAME
        self.max_in_flight = DEFAULT_MAX_IN_FLIGHT
        self.config: str | None = None
        self.profile: str | None = None
        self.overrides: list[str] = []  # ``section.name=value`` in the order given
        self.command: list[str] | None = None
        self.metrics: str | None = None  # the file for Prometheus' node_exporter
        self.guardian: Any = None  # what fork_guardian returned
        self.early: Any = None  # the run that was already launched
        self.containment: str | None = None  # why putting the sidecar into a job object failed
        self.interrupted = False  # a termination signal came before there was anything to end


def wants_serve(argv: list[str]) -> bool:
    """Whether the arguments (without the program's name) mean ``serve``; click handles its ``--help``."""
    if argv and not argv[0].startswith("-"):
        return argv[0] == "serve" and not asks_for_help(argv[1:])
    return not asks_for_help(argv) and COMPLETION_VARIABLE not in os.environ and not has_terminal()


def asks_for_help(argv: list[str]) -> bool:
    own = argv[: argv.index("--")] if "--" in argv else argv
    return any(word in {"--help", "-h", "--version"} for word in own)


def refuse_terminal() -> None:
    """Raises UsageError if stdin and stdout are a terminal, which would show frames as garbage and cannot send any."""
    if has_terminal() and os.isatty(1):
        raise UsageError(
            "stdin and stdout are a terminal; an app must be at their other end",
            hint="In a terminal, use 'sidecar watch -- COMMAND'.",
        )


def parse(argv: list[str]) -> Boot:
    """Parses the arguments of ``serve``, with or without that word. UsageError: they are wrong."""
    boot = Boot()
    words = iter(argv[1:] if argv[:1] == ["serve"] else argv)
    for word in words:
        if word == "--":
            boot.command = list(words)
            if not boot.command:
                raise UsageError("Nothing follows '--'; expected the backend's command", hint=HINT)
            break
        name, equals, value = word.partition("=")
        if name not in _TEXT_OPTIONS and name not in _NUMBER_OPTIONS:
            what = f"No option {name!r}" if word.startswith("-") else f"Unexpected argument {word!r}"
            raise UsageError(what, hint=f"The backend's command goes after '--'{_correct(argv, word, words)}. {HINT}")
        if not equals:
            value = next(words, "")
        if not value or (value == "--" and not equals):
            raise UsageError(f"{name} needs a value", hint=HINT)
        _set(boot, name, value)
    return boot


def _correct(argv: list[str], word: str, rest: Iterator[str]) -> str:
    """Returns the command line that was probably meant, if ``word`` can be the backend's program."""
    if word.startswith("-"):
        return ""
    import shlex  # only a mistake needs it

    command = [word, *rest]
    before = argv[: len(argv) - len(command)]
    own = before if before[:1] == ["serve"] else ["serve", *before]
    return f": sidecar {shlex.join([*own, '--', *command])}"


def _set(boot: Boot, name: str, value: str) -> None:
    if name == "--config":
        boot.config = value
    elif name == "--profile":
        boot.profile = value
    elif name == "--metrics":
        if not value.endswith(".prom"):
            raise UsageError(
                f"--metrics takes a FILE.prom, not {value!r}: node_exporter reads no other name", hint=HINT
            )
        boot.metrics = value
    elif name == "--cwd":
        boot.overrides.append(f"backend.cwd={value}")
    elif name == "--set":
        section, dot, _ = value.partition("=")[0].partition(".")
        if "=" not in value or not section or not (dot or section == "profile"):
            raise UsageError(f"--set takes SECTION.NAME=VALUE, not {value!r}", hint=HINT)
        boot.overrides.append(value)
    elif name == "--max-frame":
        boot.max_frame = _number(name, value)
    else:
        boot.max_in_flight = _number(name, value)


def _number(name: str, value: str) -> int:
    low, high = _NUMBER_OPTIONS[name]
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 12 else -1
    if not low <= number <= high:
        raise UsageError(f"{name} takes a whole number from {low} to {high}, not {value!r}", hint=HINT)
    return number
