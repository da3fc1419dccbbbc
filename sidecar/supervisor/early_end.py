"""Why a backend ended by itself, where its output does not say so: from how it was started and what it left behind."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..backend.reported import lifetime_events
from ..core.last_line import last_line, printed_usage, quote_last
from ..plain import capitalised
from ..settings.model import Settings
from .run import Run
from .unready import Unready, other_port_taken

STDIN_SECONDS = 2.0  # within which a backend that reads its stdin to the end has seen that
_LAST_WORDS = 4096  # characters: an error in them may be why it shut down
_SOON = 10.0  # seconds within which an error in the output is the reason for an exit with code 0
_ASKED = "EOFError: EOF when reading a line"  # Python's input()
_QUESTION = r"(?i)[(\[]y(?:es)?/n(?:o)?[)\]]\W*$"
_FOREGROUND = {
    "nginx": 'nginx -g "daemon off;"',
    "redis-server": "redis-server --daemonize no",
    "gunicorn": "gunicorn without --daemon",
    "pg_ctl": "postgres instead of pg_ctl",
    "pm2": "pm2-runtime instead of pm2 start",
    "caddy": "caddy run instead of caddy start",
    "forever": "forever without start",
    "supervisord": "supervisord -n",
    "apachectl": "apachectl -D FOREGROUND",
    "lighttpd": "lighttpd -D",
    "mongod": "mongod without --fork",
    "setsid": "without setsid, for the sidecar starts it in a session of its own",
}
_EXITS = 'If it is meant to exit by itself, set [restart] on_clean_exit = false. If it exits when stdin closes, which is empty here, set backend.stdin = "open". Otherwise check its log.'
_USUAL = ("nginx", "redis-server", "gunicorn", "pg_ctl")
_SCRIPTS = frozenset(
    ".py .pyz .js .mjs .cjs .ts .mts .jar .dll .rb .php .pl .lua .sh .ps1 .r .exs".split()  # noqa: SIM905 - as a line
)


def explain_early_end(run: Run, settings: Settings) -> Unready | None:
    """Cause and remedy, where the facts of the run give them; None where its output has to.

    - It was killed for using more memory than it may.
    - It asked on its stdin, which is empty.
    - Exit code 0 after it reported that it is shutting down: it did so itself.
    - Exit code 0, and processes that had to be killed: it went into the background.
    - It printed how to use it.
    - Exit code 0 within two seconds, nothing left behind, stdin at its end: it ends with its stdin. This is a guess, and
      says so.
    - It could not listen on a port other than the one it was given.
    - Another exit before it was ready, and a script in its command that is not in its working folder.
    """
    if run.over_memory is not None:
        return _memory(run.over_memory, settings.limits.memory)
    if run.status is None or run.spec is None:
        return None
    if settings.backend.stdin == "null" and (question := _question(run.output)) is not None:
        return Unready(
            f"It asked for input on stdin, which is empty, and exited{question}.",
            "Pass the answer another way: an option such as --yes, a variable in [backend.env], or its settings.",
            "stdin_ended",
        )
    if run.status.clean:
        return _clean_end(run, settings)
    other = _other_port(run, settings)
    if other is not None or run.ready_at is not None or run.status.signal is not None:
        return other
    return _usage(run) or _script(run)


def _clean_end(run: Run, settings: Settings) -> Unready | None:
    if lifetime_events(settings.profile, run.output)[-1:] == ["stopping"]:
        return _own_shutdown(run)
    return _daemon(run) if run.forced else _other_port(run, settings) or _usage(run) or _stdin(run, settings)


def _question(output: str) -> str | None:
    """What it asked on its stdin at the end, to be added to a sentence; None where it asked nothing."""
    if _ASKED in output:
        return ""
    line = last_line(output)[0]
    return f": {line}" if re.search(_QUESTION, line) else None


def _memory(used: int, allowed: int) -> Unready:
    from ..process.platform.usage import MEASURE

    sizes = [f"{size / 2**20:.0f} MiB" if size >= 2**20 else f"{size} bytes" for size in (used, allowed)]
    return Unready(
        f"Its processes used {sizes[0]} of memory ({MEASURE}), more than limits.memory ({sizes[1]}) allows, and were killed.",
        'Give limits.memory a unit, as in "512MB": a number alone is bytes.'
        if 0 < allowed < 2**20
        else "Raise limits.memory, or find out why the backend needs so much.",
        "memory_limit",
    )


def _own_shutdown(run: Run) -> Unready:
    """Of the .NET host, which SIGTERM, SIGINT and SIGQUIT stop as its own code does."""
    said = quote_last(run.output[-_LAST_WORDS:], only_errors=True)
    return Unready(
        "The app shut itself down (IHostApplicationLifetime.StopApplication or a signal from outside):"
        ' it reported "Application is shutting down..." and exited with code 0, without a stop by the sidecar.'
        + (f" {capitalised(said)}" if said else ""),
        "Look for that call in its code, a background service that failed, or a program that sends signals. If it is meant to exit by itself, set [restart] on_clean_exit = false.",
        "clean_exit",
    )


def _daemon(run: Run) -> Unready:
    names = ", ".join(f"{process.name} (pid {process.pid})" for process in run.forced[:5])
    words = {Path(word).name for word in run.spec.command} if run.spec is not None else set()
    programs = words | {process.name for process in run.forced}
    known = [how for program, how in _FOREGROUND.items() if program in programs]
    ways = ", ".join(known or (_FOREGROUND[program] for program in _USUAL))
    return Unready(
        f"Its first process exited with code 0 and left others running, which were ended too: {names}. The sidecar needs a backend whose first process keeps running.",
        f"Run it in the foreground: {ways}; a script must end with exec, or wait for the program it starts.",
        "daemonized",
    )


def _stdin(run: Run, settings: Settings) -> Unready | None:
    listened = run.ready_at is not None or run.listener != "unknown"
    if run.lasted is not None and run.lasted < _SOON and (said := quote_last(run.output, only_errors=True)):
        return Unready(f"It exited with code 0; {said.rstrip('.')}.", "Fix what its last output reports.", "clean_exit")
    if settings.backend.stdin == "open" or run.lasted is None:
        return None
    if run.lasted > STDIN_SECONDS:
        return (
            None
            if run.ready_at is not None
            else Unready("The backend exited by itself, without an error.", _EXITS, "clean_exit")
        )
    when = "and had just begun to listen" if listened else "before it listened"
    words = quote_last(run.output)
    said = f" {capitalised(words)}" if words else ""
    return Unready(
        f"The backend exited with code 0 within {STDIN_SECONDS:g} s, {when}. This is typical of backends that exit when stdin closes; here stdin is empty.{said}",
        'Set backend.stdin = "open" if it exits with its stdin. If it starts another program and exits, use '
        "that program's command. Otherwise check its last output.",
        "stdin_ended",
    )


def _other_port(run: Run, settings: Settings) -> Unready | None:
    taken = other_port_taken(run, settings) if run.conflict is None else None
    return None if taken is None else Unready(f"{capitalised(taken[0])}.", taken[1], "port_in_use")


def _usage(run: Run) -> Unready | None:
    if run.ready_at is not None or not printed_usage(run.output):
        return None
    if (missing := _script(run)) is not None:
        return missing
    said = quote_last(run.output, only_errors=True)
    return Unready(
        f"It printed its usage and exited: an argument is missing or wrong.{f' {capitalised(said)}' if said else ''}",
        "Correct the arguments in backend.command; its output lists them.",
        "usage",
    )


def _script(run: Run) -> Unready | None:
    """An interpreter with its path runs in its own folder unless backend.cwd is set."""
    assert run.spec is not None
    for word in run.spec.command[1:]:
        if Path(word).suffix.lower() not in _SCRIPTS or word.startswith("-") or os.path.isabs(word):  # noqa: PTH117 - text
            continue
        looked_for = Path(run.spec.cwd, word)
        if looked_for.exists():
            return None
        here = Path(word).resolve()
        if here.exists():
            return Unready(
                f"The file {word} was not found in the backend's working folder: there is no {looked_for}.",
                f'It is in the folder in which the sidecar was started: set backend.cwd = "{Path.cwd()}", or use its full'
                f" path: {here}",
                "script_missing",
            )
        return Unready(
            f"The file {word} was not found in the backend's working folder: there is no {looked_for}.",
            "Set backend.cwd to its folder, or use its full path.",
            "script_missing",
        )
    return None
