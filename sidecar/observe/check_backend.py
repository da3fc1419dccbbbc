"""Checks of the running backend's own answers, and of who else is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ..errors import HttpFailedError
from ..wire.messages import Crash
from ..wire.observe import Check


def check_health(endpoints: Mapping[str, str], answers: Mapping[str, HttpFailedError | None] | None) -> Check:
    """Whether the running backend calls itself well.

    Args:
        endpoints: name of the setting (``live_path`` …) → path, of those that are configured.
        answers: path → how the request to it failed, or None where the answer was good; None while nothing runs
            that could be asked.
    """
    if not endpoints:
        return Check("health", "ok", "No health endpoint is configured; the open port is all that is looked at")
    if answers is None:
        return Check("health", "unknown", "The backend is not running, so its health was not asked for")
    wrong = {setting: (path, error) for setting, path in endpoints.items() if (error := answers[path]) is not None}
    if not wrong:
        return Check("health", "ok", f"The backend is well: {', '.join(dict.fromkeys(endpoints.values()))}")
    seen = dict.fromkeys(_describe(path, error) for path, error in wrong.values())
    missing = [setting for setting, (_, error) in wrong.items() if error.status == 404]
    remedy = (
        f"Correct {' and '.join(f'backend.{setting}' for setting in missing)}, or leave it empty."
        if missing
        else "Look at the backend's last output for what it lacks; if nothing helps, restart it."
    )
    # A backend that lives and is not ready yet may be waiting for something; it answers all the same.
    status: Literal["warning", "failed"] = "warning" if set(wrong) == {"ready_path"} else "failed"
    return Check("health", status, f"The backend is not well: {'; '.join(seen)}", remedy)


def _describe(path: str, error: HttpFailedError) -> str:
    if error.status == 404:
        return f"it has no {path} (status 404)"
    return f"{path} answers status {error.status}" if error.status else f"{path} does not answer ({error.message})"


def check_shutdown_endpoint(path: str, status: int | None) -> Check:
    """Whether the graceful way to stop exists.

    Args:
        path: as configured.
        status: of an OPTIONS request for it, which stops nothing (405: others are taken); None: not asked, or no answer.
    """
    if not path:
        return Check("shutdown_endpoint", "ok", "None is configured; the backend is asked to stop by a signal")
    if status is None:
        return Check(
            "shutdown_endpoint", "unknown", f"{path} was not asked: the backend is not running, or did not answer"
        )
    if status == 404:
        return Check(
            "shutdown_endpoint",
            "warning",
            f"The backend has no {path}",
            "Correct backend.shutdown_path, or leave it empty: a stop then begins with the signal at once.",
        )
    return Check("shutdown_endpoint", "ok", f"{path} is there", evidence=f"OPTIONS answers {status}")


def check_orphans(notes: Sequence[str]) -> Check:
    """What an earlier sidecar left behind."""
    if not notes:
        return Check("orphans", "ok", "No process of an earlier run is left")
    return Check(
        "orphans",
        "warning",
        "; ".join(notes),
        "Nothing needs to be done about those that were ended; end the others by hand.",
    )


def check_sharing(others: Sequence[int]) -> Check:
    """Whether other sidecars work on the data folder; ``others`` are their pids."""
    if others:
        who = f"Another sidecar (pid {others[0]})" if len(others) == 1 else f"Other sidecars (pids {str(others)[1:-1]})"
        return Check(
            "other_sidecar",
            "warning",
            f"{who} works on the same data folder: two copies of the app run"
            if len(others) == 1
            else f"{who} work on the same data folder: several copies of the app run",
            "Close one of them; two backends on one database can damage it.",
        )
    return Check("other_sidecar", "ok", "No other sidecar works on the data folder")


def check_crashes(crashes: Sequence[Crash], state: str) -> Check:
    """What the newest crash report says."""
    if not crashes:
        return Check("crashes", "ok", "There is no crash report")
    newest = crashes[0]
    said = f"The backend failed at {newest.time}: {newest.cause or newest.text}"
    if state == "RUNNING":
        return Check("crashes", "ok", f"{said} It runs now.", evidence=newest.name)
    remedy = newest.remedy or "Look at the crash report."
    return Check("crashes", "failed" if state == "FAILED" else "warning", said, remedy, newest.name)
