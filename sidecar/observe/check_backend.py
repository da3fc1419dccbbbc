"""Runs the checks; also contains those of the backend's responses, of what it is given, of other sidecars and of earlier runs."""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from ..core.sandbox import Enforcement, describe_missing
from ..errors import PAGES, HttpFailedError
from ..log import log
from ..plain import capitalised
from ..process.platform.ports import HAS_NOTIFICATIONS
from ..settings.texts import named
from ..threads import in_thread
from ..wire.messages import FirewallCheck
from ..wire.observe import Check, Crash

LIMIT = 12.0  # seconds for one check; netsh has ten
_DAY = 86_400.0


async def run_checks(checks: Mapping[str, Callable[[], Check]]) -> list[Check]:
    """Runs checks by name, each in a thread, because it may block. One that raises or times out is ``unknown`` and stops no other."""

    def guarded(name: str, check: Callable[[], Check]) -> Check:
        try:
            return check()
        except Exception as error:  # noqa: BLE001  one check that fails must not hide what the others find
            log.defect(f"check {name}", error)
            return Check(name, "unknown", f"This check failed: {type(error).__name__}: {error}")

    found = []
    for name, check in checks.items():
        done, _ = await asyncio.wait({in_thread(partial(guarded, name, check))}, timeout=LIMIT)
        seen = f"This check got no answer within {LIMIT:g} s"
        remedy = "A disk or a network drive may not respond: check those on which the app and its data are."
        found.append(done.pop().result() if done else Check(name, "unknown", seen, remedy))
    return found


def check_installation_time() -> Check:
    """Runs ``check_clock`` for now; in a frozen sidecar the modules are not files."""
    ours = Path(sys.executable if getattr(sys, "frozen", False) else __file__)
    return check_clock(time.time(), ours.stat().st_mtime)


def check_clock(now: float, installed: float) -> Check:
    """Whether the clock can be right; certificates depend on it. ``installed``: when the sidecar's own files were written."""
    if now < installed - _DAY:
        seen = "The clock shows a time before this program was installed"
        return Check("clock", "warning", seen, "Set the date and time of this machine.")
    return Check("clock", "ok", "The clock looks right")


def check_firewall(verdict: FirewallCheck) -> Check:
    return Check("firewall", "ok" if verdict.compatible else "warning", verdict.message, verdict.recommendation)


def check_health(endpoints: Mapping[str, str], answers: Mapping[str, HttpFailedError | None] | None) -> Check:
    """Whether the backend is healthy. ``endpoints``: setting → path; ``answers``: path → failure, if any; None: nothing runs."""
    if not endpoints:
        return Check("health", "ok", "No health endpoint is configured; only the open port is checked")
    if answers is None:
        return Check("health", "unknown", "The backend isn't running, so its health wasn't checked")
    wrong = {setting: (path, error) for setting, path in endpoints.items() if (error := answers[path]) is not None}
    if not wrong:
        paths = ", ".join(map(named, dict.fromkeys(endpoints.values())))
        return Check("health", "ok", f"The backend is healthy: {paths}")
    seen = dict.fromkeys(_describe(named(path), error) for path, error in wrong.values())
    missing = [setting for setting, (_, error) in wrong.items() if error.status == 404]
    remedy = "Check the backend's last output; if that does not help, restart it."
    if missing:
        remedy = f"Correct {' and '.join(f'backend.{setting}' for setting in missing)}, or leave it empty."
    # A live backend that is not ready yet may be waiting for something, but it does respond.
    status: Literal["warning", "failed"] = "warning" if set(wrong) == {"ready_path"} else "failed"
    return Check("health", status, f"The backend is unhealthy: {'; '.join(seen)}", remedy)


def _describe(path: str, error: HttpFailedError) -> str:
    if error.status == 404:
        return f"it has no {path} (status 404)"
    return f"{path} answers status {error.status}" if error.status else f"{path} does not answer ({error.message})"


def check_shutdown_endpoint(path: str, status: int | None, *, kills: str = "") -> Check:
    """Whether the endpoint exists. ``status``: of OPTIONS, which stops nothing (405: for other methods); None: no response.

    ``kills``: the stop signal, if it would only kill the backend; empty: the backend handles it, or that is unknown.
    """
    if not path and kills:
        seen = f"Not configured; {kills} ends the backend at once, because none of its processes handles that signal"
        return Check("shutdown_endpoint", "ok", seen)
    if not path:
        return Check("shutdown_endpoint", "ok", "Not configured; the backend is stopped by a signal")
    if status is None:
        seen = f"{path} was not requested: the backend isn't running, or did not answer"
        return Check("shutdown_endpoint", "unknown", seen)
    if status == 404:
        remedy = "Correct backend.shutdown_path, or leave it empty: a stop then starts with the signal."
        return Check("shutdown_endpoint", "warning", f"The backend has no {path}", remedy)
    return Check("shutdown_endpoint", "ok", f"{path} exists", evidence=f"OPTIONS answers {status}")


def check_sandbox(enforced: Enforcement, notes: Sequence[str], *, required: bool) -> Check:
    """How much of the sandbox is enforced; ``notes``: sentences about paths in its settings."""
    if enforced.level == "off":
        return Check("sandbox", "ok", "The backend runs without a sandbox (sandbox.level)")
    by = enforced.mechanism or "nothing"
    evidence = f"enforced by {by}: {', '.join(enforced.enforced) or 'nothing'}"
    level = f'sandbox.level = "{enforced.level}"'
    if enforced.missing:
        missing = f"This system does not enforce all of {level}. Missing: {describe_missing(enforced)}"
        remedy = f"{PAGES}/sandbox.md lists what each system can enforce."
        if required:
            remedy = f"sandbox.required prevents the backend from starting. {remedy}"
        return Check("sandbox", "failed" if required else "warning", missing, remedy, evidence)
    if notes:
        return Check("sandbox", "warning", "; ".join(notes), "Correct sandbox.write or sandbox.read.", evidence)
    return Check("sandbox", "ok", f"All of {level} is enforced by {by}", evidence=evidence)


def check_passed_socket(port: int | None, waiting: int | None) -> Check:
    """Where the sidecar listens for the backend; None: not yet. ``waiting``: connections that no run has accepted; None: unknown."""
    if port is None:
        return Check("passed_socket", "ok", "The sidecar listens for the backend as soon as it starts")
    many = "1 connection waits" if waiting == 1 else f"{waiting} connections wait"
    queue = "" if waiting is None else f"; {many} to be accepted"
    return Check("passed_socket", "ok", f"The sidecar listens on port {port} for the backend{queue}")


def check_notify(live_path: str) -> Check:
    if HAS_NOTIFICATIONS:
        return Check("notify", "ok", "The backend can report to NOTIFY_SOCKET")
    how = f"{live_path} answers" if live_path else "its port is open"
    seen = f"backend.notify has no effect on this system; the backend is ready when {how}"
    return Check("notify", "warning", seen, "Ignore this on Linux; for other systems set backend.live_path.")


def check_settings(notes: Sequence[str]) -> Check:
    if not notes:
        return Check("settings", "ok", "The settings are valid")
    return Check("settings", "warning", capitalised("; ".join(notes)), "Correct these settings.")


def check_orphans(notes: Sequence[str]) -> Check:
    if not notes:
        return Check("orphans", "ok", "No processes of an earlier run are left")
    remedy = "End the processes that still run by hand; nothing else is needed."
    return Check("orphans", "warning", "; ".join(notes), remedy)


def check_sharing(others: Sequence[int]) -> Check:
    """Whether other sidecars use the data folder; ``others``: their pids."""
    if not others:
        return Check("other_sidecar", "ok", "No other sidecar uses the data folder")
    seen = f"Another sidecar (pid {others[0]}) uses the same data folder: two copies of the app are running"
    if len(others) > 1:
        pids = ", ".join(map(str, others))
        seen = f"Other sidecars (pids {pids}) use the same data folder: several copies of the app are running"
    return Check("other_sidecar", "warning", seen, "Close one of them; two backends on one database can damage it.")


def check_crashes(crashes: Sequence[Crash], state: str) -> Check:
    if not crashes:
        return Check("crashes", "ok", "No crash reports")
    newest = crashes[0]
    said = f"The backend failed at {newest.time}: {newest.cause or newest.text}"
    if state == "RUNNING":
        return Check("crashes", "ok", f"{said} It is running now.", evidence=newest.name)
    remedy = newest.remedy or "Check the crash report."
    return Check("crashes", "failed" if state == "FAILED" else "warning", said, remedy, newest.name)
