"""Why a run failed: text, cause and remedy, from what is known about it."""

from collections.abc import Callable, Sequence

from ..clock import iso
from ..core.actions import ReportFailure
from ..core.cause import Cause
from ..core.events import Reason
from ..core.exit_status import UNKNOWN
from ..core.fingerprint import Frame, fingerprint
from ..observe.causes import SILENT
from ..observe.crash import report_name
from ..observe.fatal import read_frames
from ..settings.model import Settings
from ..supervisor.answers import explain_by_facts, explain_by_output, how_it_ended
from ..supervisor.run import Run
from ..wire.observe import Crash

_READ_IT = (
    "Check its last output in the crash report; if that does not help, send the report to the backend's developer."
)


def describe_crash(run: Run, failure: ReportFailure, settings: Settings, *, mask: Callable[[str], str]) -> Crash:
    status, error = run.status or UNKNOWN, failure.error
    if error is None:
        text, known = how_it_ended(run), explain_by_facts(run, settings)
    else:
        text, known = error.message, Cause(error.message, error.hint, error.code.lower())
    why = known or explain_by_output(run)
    exception, frames = _details_of_output(run, why) if known is None else (_last_answer(run), ())
    time = run.ended_at or iso()
    return Crash(
        name=report_name(time),
        time=time,
        run=run.number,
        code=status.code,
        signal=status.signal,
        text=mask(text),
        cause=mask(why.cause) or None,
        remedy=mask(why.remedy or _READ_IT),
        attempt=failure.attempt,
        attempts=settings.restart.attempts,
        next_start_in=failure.next_start_in,
        final=failure.final,
        kind=why.kind,
        fingerprint=fingerprint(why.kind, exception, frames),
    )


def _last_answer(run: Run) -> str:
    answer = run.last_answer if run.ended_for is Reason.STARTUP_TIMEOUT else None
    return str(answer.status or answer.kind) if answer is not None else ""


def _details_of_output(run: Run, why: Cause) -> tuple[str, Sequence[Frame]]:
    fatal = why.fatal
    if fatal is None and why.kind in SILENT:
        return "", ()
    status = run.status or UNKNOWN
    exception = fatal.type or fatal.kind if fatal is not None else str(status.signal) if why.kind == "signal" else ""
    return exception, read_frames(fatal, run.output)
