"""All checks for common problems, as one list. Facts and functions are passed in; the checks decide."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..errors import HttpFailedError
from ..log import log
from ..process.platform.machine import hosts_file
from ..process.platform.reserved_ports import reserved_ranges
from ..threads import in_thread
from ..wire.messages import Crash, FirewallCheck
from ..wire.observe import Check
from . import check_backend, check_files, check_libraries, check_network
from .check_network import PortState

_DAY = 86_400.0


def _nothing(_: int) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class DiagnosisFacts:
    """What the caller knows, and how it finds out the rest; functions may block, they are called in a thread.

    Attributes:
        find_command: the command to run, its program absolute; raises the SidecarError with the reason if it is not found.
        folders: name (data, logs, temp) → path.
        port: as configured.
        running_port: of the run, while there is one.
        listener: who listens there.
        port_state, port_owner: what ``check_port`` needs.
        exposed: listening sockets beyond loopback, as ``address:port``.
        env: the variables that the settings give the backend.
        environ: the sidecar's own environment.
        shutdown_path: as configured.
        endpoints: name of the setting → path, of the health endpoints that are configured.
        ask: requests a path of the running backend; how that failed, or None.
        ask_options: the HTTP status of an OPTIONS request for a path of the running backend; None without an answer.
        firewall: the verdict; None off Windows.
        held_port: where the sidecar listens for the backend (backend.socket = "pass").
        handover: the checks of what the backend is handed.
        others: pids of the other sidecars that work on the data folder.
        orphans: sentences about processes that an earlier sidecar left behind.
        crashes: the crash reports, newest first.
        state: of the lifecycle.
        sandbox: gives the verdict on the sandbox.
    """

    find_command: Callable[[], tuple[str, ...]]
    folders: Mapping[str, str]
    port: int | str
    port_state: Callable[[int], PortState]
    port_owner: Callable[[int], str] = _nothing
    running_port: int | None = None
    listener: Literal["own", "foreign", "unknown"] = "unknown"
    exposed: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    shutdown_path: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    ask: Callable[[str], Awaitable[HttpFailedError | None]] | None = None
    ask_options: Callable[[str], Awaitable[int | None]] | None = None
    firewall: Callable[[], Awaitable[FirewallCheck]] | None = None
    held_port: int | None = None
    handover: Sequence[Check] = ()
    others: Callable[[], Sequence[int]] = tuple
    orphans: Sequence[str] = ()
    crashes: Sequence[Crash] = ()
    state: str = "STOPPED"
    sandbox: Callable[[], Check] | None = None


async def diagnose(facts: DiagnosisFacts) -> list[Check]:
    """Runs every check; one that fails itself is ``unknown`` and stops no other."""
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("executable", lambda: check_files.check_executable(facts.find_command)),
        ("runtime", lambda: check_files.check_runtime(facts.find_command, facts.environ)),
        (
            "libraries",
            lambda: check_libraries.check_libraries(facts.find_command, {**facts.environ, **facts.env}),
        ),
        *((f"folder_{name}", _folder_check(name, path)) for name, path in facts.folders.items()),
        (
            "port",
            lambda: check_network.check_port(
                facts.port,
                facts.running_port,
                facts.listener,
                facts.port_state,
                facts.port_owner,
                reserved=reserved_ranges,
                held=facts.held_port,
            ),
        ),
        ("loopback", check_network.check_loopback),
        ("ipv6", check_network.check_ipv6),
        ("proxy", lambda: check_network.check_proxy(facts.environ)),
        ("hosts_file", _hosts),
        ("exposure", lambda: check_network.check_exposure(facts.exposed, facts.env)),
        ("clock", lambda: check_clock(time.time(), _installed())),
    ]
    found = [await in_thread("diagnosis", _guarded(name, check)) for name, check in checks]
    answers = None
    if facts.running_port is not None and facts.ask is not None:
        paths = list(dict.fromkeys(facts.endpoints.values()))
        answers = dict(zip(paths, await asyncio.gather(*map(facts.ask, paths)), strict=True))
    found.append(check_backend.check_health(facts.endpoints, answers))
    status = None
    if facts.shutdown_path and facts.running_port is not None and facts.ask_options is not None:
        status = await facts.ask_options(facts.shutdown_path)
    found.append(check_backend.check_shutdown_endpoint(facts.shutdown_path, status))
    if facts.sandbox is not None:
        found.append(await in_thread("diagnosis", _guarded("sandbox", facts.sandbox)))
    if facts.firewall is not None:
        found.append(check_firewall(await facts.firewall()))
    return [
        *found,
        *facts.handover,
        check_backend.check_orphans(facts.orphans),
        await in_thread("diagnosis", _guarded("other_sidecar", lambda: check_backend.check_sharing(facts.others()))),
        check_backend.check_crashes(facts.crashes, facts.state),
    ]


def _installed() -> float:
    """When our own files were written; frozen, the modules are no files of their own."""
    return Path(sys.executable if getattr(sys, "frozen", False) else __file__).stat().st_mtime


def check_clock(now: float, installed: float) -> Check:
    """Whether the clock can be right; ``installed``: when the sidecar's own files were written. Certificates depend on it."""
    if now < installed - _DAY:
        return Check(
            "clock",
            "warning",
            "The clock shows a time before this program was installed",
            "Set date and time of this machine.",
        )
    return Check("clock", "ok", "The clock is plausible")


def check_firewall(verdict: FirewallCheck) -> Check:
    """What the Windows Firewall does."""
    if verdict.compatible:
        return Check("firewall", "ok", verdict.message)
    remedy = verdict.recommendation
    return Check("firewall", "warning", verdict.message, remedy)


def _folder_check(name: str, path: str) -> Callable[[], Check]:
    return lambda: check_files.check_folder(name, path)


def _hosts() -> Check:
    path = Path(hosts_file())
    try:
        return check_files.check_hosts(path.read_text("utf-8", "replace"))
    except OSError as error:
        return Check("hosts_file", "unknown", f"{path} cannot be read: {error.strerror}")


def _guarded(name: str, check: Callable[[], Check]) -> Callable[[], Check]:
    def run() -> Check:
        try:
            return check()
        except Exception as error:  # noqa: BLE001  one check that fails must not hide what the others see
            log.defect(f"check {name}", error)
            return Check(name, "unknown", f"This check failed: {type(error).__name__}: {error}")

    return run
