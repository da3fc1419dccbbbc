"""The composition root of serve: the only place where objects are wired."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from . import errors, process
from .api.announcer import announce
from .api.backend_channels import BackendChannels
from .api.ending import Ending
from .api.firewall_channels import FirewallChannels
from .api.log_channel import LogChannel
from .api.recorder import Recorder
from .api.sidecar_channels import sidecar_channels
from .api.status import StatusView
from .backend.client import BackendClient
from .core import events as e
from .core.lifecycle import Lifecycle
from .core.machine import LifecyclePolicy
from .log import log
from .monitor import Monitor
from .observe.logs import BackendLog
from .observe.secrets import Secrets
from .process.event_loop import create_event_loop
from .process.platform.files import keep_within
from .process.reclaim import Reclaim, Reclaimed, announce_self
from .process.record import Record
from .rpc.server import Server
from .settings.checks import require_command
from .settings.load import Loaded, load
from .settings.model import Paths, Settings
from .settings.paths import changeable, resolve_paths
from .supervisor import Supervisor
from .supervisor.launcher import Launcher
from .supervisor.record_keeper import RecordKeeper
from .supervisor.stream import RunStarted
from .supervisor.succession import Succession
from .threads import in_thread
from .wire.observe import Check, StateChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from .api.metrics_file import MetricsFile
    from .argv import Boot
    from .monitor.notifications import Notifications
    from .supervisor.handover import Handover


def run(boot: Boot) -> int:
    """Serves until the sidecar ends; returns the exit status. The loop is not closed, because on Windows closing it may block forever."""
    return create_event_loop().run_until_complete(_serve(boot))


async def _serve(boot: Boot) -> int:
    started = time.monotonic()
    asyncio.get_running_loop().set_exception_handler(_log_exception)
    frame, in_flight = boot.max_frame, boot.max_in_flight
    server = Server(boot.stdin_fd, boot.stdout_fd, max_frame=frame, max_in_flight=in_flight, report=log.warning)
    try:
        loaded = load(
            config=boot.config, profile=boot.profile, overrides=boot.overrides, command=boot.command, environ=os.environ
        )
        if loaded.settings.backend.autostart:
            require_command(loaded.settings)
        for note in loaded.notes:
            log.warning(note)
        return await App(boot, server, loaded, resolve_paths(loaded.settings), started=started).run()
    except errors.InvalidConfigError as error:
        server.send_error(error)
        log.error(f"{error.message}. {error.hint}")
        await server.finish()
        return error.exit_status
    except Exception as error:
        log.defect("the sidecar's own run", error)  # boot prints on stderr that this ended it
        raise
    finally:
        log.close()


class App:
    """A sidecar and all its parts."""

    def __init__(self, boot: Boot, server: Server, loaded: Loaded, paths: Paths, *, started: float) -> None:
        settings = loaded.settings
        sandboxed = settings.sandbox.level != "off"
        keep_within(changeable(settings, paths))
        if boot.early is None and settings.backend.managed and settings.backend.autostart:
            announce_self(paths.data)
        reclaim = Reclaim(paths.data, max_ending=settings.timeouts.total_shutdown, sandboxed=sandboxed)
        reclaimed = reclaim.read()
        succession = Succession(reclaimed, lambda: in_thread(lambda: reclaim.read(wait=False)), self._succeeded)
        self._warnings = [*reclaimed.neighbours, *reclaimed.notes]
        for note in [*self._warnings, boot.containment]:
            if note:
                log.warning(note)
        self._settings = settings
        self._paths = paths
        self._server = server
        secrets = Secrets(settings.backend)
        log.set_mask(secrets.mask)
        self._client = client = BackendClient()
        self._layer = process.create_process_layer(boot.guardian, log.info, paths.data, boot.early)
        self._output = output = BackendLog(os.path.join(paths.logs, reclaimed.logs), log.warning)
        self._handover = handover = _handover(settings, paths)
        launcher = _launcher_type(settings)(
            settings,
            paths,
            self._layer,
            client,
            succession=succession,
            output_tail=output.tail,
            mask=secrets.mask,
            report=log.info,
            handover=handover,
            early=boot.early,
        )
        self._supervisor = supervisor = Supervisor(
            _lifecycle(settings, reclaimed), launcher, settings, report=log.warning, defect=log.defect
        )
        if handover is not None:
            handover.follow(supervisor.stream)
        logs = LogChannel(server, supervisor, output)
        self._metrics = _metrics(boot.metrics, supervisor)
        self._recorder = Recorder(settings, paths, server, supervisor, secrets, self._metrics)
        limit = settings.timeouts.startup if settings.backend.managed else None
        announce(server, supervisor.stream, startup_limit=limit)
        self._monitor = Monitor(
            settings,
            client,
            supervisor,
            notifications=_notifications(settings, supervisor, handover, secrets.mask),
        )
        written = time.time() if boot.early is not None else 0.0
        self._record = Record(
            paths.data, log.warning, keeps_port=reclaimed.keeps_port, logs=reclaimed.logs, written=written
        )
        self._keeper = RecordKeeper(self._record, self._layer, supervisor) if settings.backend.managed else None
        self._late, self._is_late_due = _import_late(supervisor, settings, paths.logs)
        self._ending = Ending(server, supervisor, interrupted=boot.interrupted)

        firewall = FirewallChannels(settings, supervisor, client)

        async def diagnose() -> list[Check]:
            from .api.diagnosis import Diagnosis  # no other request needs it

            reports = self._recorder.crash_reports
            return await Diagnosis(
                settings, paths, supervisor, client, succession, reports, firewall.check, loaded.notes
            ).run()

        sidecar = sidecar_channels(
            settings,
            server,
            self._monitor,
            logs,
            self._ending,
            mask=secrets.mask,
            started=started,
            warnings=self._warnings,
        )
        view = StatusView(settings, paths, supervisor, succession, secrets.mask)
        self._handlers: dict[str, Any] = {
            **BackendChannels(settings, supervisor, client, view).table(),
            **sidecar,
            **firewall.table(),
            **self._recorder.table(),
            "backend:diagnose": diagnose,
            "backend:logs": logs.read,
        }

    def _succeeded(self, found: Reclaimed) -> None:
        """The previous sidecar has exited, or is still running after all."""
        self._record.keeps_port = found.keeps_port
        self._record.update(logs=found.logs)
        self._output.move_to(os.path.join(self._paths.logs, found.logs))
        for note in [*found.neighbours, *found.notes]:
            log.warning(note)
            self._warnings.append(note)

    async def run(self) -> int:
        self._server.serve(self._handlers, self._ending.client_ended)
        backend = self._settings.backend
        if backend.autostart or not backend.managed:
            self._supervisor.post(e.Start(e.Reason.AUTOSTART))
        else:
            self._is_late_due.set()
            if self._keeper is not None:
                self._keeper.write()
        gc.freeze()
        gc.enable()
        await self._ending.reached()
        self._late.cancel()
        self._monitor.close()
        if await self._layer.close():
            self._ending.exit_status = errors.StopFailedError.exit_status
        # Otherwise the next sidecar needs the record of what is left.
        if self._ending.exit_status != errors.StopFailedError.exit_status:
            await _briefly(self._record.remove)
        if self._handover is not None:
            await _briefly(self._handover.close)
        await self._recorder.close()
        if self._metrics is not None:
            await self._metrics.close()
        await self._server.finish()
        await self._output.close()
        await self._client.close()
        return self._ending.exit_status


async def _briefly(work: Callable[[], None]) -> None:
    """Does the work in a thread; waits at most a second for a disk that does not respond."""
    await asyncio.wait({in_thread(work)}, timeout=1.0)


_HEAD_START = 0.2  # seconds
_SWITCH_INTERVAL = 0.0001  # seconds for which an importing thread may hold up the event loop; Python's default is 5 ms


def _import_late(supervisor: Supervisor, settings: Settings, logs: str) -> tuple[asyncio.Task[None], asyncio.Event]:
    """Does the slow imports while the backend boots instead of before the spawn; starts when the event is set."""
    loop, due = asyncio.get_running_loop(), asyncio.Event()

    def begin_soon(_notice: RunStarted) -> None:
        """Lets a backend that listens at once be checked before the imports delay it."""
        loop.call_later(_HEAD_START, due.set)

    supervisor.stream.subscribe(RunStarted, begin_soon)
    supervisor.stream.subscribe(StateChanged, lambda change: due.set() if change.state != "STARTING" else None)

    async def import_late() -> None:
        await due.wait()
        usual = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_INTERVAL)  # meanwhile the backend may become ready
        try:
            await in_thread(_import_for_failures)
            await log.attach(settings, logs)
        finally:
            sys.setswitchinterval(usual)

    return loop.create_task(import_late()), due


def _import_for_failures() -> None:
    """Imports now what a failure needs, possibly when no file can be opened anymore, or an update has removed the program's."""
    from .core.fingerprint import fingerprint
    from .settings.masking import mask_text

    mask_text(fingerprint("", "", ()))


def _lifecycle(settings: Settings, reclaimed: Reclaimed) -> Lifecycle:
    # Failures older than the window would have been forgiven if the previous sidecar had kept running.
    spent = reclaimed.failures if reclaimed.age < settings.restart.window else 0
    return Lifecycle(LifecyclePolicy.of(settings), random=_random, spent=spent)


def _launcher_type(settings: Settings) -> type[Launcher]:
    if settings.backend.managed:
        return Launcher
    from .supervisor.watched import Watcher

    return Watcher


def _metrics(file: str | None, supervisor: Supervisor) -> MetricsFile | None:
    if file is None:
        return None
    from .api.metrics_file import MetricsFile

    return MetricsFile(file, supervisor)


def _handover(settings: Settings, paths: Paths) -> Handover | None:
    if settings.backend.socket == "none" and not settings.backend.notify:
        return None
    from .supervisor.handover import Handover

    return Handover(settings, paths, log.warning)


def _notifications(
    settings: Settings, supervisor: Supervisor, handover: Handover | None, mask: Callable[[str], str]
) -> Notifications | None:
    if handover is None or handover.channel is None:
        return None
    from .monitor.notifications import Notifications

    return Notifications(handover.channel, supervisor, watchdog=settings.health.watchdog, mask=mask, report=log.warning)


def _random() -> float:
    """Returns a number in [0, 1). Not from the module random: importing it takes 1 ms, and a descriptor, which may not be available."""
    return int.from_bytes(os.urandom(7), "big") / 2**56


def _log_exception(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    message, error = str(context.get("message")), context.get("exception")
    if error is not None:
        log.defect(message, error)
    else:
        log.error(f"defect: {message}")
