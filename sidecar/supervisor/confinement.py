"""The sandbox of a run: from the settings to what the platform carries out."""

from __future__ import annotations

from collections.abc import Callable

from ..backend.command import BackendCommand
from ..core.sandbox import describe_missing
from ..errors import SandboxUnavailableError
from ..process import sandbox as platform
from ..process.base import Confinement, SandboxRequest
from ..process.sandbox.folders import absolute, path_notes
from ..settings.model import Paths, Settings


def sandbox_request(settings: Settings, paths: Paths, port: int | None, command: BackendCommand) -> SandboxRequest:
    """What the sandbox is to let a run do."""
    sandbox = settings.sandbox
    assert sandbox.level != "off"
    return SandboxRequest(
        level=sandbox.level,
        folders=(paths.data, paths.logs, paths.temp),
        write=tuple(map(absolute, sandbox.write)),
        read=tuple(map(absolute, sandbox.read)),
        port=port,
        connect=sandbox.connect,
        program=command.argv[0],
        cwd=command.cwd,
    )


def confine(request: SandboxRequest, *, required: bool, report: Callable[[str], None]) -> Confinement:
    """How the platform carries a request out. SandboxUnavailableError: not all of it can be enforced, which is required."""
    found = platform.enforcement(request.level, port_known=request.port is not None)
    if found.missing:
        text = (
            f'This system cannot enforce all of sandbox.level = "{request.level}". Missing: {describe_missing(found)}'
        )
        if required:
            names = [each.name for each in found.missing]
            raise SandboxUnavailableError(text, data={"level": request.level, "missing": names})
        report(text)
    confinement, notes = platform.prepare(request)
    for note in (*path_notes(request), *notes):
        report(note)
    return confinement
