"""The click commands. Each runs the module of the same name, which is imported when the command runs."""

from collections.abc import Sequence
from typing import Any

import click

from . import __version__
from .console.options import (
    PORT,
    Seconds,
    backend_argument,
    complete,
    examples,
    limit_options,
    metrics_option,
    serve_argument,
    settings_options,
    with_serve_words,
)
from .errors import UsageError

TAKE_A_BACKEND = ("serve", "watch", "call", "doctor", "dashboard", "record", "replay")


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples("sidecar demo", "sidecar watch -- npm start", "sidecar doctor --start -- uvicorn app:app"),
)
@click.version_option(__version__, prog_name="sidecar", message="%(prog)s %(version)s")
@click.pass_context
def sidecar(context: click.Context) -> None:
    """Supervise the local backend of a desktop app.

    Without a subcommand, and with stdin not a terminal, it runs serve; in a terminal it shows this help.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@sidecar.command(
    options_metavar="[OPTIONS]",
    epilog=examples('sidecar serve --set timeouts.startup=20 -- ./my-backend --port "{port}"'),
)
@settings_options
@limit_options
@metrics_option
@backend_argument
def serve(**_: Any) -> None:
    """Supervise COMMAND for a client on stdin and stdout.

    This is what an app runs. {port} and {host} in COMMAND are filled in. Logs go to stderr and to the data folder, never to stdout.

    Exit status: 0 clean, 64 usage, 65 the input is not a sequence of frames, 70 a bug, 75 the backend's processes could
    not be stopped, 78 wrong settings.
    """
    raise AssertionError("serve is handled before click sees it")


@sidecar.command(epilog="Example: sidecar demo --seconds 30")
@click.option(
    "--seconds",
    type=Seconds(min=5, max=3600),
    default=15,
    metavar="SECONDS",
    show_default=True,
    help="How long the demo runs.",
)
def demo(seconds: float) -> int:
    """Start a small backend, crash it, and watch it recover.

    Exit status: 0 if the recovery was seen, else 1.
    """
    from .console import demo as tool

    return tool.run(seconds)


@sidecar.command(
    epilog=examples(
        'sidecar call backend:version -- ./my-backend --port "{port}"',
        """sidecar call sidecar:ping '{"any": "JSON"}'""",
        """sidecar call backend:logs '{"lines": 20}' -- ./my-backend""",
    )
)
@with_serve_words
@click.argument("channel", shell_complete=complete("channels"))
@click.argument("arguments", nargs=-1, metavar="[JSON-ARG]...  [-- COMMAND [ARG]...]")
def call(*, serve_words: Sequence[str], channel: str, arguments: Sequence[str]) -> int:
    """Send one request and print the reply as JSON.

    It goes to a temporary sidecar. If CHANNEL needs a running backend, COMMAND is started first and stopped afterwards.

    Exit status: 0; 1 with the error as JSON on stderr; 78 if the settings are wrong.
    """
    from .console import call as tool

    return tool.run(channel, arguments, serve_words)


@sidecar.command(epilog='Example: sidecar doctor --start -- ./my-backend --port "{port}"')
@with_serve_words
@click.option("--start", is_flag=True, help="Also start the backend and report the result.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--bundle", metavar="FILE.zip", help="Also collect logs, crash reports and the diagnosis, with secrets masked."
)
@backend_argument
def doctor(*, serve_words: Sequence[str], start: bool, as_json: bool, bundle: str | None) -> int:
    """Check for common problems and suggest fixes.

    Exit status: 0; 1 if anything failed; 78 if the settings are wrong.
    """
    from .console import doctor as tool

    return tool.run(serve_words, start=start, as_json=as_json, bundle=bundle)


@sidecar.command(epilog='Example: sidecar dashboard -- ./my-backend --port "{port}"')
@with_serve_words
@click.option("--port", type=PORT, metavar="PORT", default=0, help="Port of the page; 0 picks a free one.")
@click.option(
    "--open/--no-open", "open_browser", default=True, help="Whether to open the page in the browser (default: yes)."
)
@backend_argument
def dashboard(*, serve_words: Sequence[str], port: int, open_browser: bool) -> int:
    """Run COMMAND under a sidecar and show it live on a web page.

    The page is on 127.0.0.1. Ctrl+C ends the page, the sidecar and the backend.

    Exit status: 0; 1 if the sidecar exited unexpectedly; 78 if the settings are wrong.
    """
    from .dashboard import run as tool

    return tool.run(serve_words, port=port, open_browser=open_browser)


@sidecar.command(
    epilog=examples("sidecar data", "sidecar data --clear shop-uvicorn-app-app-1a2b3c4d", "sidecar data --clear --all")
)
@click.option(
    "--clear",
    metavar="[NAME]",
    is_flag=False,
    flag_value="",
    help="Remove the state of that backend.",
    shell_complete=complete("states"),
)
@click.option("--all", "everything", is_flag=True, help="With --clear: remove the state of every backend.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def data(*, clear: str | None, everything: bool, as_json: bool) -> int:
    """List or clear the state of each backend that was run.

    watch, dashboard, doctor and call keep logs, crash reports and the last port. Each backend has its own folder, by command and working folder. A folder in use is never removed. An app's own data
    folder is not listed.

    Exit status: 0, or 1 if a folder is in use and was kept.
    """
    from .console import state as tool

    if everything != (clear == ""):
        raise UsageError("--clear takes the NAME of a backend, or --all")
    return tool.run(name=clear or None, everything=everything, as_json_=as_json)


@sidecar.command("demo-backend", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1)
def demo_backend(words: Sequence[str]) -> int:
    """The backend of the demo, for a frozen sidecar, which has no ``python -m``."""
    from .console import demo_backend as tool

    return tool.main(words)


@sidecar.command(epilog='Example: sidecar watch -- ./my-backend --port "{port}"')
@with_serve_words
@click.option("--seconds", type=Seconds(min=0, min_open=True), metavar="SECONDS", help="Stop after this time.")
@metrics_option
@backend_argument
def watch(*, serve_words: Sequence[str], seconds: float | None) -> int:
    """Run COMMAND under a sidecar and show it live in the terminal.

    In a terminal it shows states, health, CPU, memory and output. Keys: r restart, s stop or start, k crash, d doctor,
    q quit. Elsewhere it prints one line per event, and also reads keys from a pipe.

    Exit status: 0; 1 if the backend failed for good, or does not run after --seconds; 70 if the sidecar exited
    unexpectedly; 78 if the settings are wrong.
    """
    from .console import watch as tool

    return tool.run(serve_words, seconds=seconds)


@sidecar.command(epilog='Example: sidecar record today.frames -- ./my-backend --port "{port}"')
@with_serve_words
@limit_options
@metrics_option
@click.argument("file", type=click.Path())
@serve_argument
def record(*, serve_words: Sequence[str], file: str) -> int:
    """Run like serve and record the traffic to FILE, with times.

    An app runs it in place of serve; a trailing word serve is accepted. FILE holds the bytes of both sides unchanged,
    secrets included: only you can read it (on Windows: anyone with access to its folder). An earlier recording is kept as FILE.1.

    Exit status: the sidecar's, or 64 if FILE cannot be written.
    """
    from .console import record as tool

    return tool.run(file, serve_words)


@sidecar.command(
    epilog=examples(
        'sidecar replay today.frames -- ./my-backend --port "{port}"', "sidecar replay today.frames --to-client"
    )
)
@with_serve_words
@click.option("--fast", is_flag=True, help="Skip the pauses of the recording.")
@click.option("--to-client", is_flag=True, help="Play the recorded sidecar instead, for a client on stdin and stdout.")
@click.argument("file", type=click.Path())
@serve_argument
def replay(*, serve_words: Sequence[str], fast: bool, to_client: bool, file: str) -> int:
    """Replay FILE against a fresh sidecar and compare its answers.

    The recorded COMMAND is only shown, never run: pass it again. Times, pids and ports may differ; another error, a missing
    key or another kind of value is a difference.

    Exit status: 0; 1 if anything differs; 64 if FILE is missing; 65 if it is damaged or not a recording.
    """
    if to_client:
        from .console import playback

        return playback.run(file, fast=fast)
    from .console import replay as tool

    return tool.run(file, serve_words, fast=fast)


@sidecar.command(epilog="Example: sidecar frames today.frames --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document per line, with complete messages.")
@click.argument("file", type=click.Path())
def frames(file: str, *, as_json: bool) -> int:
    """Print a recording in readable form.

    One line per frame: time in seconds, > (to the sidecar) or < (from it), type, id, size and content.

    Exit status: 0; 64 if FILE is missing; 65 if it is damaged or not a recording. Everything before the damage
    is printed.
    """
    from .console import frames as tool

    return tool.run(file, as_json=as_json)


@sidecar.command(
    epilog=examples(
        "sidecar completion bash >> ~/.bashrc",
        "sidecar completion zsh >> ~/.zshrc",
        "sidecar completion fish > ~/.config/fish/completions/sidecar.fish",
        "sidecar completion powershell >> $PROFILE",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
def completion(shell: str) -> int:
    """Print a shell-completion script.

    For bash 4.4 or newer, zsh, fish and PowerShell. It completes commands, options, channels, profiles and the names of settings.
    """
    from .console import completion as tool

    click.echo(tool.script(click.get_current_context().find_root().command, shell))
    return 0
