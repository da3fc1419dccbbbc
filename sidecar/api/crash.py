"""Why a run failed: text, cause and remedy, from what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..clock import iso
from ..core.actions import ReportFailure
from ..core.cause import Cause
from ..core.events import Reason
from ..core.exit_status import UNKNOWN, ExitStatus
from ..core.fingerprint import Frame, fingerprint
from ..core.last_line import quote_last
from ..errors import SidecarError
from ..observe.causes import SILENT, guess
from ..observe.crash import report_name
from ..observe.fatal import read_frames
from ..plain import capitalised
from ..settings.model import Settings
from ..supervisor.answers import port_foreign, port_taken
from ..supervisor.early_end import explain_early_end
from ..supervisor.run import Run
from ..supervisor.unready import explain_hung, explain_unready
from ..wire.observe import Crash

_READ_IT = (
    "Check its last output in the crash report; if that does not help, send the report to the backend's developer."
)


class _Explanation(NamedTuple):
    """``exception`` and ``frames`` distinguish crashes of the same kind."""

    text: str
    why: Cause
    exception: str = ""
    frames: Sequence[Frame] = ()


def describe_crash(run: Run, failure: ReportFailure, settings: Settings, *, mask: Callable[[str], str]) -> Crash:
    """The summary of a failure."""
    status = run.status or UNKNOWN
    found = _explain(run, failure, settings)
    cause, remedy, kind, *_ = found.why
    time = run.ended_at or iso()
    return Crash(
        name=report_name(time),
        time=time,
        run=run.number,
        code=status.code,
        signal=status.signal,
        text=mask(found.text),
        cause=mask(cause) if cause else None,
        remedy=mask(remedy) if remedy else None,
        attempt=failure.attempt,
        attempts=settings.restart.attempts,
        next_start_in=failure.next_start_in,
        final=failure.final,
        kind=kind,
        fingerprint=fingerprint(kind, found.exception, found.frames),
    )


def _explain(run: Run, failure: ReportFailure, settings: Settings) -> _Explanation:
    """What the sidecar ended itself comes first: the exit status would only describe our own stop."""
    status = run.status or UNKNOWN
    if failure.reason is Reason.STARTUP_TIMEOUT:
        answer = run.last_answer
        seen = str(answer.status or answer.kind) if answer is not None else ""
        return _Explanation("not ready in time", explain_unready(run, settings), seen)
    if failure.reason is Reason.HUNG:
        return _Explanation("it hung: it stopped answering", explain_hung(run, settings))
    if failure.error is not None:
        return _of_error(failure.error.message, failure.error)
    return _explain_end(run, status, settings)


def _explain_end(run: Run, status: ExitStatus, settings: Settings) -> _Explanation:
    if run.over_memory is None and (run.listener == "foreign" or run.conflict is not None):
        return _of_error(status.text, port_foreign(run) if run.listener == "foreign" else port_taken(run))
    if (early := explain_early_end(run, settings)) is None:
        return _by_its_words(run, status)
    return _Explanation(status.text, early)


def _of_error(text: str, error: SidecarError) -> _Explanation:
    return _Explanation(text, Cause(error.message, error.hint, error.code.lower()))


def _by_its_words(run: Run, status: ExitStatus) -> _Explanation:
    found = guess(run.output, status, port=run.port, oom=run.oom)
    if found is None:
        cause = Cause(capitalised(quote_last(run.output)), _READ_IT, f"exit_{status.code}")
        return _Explanation(status.text, cause, frames=read_frames(None, run.output))
    fatal = found.fatal
    exception = fatal.type or fatal.kind if fatal is not None else str(status.signal) if found.kind == "signal" else ""
    frames = () if fatal is None and found.kind in SILENT else read_frames(fatal, run.output)
    return _Explanation(status.text, found, exception, frames)
