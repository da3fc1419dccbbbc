"""Checks of the running backend's own answers, and of other sidecars and earlier runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ..core.sandbox import Enforcement, describe_missing
from ..errors import PAGES, HttpFailedError
from ..wire.messages import Crash
from ..wire.observe import Check


def check_health(endpoints: Mapping[str, str], answers: Mapping[str, HttpFailedError | None] | None) -> Check:
    """Whether the running backend reports itself healthy.

    Args:
        endpoints: name of the setting (``live_path`` …) → path, of those that are configured.
        answers: path → how the request to it failed, or None where the answer was good; None while
            nothing runs.
    """
    if not endpoints:
        return Check("health", "ok", "No health endpoint is configured; only the open port is checked")
    if answers is None:
        return Check("health", "unknown", "The backend isn't running, so its health wasn't checked")
    wrong = {setting: (path, error) for setting, path in endpoints.items() if (error := answers[path]) is not None}
    if not wrong:
        return Check("health", "ok", f"The backend is healthy: {', '.join(dict.fromkeys(endpoints.values()))}")
    seen = dict.fromkeys(_describe(path, error) for path, error in wrong.values())
    missing = [setting for setting, (_, error) in wrong.items() if error.status == 404]
    remedy = (
        f"Correct {' and '.join(f'backend.{setting}' for setting in missing)}, or leave it empty."
        if missing
        else "Check the backend's last output; if that does not help, restart it."
    )
    # A live backend that is not ready yet may be waiting for something; it answers all the same.
    status: Literal["warning", "failed"] = "warning" if set(wrong) == {"ready_path"} else "failed"
    return Check("health", status, f"The backend is unhealthy: {'; '.join(seen)}", remedy)


def _describe(path: str, error: HttpFailedError) -> str:
    if error.status == 404:
        return f"it has no {path} (status 404)"
    return f"{path} answers status {error.status}" if error.status else f"{path} does not answer ({error.message})"


def check_shutdown_endpoint(path: str, status: int | None) -> Check:
    """Whether the endpoint for a graceful stop exists.

    Args:
        path: as configured.
        status: of an OPTIONS request for it, which stops nothing (405: it exists for other methods); None: not requested, or no answer.
    """
    if not path:
        return Check("shutdown_endpoint", "ok", "Not configured; the backend is stopped by a signal")
    if status is None:
        return Check(
            "shutdown_endpoint", "unknown", f"{path} was not requested: the backend isn't running, or did not answer"
        )
    if status == 404:
        return Check(
            "shutdown_endpoint",
            "warning",
            f"The backend has no {path}",
            "Correct backend.shutdown_path, or leave it empty: a stop then starts with the signal.",
        )
    return Check("shutdown_endpoint", "ok", f"{path} exists", evidence=f"OPTIONS answers {status}")


def check_sandbox(enforced: Enforcement, notes: Sequence[str], *, required: bool) -> Check:
    """What is enforced of the sandbox.

    Args:
        enforced: the level and what this system does about it.
        notes: sentences about paths in its settings.
        required: whether the backend starts only where all of it is enforced.
    """
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


def check_orphans(notes: Sequence[str]) -> Check:
    """Processes that an earlier sidecar left behind."""
    if not notes:
        return Check("orphans", "ok", "No processes of an earlier run are left")
    return Check(
        "orphans",
        "warning",
        "; ".join(notes),
        "End the processes that still run by hand; nothing else is needed.",
    )


def check_sharing(others: Sequence[int]) -> Check:
    """Whether other sidecars work on the data folder; ``others`` are their pids."""
    if others:
        who = f"Another sidecar (pid {others[0]})" if len(others) == 1 else f"Other sidecars (pids {str(others)[1:-1]})"
        return Check(
            "other_sidecar",
            "warning",
            f"{who} uses the same data folder: two copies of the app are running"
            if len(others) == 1
            else f"{who} use the same data folder: several copies of the app are running",
            "Close one of them; two backends on one database can damage it.",
        )
    return Check("other_sidecar", "ok", "No other sidecar uses the data folder")


def check_crashes(crashes: Sequence[Crash], state: str) -> Check:
    """What the newest crash report says."""
    if not crashes:
        return Check("crashes", "ok", "No crash reports")
    newest = crashes[0]
    said = f"The backend failed at {newest.time}: {newest.cause or newest.text}"
    if state == "RUNNING":
        return Check("crashes", "ok", f"{said} It is running now.", evidence=newest.name)
    remedy = newest.remedy or "Check the crash report."
    return Check("crashes", "failed" if state == "FAILED" else "warning", said, remedy, newest.name)
