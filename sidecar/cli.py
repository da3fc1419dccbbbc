"""The command line: argv in, exit status out. ``serve`` is taken care of by boot; everything else is read here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from . import __version__
from .console.commands import COMMANDS
from .console.options import Seconds, backend_argument, settings_options, with_serve_words
from .console.surroundings import (
    NOBODY_READS,
    OUTPUT_LOST,
    interruptible,
    nobody_reads,
    open_streams,
    silence,
    stdout_failed,
)
from .errors import SidecarError, UsageError


def _channels(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from .wire.names import CHANNEL_NAMES

    return [name for name in CHANNEL_NAMES if name.startswith(incomplete)]


_TAKE_A_BACKEND = ("serve", "watch", "call", "doctor", "dashboard", "record", "replay")


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""Example: sidecar call backend:version -- ./my-backend --port "{port}" """,
)
@click.version_option(__version__, prog_name="sidecar", message="%(prog)s %(version)s")
@click.pass_context
def _sidecar(context: click.Context) -> None:
    """Supervises the local backend of a desktop app, for a client that speaks frames on stdin and stdout.

    Without a subcommand it serves, as Electron runs it; in a terminal it shows this help.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@_sidecar.command(
    options_metavar="[OPTIONS]",
    epilog="""Example:

\b
  sidecar serve --profile generic --set timeouts.startup=20 -- ./my-backend --port "{port}" """,
)
@settings_options
@click.option("--max-frame", metavar="BYTES", help="The largest frame, both ways (16777216).")
@click.option("--max-in-flight", metavar="COUNT", help="How many requests may be unanswered (256).")
@backend_argument
def serve(**_: Any) -> None:
    """Serve one client on stdin and stdout, and supervise COMMAND for it.

    {port} and {host} in COMMAND are filled in. Logs go to stderr and to the data folder, never to stdout.

    Exit status: 0 clean, 64 usage, 65 the input is no sequence of frames, 70 a defect, 75 the backend's processes could not
    be stopped, 78 wrong settings.
    """
    raise AssertionError("serve is handled before click sees it")


@_sidecar.command(epilog="Example: sidecar demo --seconds 30")
@click.option(
    "--seconds",
    type=Seconds(min=5, max=3600),
    default=15,
    metavar="SECONDS",
    show_default=True,
    help="How long it runs.",
)
def demo(seconds: float) -> int:
    """Show the sidecar at work: start a small backend, crash it, watch it recover.

    Exit status: 0 if the recovery was really seen, else 1.
    """
    from .console import demo as tool

    return tool.run(seconds)


@_sidecar.command(
    epilog="""Examples:

\b
  sidecar call backend:version -- ./my-backend --port "{port}"
  sidecar call sidecar:ping '{"any": "JSON"}'
  sidecar call backend:logs '{"lines": 20}' --profile generic -- ./my-backend""",
)
@with_serve_words
@click.argument("channel", shell_complete=_channels)
@click.argument("arguments", nargs=-1, metavar="[JSON-ARG]...  [-- COMMAND [ARG]...]")
def call(*, serve_words: Sequence[str], channel: str, arguments: Sequence[str]) -> int:
    """Make one request to a sidecar of its own, and print the answer as JSON.

    COMMAND is started first and awaited where CHANNEL is about a running backend, and stopped afterwards.

    Exit status: 0, or 1 with the error as JSON on stderr, or 78 where the settings are wrong.
    """
    from .console import call as tool

    return tool.run(channel, arguments, serve_words)


@_sidecar.command(epilog='Example: sidecar doctor --start -- ./my-backend --port "{port}"')
@with_serve_words
@click.option("--start", is_flag=True, help="Start the backend as well, and say what comes of it.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.option("--bundle", metavar="FILE.zip", help="Also gather logs, crash reports and the diagnosis, secrets masked.")
@backend_argument
def doctor(
    *,
    serve_words: Sequence[str],
    start: bool,
    as_json: bool,
    bundle: str | None,
) -> int:
    """Look at everything that is known to go wrong, and say what to do about it.

    Exit status: 0, or 1 if anything failed, or 78 where the settings are wrong.
    """
    from .console import doctor as tool

    return tool.run(serve_words, start=start, as_json=as_json, bundle=bundle)


@_sidecar.command(epilog='Example: sidecar dashboard -- ./my-backend --port "{port}"')
@with_serve_words
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where the page is served; 0: any free port.")
@click.option("--open/--no-open", "open_browser", default=True, help="Open it in the browser (the default), or not.")
@backend_argument
def dashboard(
    *,
    serve_words: Sequence[str],
    port: int,
    open_browser: bool,
) -> int:
    """Show a sidecar of its own, and the backend, on a page of 127.0.0.1.

    Ctrl+C ends the page, the sidecar and the backend.

    Exit status: 0, or 1 where the sidecar was lost, or 78 where the settings are wrong.
    """
    from .dashboard import run as tool

    return tool.run(serve_words, port=port, open_browser=open_browser)


@_sidecar.command("demo-backend", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1)
def demo_backend(words: Sequence[str]) -> int:
    """The backend of the demo, for a frozen sidecar, which has no ``python -m``."""
    from .console import demo_backend as tool

    return tool.main(words)


for _command in COMMANDS:
    _sidecar.add_command(_command)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: the words after the program's name; none: those of this process.

    Returns:
        The exit status: 64 for a usage error, 74 where stdout cannot be written (1 where nobody reads it any more), 128 + the
        number of a signal that ended it, else what the command says.
    """
    open_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    backend: list[str] = []
    behind = "--" in words
    if behind:  # click would drop the separator, and what follows it is not ours to read
        place = words.index("--")
        words, backend = words[:place], words[place + 1 :]
    if words[:1] == ["serve"] and not {"-h", "--help"} & set(words):
        from .boot import serve as run_serve

        run_serve([*words, *(["--", *backend] if backend else [])])
    with interruptible() as interruption:
        try:
            if backend and (not words or words[0] not in _TAKE_A_BACKEND):
                raise UsageError(f"Only {', '.join(_TAKE_A_BACKEND)} take a command after --")
            if behind and not backend:
                raise UsageError("Nothing follows '--'; the backend's command is expected there")
            status = _sidecar.main(words, prog_name="sidecar", standalone_mode=False, obj=backend)
            sys.stdout.flush()  # now, where somebody can be told that it failed
        except click.ClickException as error:
            context = error.ctx if isinstance(error, click.UsageError) else None
            where = context.command_path if context else "sidecar"
            return _complain(error.format_message(), f"See: {where} --help", UsageError.exit_status)
        except (click.Abort, KeyboardInterrupt):
            return _complain("Interrupted", None, 128 + interruption.signal)
        except SidecarError as error:
            return _complain(error.message, error.hint, error.exit_status)
        except OSError as error:
            if not stdout_failed(error):
                raise
            return _output_lost(error)
    return status if isinstance(status, int) else 0


def _output_lost(error: OSError) -> int:
    silence()
    if nobody_reads(error):
        return NOBODY_READS
    hint = "What was printed is not complete. Everything that was started has been stopped."
    return _complain(f"stdout cannot be written: {error.strerror}", hint, OUTPUT_LOST)


def _complain(message: str, hint: str | None, status: int) -> int:
    try:
        click.echo(f"sidecar: {message}", err=True)
        if hint:
            click.echo(f"  {hint}", err=True)
        sys.stderr.flush()
    except OSError:
        silence(2)  # the exit status is all that can be told
    return status
