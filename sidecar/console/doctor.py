"""``sidecar doctor``: asks a sidecar of its own for its diagnosis, and shows it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import InvalidConfigError, SidecarError, UsageError
from ..plain import printable
from ..wire.observe import Check
from .client import Client, RemoteError
from .needed import require_command
from .sentences import as_json as to_json
from .surroundings import run_cancellable

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "unknown": "dim"}


def run(serve_words: Sequence[str], *, start: bool, as_json: bool, bundle: str | None) -> int:
    """Diagnoses and prints, as a table or JSON; ``start`` starts the backend first, ``bundle`` names a zip to write.

    Returns 1 when anything failed, else 0; 78 where the settings are wrong. UsageError: the bundle cannot be written there.
    """
    if start:
        require_command("doctor --start", serve_words)
    status = 0
    try:
        checks, facts = run_cancellable(_ask(serve_words, start=start))
    except UsageError:
        raise
    except RemoteError as error:
        checks = [Check("sidecar", "failed", str(error), "See the sidecar's own log.", error.error.code)]
        facts = {}
    except SidecarError as error:
        checks = [Check("sidecar", "failed", error.message, error.hint or "See the sidecar's own log.")]
        facts = {}
        status = error.exit_status if isinstance(error, InvalidConfigError) else 1
    _show(checks, as_json=as_json)
    if bundle is not None:
        _bundle(bundle, checks, facts, serve_words)
    return status or int(any(check.status == "failed" for check in checks))


def _bundle(bundle: str, checks: Sequence[Check], facts: dict[str, Any], serve_words: Sequence[str]) -> None:
    from .bundle import Bundle

    gathered = Bundle(checks, facts, serve_words)
    # Shown before it is written: what is no secret there, or is one and not listed, can be kept from leaving the machine.
    print(f"Masked in this bundle (also listed in its masked.txt):\n{gathered.summary()}", file=sys.stderr)  # noqa: T201
    try:
        gathered.write(Path(bundle))
    except OSError as error:
        raise UsageError(
            f"The bundle {bundle} cannot be written: {error.strerror}",
            hint="Name a file in a folder that you may write to.",
        ) from error
    print(f"{bundle}: {len(gathered.texts)} files, secrets masked", file=sys.stderr)  # noqa: T201 - the tool's output


async def _ask(serve_words: Sequence[str], *, start: bool) -> tuple[list[Check], dict[str, Any]]:
    client = await Client.start(
        ["--set", "backend.autostart=false", *serve_words]
    )  # what stands behind -- is the backend's
    try:
        started = [await _start(client)] if start else []
        checks = msgspec.convert(await client.call("backend:diagnose"), list[Check])
        bootstrap = await client.call("runtime:getBootstrap")
        info = await client.call("sidecar:info")
        return [*started, *checks], {"logs": bootstrap["paths"]["logs"], "info": info}
    finally:
        await client.close()


async def _start(client: Client) -> Check:
    try:
        started = await client.call("backend:start")
    except RemoteError as error:
        body = error.error
        hint = body.hint if isinstance(body.hint, str) else "Check its last output."
        return Check("start", "failed", body.message, hint, body.code)
    return Check("start", "ok", f"The backend starts and is ready on {started['url']}")


def _show(checks: Sequence[Check], *, as_json: bool) -> None:
    if as_json:
        print(to_json(checks))  # noqa: T201 - the tool's output
        return
    console = Console(highlight=False)
    console.print(checks_table(checks))
    failed = sum(check.status == "failed" for check in checks)
    warned = sum(check.status == "warning" for check in checks)
    count = "1 check" if len(checks) == 1 else f"{len(checks)} checks"
    console.print(f"\n{count}, {failed} failed, {warned} with a warning")


def checks_table(checks: Sequence[Check]) -> Table:
    """The diagnosis for people, each row with its remedy where one is needed."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("status", "check", "what was seen"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        seen = Text(printable(check.message))  # it may hold what a backend wrote or answered
        if check.status != "ok" and isinstance(check.remedy, str):
            seen.append(f"\n→ {printable(check.remedy)}", style="italic")
        table.add_row(Text(check.status, style=_STYLES[check.status]), check.check.replace("_", " "), seen)
    return table
