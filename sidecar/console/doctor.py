"""``sidecar doctor``: gets the diagnosis of a temporary sidecar and prints it."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import InvalidConfigError, SidecarError, UsageError
from ..plain import one_line, printable
from ..wire.observe import Check
from .client import Client, RemoteError
from .needed import require_command
from .sentences import as_json as to_json
from .sentences import sentence
from .state import backend_state
from .surroundings import run_cancellable

_UNFOLDED = 10_000  # columns of a table that no terminal shows
_LAST_LINES = 10
_REPEAT_AFTER = 10.0  # seconds after which an unchanged message is printed again
_STAYS_UP = 1.5  # seconds that a ready backend must live: servers open their port before they load the app
_REPORT_LIMIT = 20.0  # seconds
_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "unknown": "dim"}


def run(serve_words: Sequence[str], *, start: bool, as_json: bool, bundle: str | None) -> int:
    """Diagnoses, prints, and writes the zip ``bundle``; ``start`` starts the backend first.

    Returns 1 if anything failed, 78 if the settings are wrong, else 0. UsageError: the bundle cannot be written.
    """
    if start:
        require_command("doctor --start", serve_words)
    status = 0
    facts: dict[str, Any] = {}
    with backend_state(serve_words) as words:
        try:
            checks, facts = run_cancellable(_ask(words, start=start))
        except UsageError:
            raise
        except RemoteError as error:
            checks = [Check("sidecar", "failed", str(error), "See the sidecar's own log.", error.error.code)]
        except SidecarError as error:
            checks = [Check("sidecar", "failed", error.message, error.hint)]
            status = error.exit_status if isinstance(error, InvalidConfigError) else 1
        _show(checks, as_json=as_json)
        if bundle is not None:
            _bundle(bundle, checks, facts, words)
    return status or int(any(check.status == "failed" for check in checks))


def _bundle(bundle: str, checks: Sequence[Check], facts: dict[str, Any], serve_words: Sequence[str]) -> None:
    from .bundle import Bundle

    gathered = Bundle(checks, facts, serve_words)
    # Printed before the file is written, so that you can notice an unlisted secret before the bundle leaves the machine.
    print(f"Masked in this bundle (also listed in its masked.txt):\n{gathered.summary()}", file=sys.stderr)
    try:
        gathered.write(Path(bundle))
    except OSError as error:
        reason = f"The bundle {bundle} cannot be written: {error.strerror}"
        raise UsageError(reason, hint="Choose a file in a folder that you can write to.") from error
    print(one_line(f"{bundle}: {len(gathered.texts)} files, secrets masked"), file=sys.stderr)


class StartCheck(Check, frozen=True):
    """The result of a start: the last lines of output and the crash report's path."""

    cause: str | UnsetType = UNSET
    output: list[str] | UnsetType = UNSET
    report: str | UnsetType = UNSET


async def _ask(serve_words: Sequence[str], *, start: bool) -> tuple[list[Check], dict[str, Any]]:
    events = _StartEvents()
    # One attempt is enough to see what is wrong. The user's own words come later and win.
    once = ["--set", "restart.attempts=0"] if start else []
    client = await Client.start(["--set", "backend.autostart=false", *once, *serve_words], on_event=events.take)
    try:
        bootstrap = await client.call("runtime:getBootstrap")
        logs = bootstrap["paths"]["logs"]
        started = [await _start(client, events, logs)] if start else []
        checks = msgspec.convert(await client.call("backend:diagnose"), list[Check])
        info = await client.call("sidecar:info")
        return [*started, *checks], {"logs": logs, "info": info}
    finally:
        await client.close()


class _StartEvents:
    """Shows the start's progress on stderr, because it may take a minute."""

    def __init__(self) -> None:
        self.crash: dict[str, Any] = {}
        self.crashed = asyncio.Event()
        self.unhealthy = ""
        self._shown = ""
        self._shown_at = 0.0

    def take(self, channel: str, payload: Any) -> None:
        if channel == "backend:crash":
            self.crash = payload
            self.crashed.set()
        elif channel == "backend:healthUpdate":
            self.unhealthy = payload.get("error") or ""
        elif channel == "backend:startupProgress" and (
            payload["message"] != self._shown or payload["elapsed"] >= self._shown_at + _REPEAT_AFTER
        ):
            self._shown, self._shown_at = payload["message"], payload["elapsed"]
            print(printable(sentence(channel, payload)), file=sys.stderr, flush=True)


async def _start(client: Client, events: _StartEvents, logs: str) -> Check:
    try:
        started = await client.call("backend:start")
    except RemoteError as failure:
        error = failure.error
        # The report follows once the whole backend has exited.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REPORT_LIMIT):
                await events.crashed.wait()
        data = error.data if isinstance(error.data, dict) else {}
        hint = error.hint if isinstance(error.hint, str) else "Check its last output."
        return _failed(error.message, hint, error.code, str(data.get("output", "")), crash=events.crash, logs=logs)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STAYS_UP):
            await events.crashed.wait()
        crash = events.crash
        output = "\n".join(line["text"] for line in await client.call("backend:logs", {"lines": _LAST_LINES}))
        return _failed(
            f"The backend was ready, then: {crash['text']}", "", crash["kind"], output, crash=crash, logs=logs
        )
    if events.unhealthy:
        return StartCheck("start", "failed", f"The backend starts, but is unhealthy: {events.unhealthy}")
    return StartCheck("start", "ok", f"The backend starts and is ready on {started['url']}")


def _failed(message: str, hint: str, code: str, output: str, *, crash: dict[str, Any], logs: str) -> StartCheck:
    return StartCheck(
        "start",
        "failed",
        message,
        crash.get("remedy") or hint,
        code,
        crash.get("cause") or UNSET,
        output.splitlines()[-_LAST_LINES:] or UNSET,
        str(Path(logs, f"{crash['name']}.log")) if crash else UNSET,
    )


def _show(checks: Sequence[Check], *, as_json: bool) -> None:
    if as_json:
        print(to_json(checks))
        return
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(checks_table(checks))
    else:  # each line whole: a folded path can be neither copied nor searched for
        console.width = _UNFOLDED
        with console.capture() as table:
            console.print(checks_table(checks))
        print("\n".join(line.rstrip() for line in table.get().splitlines()))
    failed = sum(check.status == "failed" for check in checks)
    warned = sum(check.status == "warning" for check in checks)
    count = "1 check" if len(checks) == 1 else f"{len(checks)} checks"
    console.print(f"\n{count}: {failed} failed, {warned} with warnings")


def checks_table(checks: Sequence[Check]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("status", "check", "finding"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        seen = Text("\n".join(printable(line) for line in _seen(check)))  # may contain what a backend wrote or answered
        if check.status != "ok" and isinstance(check.remedy, str):
            seen.append(f"\n→ {printable(check.remedy)}", style="italic")
        table.add_row(Text(check.status, style=_STYLES[check.status]), check.check.replace("_", " "), seen)
    return table


def _seen(check: Check) -> Iterator[str]:
    yield check.message
    if isinstance(check, StartCheck):
        if isinstance(check.cause, str) and check.cause not in check.message:
            yield check.cause
        if isinstance(check.output, list):
            yield "Last lines of its output:"
            yield from (f"  {line}" for line in check.output)
        if isinstance(check.report, str):
            yield f"Crash report: {check.report}"
