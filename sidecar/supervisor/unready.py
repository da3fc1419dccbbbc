"""Why a run was not ready in time, or was ended as hung, from what was seen of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ..backend.probe import ProbeResult
from ..process.base import ListeningSocket
from ..settings.model import Settings

_ONLY_LONGER = "Look at its last output for what it waits for; if it only needs longer, raise timeouts.startup."


class Unready(Struct, frozen=True):
    """Cause and remedy, one sentence or two each."""

    cause: str
    remedy: str


def explain_unready(
    settings: Settings,
    port: int | None,
    listening: Sequence[ListeningSocket] | None,
    last_answer: ProbeResult | None,
) -> Unready:
    """What kept the run from being ready.

    Args:
        settings: those in force.
        port: the one it was given; None where it was to report one and did not.
        listening: where its tree listened; None where the system does not say.
        last_answer: the last failed request to its live endpoint; None: none was sent.
    """
    seen, remedy = what_is_missing(settings, port, listening, last_answer)
    return Unready(f"It was not ready within timeouts.startup ({settings.timeouts.startup:g} s): {seen}.", remedy)


def explain_hung(settings: Settings) -> Unready:
    """A run that was ready does not answer any more."""
    health, path = settings.health, settings.backend.health_path or settings.backend.live_path
    return Unready(
        f"It left {health.failures} checks of {path} in a row without an answer, each for {health.probe_timeout:g} s.",
        "Look at its last output for what it was doing; if it is only slow, raise health.probe_timeout or health.failures.",
    )


def what_is_missing(
    settings: Settings,
    port: int | None,
    listening: Sequence[ListeningSocket] | None,
    last_answer: ProbeResult | None,
) -> tuple[str, str]:
    """What was seen, and what to do about it; arguments as for explain_unready."""
    if port is None:
        return (
            "it printed no address that backend.reported_pattern matches",
            "Correct backend.reported_pattern, or give it a port: backend.port with {port} in its command or [backend.env].",
        )
    if last_answer is not None:
        return _answered(settings.backend.live_path, port, last_answer)
    mine = [socket for socket in listening or () if socket.port == port]
    if mine:
        where = ", ".join(_place(socket) for socket in mine)
        return (
            f"it listens on {where}, where nothing that is sent to 127.0.0.1 arrives",
            "Make it listen on 127.0.0.1: look for another address, or localhost, in its command, environment and settings.",
        )
    if listening:
        where = ", ".join(_place(socket) for socket in listening)
        return (
            f"it listens on {where} and not on its port {port}",
            'Pass it the port: {port} in backend.command or [backend.env]; or set backend.port to its own, or to "reported".',
        )
    return f"nothing listens on port {port}", _ONLY_LONGER


def _answered(path: str, port: int, answer: ProbeResult) -> tuple[str, str]:
    if answer.status == 404:
        return (
            f"it listens on port {port} and has no {path} (status 404)",
            "Correct backend.live_path, or leave it empty: the open port then is enough.",
        )
    if answer.status is not None:
        return f"it listens on port {port}, and its last answer to {path} was status {answer.status}", _ONLY_LONGER
    if answer.kind == "timeout":
        return (
            f"it listens on port {port} and leaves {path} without an answer ({answer.error})",
            "Look at its last output for what it is busy with; if its answers only take long, raise health.probe_timeout.",
        )
    return (
        f"it listens on port {port}, and what it answers to {path} is not HTTP ({answer.error})",
        "Check whether it speaks HTTPS or another protocol on that port: it has to speak plain HTTP on 127.0.0.1.",
    )


def _place(socket: ListeningSocket) -> str:
    return f"[{socket.address}]:{socket.port}" if ":" in socket.address else f"{socket.address}:{socket.port}"
