"""Why a run failed: text, cause and remedy, from what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..core.events import Reason, ReportFailure
from ..core.exit_status import UNKNOWN
from ..observe.causes import guess
from ..observe.crash import report_name
from ..process.platform.usage import MEASURE
from ..settings.model import Settings
from ..supervisor.answers import port_foreign, port_taken
from ..supervisor.early_end import explain_early_end
from ..supervisor.run import Run, utc_now
from ..supervisor.unready import explain_hung, explain_unready
from ..wire.messages import Crash

_MEBIBYTE = 1024 * 1024
_READ_IT = (
    "Read its last output in the crash report; if that does not help, pass the report on to the maker of the backend."
)


class _Explanation(NamedTuple):
    text: str
    cause: str | None
    remedy: str | None


def describe_crash(
    run: Run, failure: ReportFailure, settings: Settings, *, oom: bool | None, mask: Callable[[str], str]
) -> Crash:
    """The summary of a failure.

    Args:
        run: the run that failed.
        failure: what core decided about it.
        settings: those in force.
        oom: whether the kernel killed it because memory ran out; None: not known.
        mask: removes secrets from a text.
    """
    status = run.status or UNKNOWN
    why = _explain(run, failure, settings, oom)
    time = run.ended_at or utc_now()
    return Crash(
        name=report_name(time),
        time=time,
        run=run.number,
        code=status.code,
        signal=status.signal,
        text=mask(why.text),
        cause=mask(why.cause) if why.cause else None,
        remedy=why.remedy,
        attempt=failure.attempt,
        attempts=settings.restart.attempts,
        next_start_in=failure.next_start_in,
        final=failure.final,
    )


def _explain(run: Run, failure: ReportFailure, settings: Settings, oom: bool | None) -> _Explanation:
    """What the sidecar ended itself comes first: the exit status would only describe our own stop."""
    status = run.status or UNKNOWN
    if failure.reason is Reason.STARTUP_TIMEOUT:
        late = explain_unready(settings, run.port, run.listening, run.last_answer, silent=not run.output)
        return _Explanation("not ready in time", late.cause, late.remedy)
    if failure.reason is Reason.HUNG:
        hung = explain_hung(settings)
        return _Explanation("it hung: it did not answer any more", hung.cause, hung.remedy)
    if failure.error is not None:
        return _Explanation(failure.error.message, failure.error.message, failure.error.hint)
    if run.over_memory is None and run.listener != "foreign" and run.conflict is None:
        found = explain_early_end(run, settings) or guess(run.output, status, port=run.port, oom=oom)
        cause, remedy = (found.cause, found.remedy) if found is not None else (None, _READ_IT)
        return _Explanation(status.text, cause, remedy)
    if run.over_memory is not None:
        used, allowed = (f"{size / _MEBIBYTE:.0f} MiB" for size in (run.over_memory, settings.limits.memory))
        cause = f"Its processes used {used} of memory ({MEASURE}), more than limits.memory ({allowed}) allows, and were killed."
        return _Explanation(status.text, cause, "Raise limits.memory, or find out what the backend needs so much for.")
    error = port_foreign(run) if run.listener == "foreign" else port_taken(run)
    return _Explanation(status.text, error.message, error.hint)
