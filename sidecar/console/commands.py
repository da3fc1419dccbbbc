"""The commands that watch, record and replay, and shell completion; what each does stands in the module of its name."""

from __future__ import annotations

from collections.abc import Sequence

import click

from .options import Seconds, backend_argument, serve_argument, with_serve_words


@click.command(epilog='Example: sidecar watch --profile generic -- ./my-backend --port "{port}"')
@with_serve_words
@click.option("--seconds", type=Seconds(min=0), metavar="SECONDS", help="End by itself after that time.")
@backend_argument
def watch(*, serve_words: Sequence[str], seconds: float | None) -> int:
    """Start COMMAND under a sidecar of its own, and show live what becomes of it.

    In a terminal: states, health, CPU and memory, output, and keys: r restart, s stop and start, k crash it, d doctor,
    q quit. Elsewhere: one line for each event; keys are read from a pipe as well.

    Exit status: 0, or 1 where the backend was given up, 70 where the sidecar was lost, 78 where the settings are wrong.
    """
    from . import watch as tool

    return tool.run(serve_words, seconds=seconds)


@click.command(epilog='Example: sidecar record today.frames --profile generic -- ./my-backend --port "{port}"')
@with_serve_words
@click.option("--max-frame", metavar="BYTES", help="As serve takes it.")
@click.option("--max-in-flight", metavar="COUNT", help="As serve takes it.")
@click.argument("file", type=click.Path())
@serve_argument
def record(*, serve_words: Sequence[str], max_frame: str | None, max_in_flight: str | None, file: str) -> int:
    """Be as sidecar serve for a client, and write to FILE what is said, with times.

    Point an app at it instead of serve; an app whose command gets the word serve behind it may keep that. FILE holds the bytes of both sides as they are, secrets included: it is readable
    by you alone (on Windows: by whom its folder admits). A recording that is there already is kept as FILE.1.

    Exit status: that of the sidecar, or 64 where FILE cannot be written.
    """
    from . import record as tool

    numbers = [*(["--max-frame", max_frame] if max_frame else [])]
    numbers += ["--max-in-flight", max_in_flight] if max_in_flight else []
    return tool.run(file, [*numbers, *serve_words])


@click.command(
    epilog="""Examples:

\b
  sidecar replay today.frames --profile generic -- ./my-backend --port "{port}"
  sidecar replay today.frames --to-client"""
)
@with_serve_words
@click.option("--fast", is_flag=True, help="Without the pauses of the recording.")
@click.option("--to-client", is_flag=True, help="Be the recorded sidecar instead, for a client on stdin and stdout.")
@click.argument("file", type=click.Path())
@serve_argument
def replay(*, serve_words: Sequence[str], fast: bool, to_client: bool, file: str) -> int:
    """Say to a fresh sidecar what the client in FILE said, and compare what it answers.

    The recorded COMMAND is shown and never run: give it anew. Times, pids and ports may differ; another error, a missing
    key or another kind of value is a difference.

    Exit status: 0, or 1 where something is different, or 64 where there is no FILE, or 65 where it is no recording or
    damaged.
    """
    if to_client:
        from . import playback

        return playback.run(file, fast=fast)
    from . import replay as tool

    return tool.run(file, serve_words, fast=fast)


@click.command(epilog="Example: sidecar frames today.frames --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line, with whole messages.")
@click.argument("file", type=click.Path())
def frames(file: str, *, as_json: bool) -> int:
    """Print what a recording holds: time in seconds, > to the sidecar or < from it, type, id, bytes, and what it says.

    Exit status: 0, or 64 where there is no FILE, or 65 where it is no recording or damaged; what stands before the
    damage is printed.
    """
    from . import frames as tool

    return tool.run(file, as_json=as_json)


@click.command(
    epilog="""Examples:

\b
  sidecar completion bash >> ~/.bashrc
  sidecar completion zsh >> ~/.zshrc
  sidecar completion fish > ~/.config/fish/completions/sidecar.fish"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print what makes SHELL complete sidecar's commands, options and channels: bash 4.4 or newer, zsh, fish."""
    from . import completion as tool

    click.echo(tool.script(click.get_current_context().find_root().command, shell))
    return 0


COMMANDS = (watch, record, replay, frames, completion)
