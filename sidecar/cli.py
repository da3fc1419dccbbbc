"""The command line: argv in, exit status out. ``boot`` handles ``serve``; this handles everything else."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from .argv import COMPLETION_VARIABLE
from .commands import TAKE_A_BACKEND, sidecar
from .console import surroundings
from .errors import SidecarError, UsageError
from .plain import printable

# Words from other tools → the equivalent here
_MEANT = {
    "help": "Write: sidecar --help",
    "version": "Write: sidecar --version",
    **dict.fromkeys(("start", "run", "exec", "up"), "Write: sidecar watch -- COMMAND"),
    **dict.fromkeys(("--port", "-p"), "To set the backend's port: --set backend.port=NUMBER"),
    **dict.fromkeys(("--env", "-e"), "To set a variable of the backend: --set backend.env.NAME=VALUE"),
    "--host": "The backend always listens on 127.0.0.1; {host} in COMMAND stands for it.",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; ``argv``: the words after the program's name, by default those of this process.

    Returns the exit status: 64 for a usage error, 74 if stdout cannot be written (1 if its reader is gone), 128 + the
    number of a signal that ended it, else what the command returns.
    """
    surroundings.open_streams()
    if COMPLETION_VARIABLE in os.environ:
        from .console.completion import register

        register()
    words = list(sys.argv[1:] if argv is None else argv)
    backend: list[str] = []
    behind = "--" in words
    if behind:  # click would drop the separator, and what follows it is not ours to parse
        place = words.index("--")
        words, backend = words[:place], words[place + 1 :]
    name = words[0] if words else "sidecar"
    with surroundings.interruptible() as interruption:
        try:
            if backend and name not in TAKE_A_BACKEND and (not words or name in sidecar.commands):
                raise UsageError(f"{name} takes no command after '--'", hint=f"{', '.join(TAKE_A_BACKEND)} do.")
            if behind and not backend:
                raise UsageError("Nothing follows '--'; expected the backend's command")
            status = sidecar.main(words, prog_name="sidecar", standalone_mode=False, obj=backend)
            sys.stdout.flush()  # now, while a failure can still be reported
        except (click.ClickException, SidecarError) as error:
            return _report(error, words, behind=behind)
        except (click.Abort, KeyboardInterrupt):
            return _complain("Interrupted", None, 128 + interruption.signal)
        except OSError as error:
            if not surroundings.stdout_failed(error):
                raise
            return _output_lost(error)
    return status if isinstance(status, int) else 0


def _report(error: click.ClickException | SidecarError, words: list[str], *, behind: bool) -> int:
    usage = isinstance(error, click.UsageError | UsageError)
    if usage and not behind and words:
        if words[0] in TAKE_A_BACKEND:
            correct = _with_separator(sidecar.commands[words[0]], words)
        else:  # a program instead of one of our commands
            forgot = words[0] not in sidecar.commands and ("/" in words[0] or _is_program(words[0]))
            correct = f"sidecar watch -- {shlex.join(words)}" if forgot else None
        if correct is not None:
            return _complain("The backend's command goes after --", f"Write: {correct}", UsageError.exit_status)
    if isinstance(error, SidecarError):
        return _complain(error.message, error.hint, error.exit_status)
    context = error.ctx if isinstance(error, click.UsageError) else None
    named = f"sidecar {words[0]}" if words and words[0] in sidecar.commands else "sidecar"
    where = context.command_path if context else named  # errors of click's parser have no context
    wrong = error.option_name if isinstance(error, click.NoSuchOption) else next(iter(words), "")
    hint = _MEANT.get(wrong) if wrong not in sidecar.commands else None
    return _complain(" ".join(error.format_message().split()), hint or f"See: {where} --help", UsageError.exit_status)


def _with_separator(command: click.Command, words: Sequence[str]) -> str | None:
    """Returns the command line with the missing ``--`` before the backend's command; None if it does not seem to be missing."""
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
    """Whether a word of ``call`` is the backend's program rather than an argument: it is not JSON and can be run."""
    try:
        msgspec.json.decode(word)
    except (msgspec.DecodeError, RecursionError):
        return Path(word).is_file() or shutil.which(word) is not None
    return False


def _output_lost(error: OSError) -> int:
    surroundings.silence()
    if surroundings.reader_gone(error):
        return surroundings.READER_GONE
    hint = "The printed output is incomplete. Everything that was started has been stopped."
    return _complain(f"stdout cannot be written: {error.strerror}", hint, surroundings.OUTPUT_LOST)


def _complain(message: str, hint: str | None, status: int) -> int:
    try:
        click.echo(f"sidecar: {printable(message)}", err=True)
        if hint:
            click.echo(f"  {printable(hint)}", err=True)
        sys.stderr.flush()
    except OSError:
        surroundings.silence(2)  # only the exit status is left
    return status
