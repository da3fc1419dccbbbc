"""The composition root of serve: the only place where objects are wired."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import errors, process
from .backend.client import BackendClient
from .core import events as e
from .core.lifecycle import Lifecycle
from .log import log
from .monitor import Monitor
from .observe.logs import BackendLog
from .process.reclaim import Reclaim
from .process.record import Record
from .rpc.announcer import Announcer
from .rpc.diagnosis import Diagnosis
from .rpc.ending import Ending
from .rpc.facts import Facts
from .rpc.firewall_handlers import FirewallHandlers
from .rpc.handlers import Handlers, SidecarHandlers
from .rpc.observer import Observer
from .rpc.server import Server
from .settings.load import load
from .settings.model import Paths, Settings
from .settings.paths import resolve_paths
from .supervisor import Supervisor
from .supervisor.launcher import Launcher, Launches
from .supervisor.policy import lifecycle_policy
from .supervisor.run import Run
from .supervisor.watched import Watcher
from .wire.channels import LogsArgs
from .wire.messages import LogLine, SidecarInfo, StateChanged

if TYPE_CHECKING:
    from .argv import Boot


def run(boot: Boot) -> int:
    """Serves until the end; gives the exit status."""
    return asyncio.run(_serve(boot))


async def _serve(boot: Boot) -> int:
    app = App(boot)
    try:
        return await app.run()
    except Exception as error:
        log.defect("the sidecar's own run", error)  # boot says on stderr that it ended by this
        raise
    finally:
        log.close()


class App:
    """One sidecar."""

    def __init__(self, boot: Boot) -> None:
        self._boot = boot
        self._started = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._ending = Ending()
        self._spawned = asyncio.Event()
        self._warnings: list[str] = []
        self._server = Server(
            boot.stdin_fd,
            boot.stdout_fd,
            max_frame=boot.max_frame,
            max_in_flight=boot.max_in_flight,
            report=log.warning,
            on_end=self._ending.client_ended,
        )

    async def run(self) -> int:
        """From settings to exit status."""
        self._loop.set_exception_handler(_log_exception)
        self._server.start()
        try:
            loaded = load(
                config=self._boot.config,
                profile=self._boot.profile,
                overrides=self._boot.overrides,
                command=self._boot.command,
                environ=os.environ,
            )
        except errors.InvalidConfigError as error:
            self._server.send_error(error)
            log.error(error.message)
            await self._server.finish()
            return error.exit_status
        for note in loaded.notes:
            log.info(note)
        self._wire(loaded.settings, resolve_paths(loaded.settings))
        if loaded.settings.backend.autostart or not loaded.settings.backend.managed:
            self._supervisor.post(e.Start(e.Reason.AUTOSTART))
        else:
            self._spawned.set()
            self._remember()  # for another sidecar on the folder: this one may start its backend later
        gc.freeze()
        gc.enable()
        late = self._loop.create_task(self._import_late())
        await self._ending.reached
        late.cancel()
        self._monitor.end()
        survivors = await self._layer.close()
        if survivors:
            self._ending.exit_status = errors.StopFailedError.exit_status
        if self._ending.exit_status != errors.StopFailedError.exit_status:  # else the next sidecar must know of them
            self._record.remove()
        await self._observer.close()
        await self._server.finish()
        await self._backend_log.close()
        await self._client.close()
        return self._ending.exit_status

    async def _import_late(self) -> None:
        """What takes long to import is imported while the backend boots, not before it is spawned."""
        await self._spawned.wait()
        await self._client.load()
        await log.attach(self._settings, self._paths.logs)

    # Wiring ---------------------------------------------------------------------------------------------------------

    def _wire(self, settings: Settings, paths: Paths) -> None:
        self._settings = settings
        self._paths = paths
        data = Path(paths.data)
        reclaimed = Reclaim(data).read()
        self._warnings += [*reclaimed.neighbours, *reclaimed.notes]
        for note in self._warnings:
            log.warning(note)
        self._record = Record(data, log.warning, shared=reclaimed.shared, logs=reclaimed.logs)
        if self._boot.containment:
            log.warning(self._boot.containment)
        self._layer = process.create_process_layer(self._boot.guardian, log.info)
        self._client = BackendClient()
        self._backend_log = BackendLog(Path(paths.logs) / reclaimed.logs, log.warning)
        self._backend_log.on_skipped = lambda count: self._server.skip("backend:log", count)
        self._launcher = self._make_launcher(None if reclaimed.shared else reclaimed.last_port)
        # What failed longer ago than the window would have been forgiven had this sidecar's predecessor lived on.
        spent = reclaimed.failures if reclaimed.age < settings.restart.window else 0
        lifecycle = Lifecycle(lifecycle_policy(settings), chance=_chance, spent=spent)
        self._supervisor = Supervisor(lifecycle, self._launcher, settings, report=log.warning)
        self._ending.attach(self._server, self._supervisor, interrupted=self._boot.interrupted)
        self._observer = Observer(settings, paths, self._server, self._supervisor, self._backend_log)
        self._announcer = Announcer(settings, self._server, self._supervisor, self._observer)
        self._monitor = Monitor(settings, self._client, self._announcer, find_listener=process.find_listener)
        self._supervisor.on_changed = self._changed
        if settings.backend.managed:
            self._supervisor.on_failure = self._announcer.failed
        self._supervisor.on_launched = self._launched
        self._supervisor.on_over = self._over
        self._supervisor.on_output = self._backend_log.write
        self._supervisor.on_finished = self._ending.finished
        facts = Facts(
            settings,
            paths,
            self._supervisor,
            healthy=lambda: self._monitor.healthy,
            last_port=lambda: self._launcher.last_port,
            shared_data_folder=lambda: reclaimed.shared,
        )
        firewall = FirewallHandlers(settings, self._supervisor, self._client)
        diagnosis = Diagnosis(
            settings,
            paths,
            self._supervisor,
            crashes=self._observer.crash_reports,
            firewall=firewall.check,
            client=self._client,
            reclaimed=reclaimed,
        )
        self._server.attach(
            {
                **Handlers(settings, facts, self._supervisor, self._client, lambda: self._launcher.last_port).table(),
                **SidecarHandlers(
                    self._server,
                    subscribed=self._subscriptions_changed,
                    suspended=self._monitor.suspended,
                    shut_down=self._ending.asked,
                ).table(),
                **firewall.table(),
                **self._observer.table(),
                **diagnosis.table(),
                "backend:logs": self._logs,
                "sidecar:info": self._info,
            }
        )

    def _make_launcher(self, last_port: int | None) -> Launches:
        settings = self._settings
        if not settings.backend.managed:
            port = int(settings.backend.url.rstrip("/").rpartition(":")[2])
            self._client.port = port
            return Watcher(port, self._loop.time, process.find_listener)
        return Launcher(
            settings,
            self._paths,
            self._layer,
            self._client,
            last_port=last_port,
            find_listener=process.find_listener,
            process_name=process.process_name,
            begin_output=self._backend_log.begin_run,
            last_output=self._backend_log.tail,
            mask=self._mask,
            report=log.info,
        )

    def _mask(self, text: str) -> str:
        return self._observer.mask(text)

    # What happens ---------------------------------------------------------------------------------------------------

    def _changed(self, change: StateChanged) -> None:
        if change.state != "STARTING":
            self._spawned.set()
        self._announcer.changed(change)
        self._remember()

    def _launched(self, run: Run) -> None:
        self._spawned.set()
        self._monitor.begin(run)
        self._observer.launched(run)
        self._remember()

    def _remember(self) -> None:
        """Writes down what the next sidecar must know if this one is killed."""
        if not self._settings.backend.managed:
            return
        run, lifecycle = self._supervisor.run, self._supervisor.lifecycle
        process_of_run = run.process if run is not None and lifecycle.occupied else None
        self._record.update(
            guardian=self._layer.guardian,
            marker=self._layer.marker,
            backend=process_of_run.identity if process_of_run is not None else None,
            run=lifecycle.run,
            port=self._launcher.last_port,
            failures=lifecycle.budget.spent(lifecycle.healthy_time.total(self._loop.time())),
        )

    def _over(self, run: Run) -> None:
        self._observer.over(run)
        if run.status is None:
            self._monitor.end()
        else:
            self._monitor.died()

    def _subscriptions_changed(self) -> None:
        wanted = self._server.wanted("backend:log")
        self._backend_log.subscribe(self._log_line if wanted else None)

    def _log_line(self, line: LogLine) -> None:
        self._server.notify("backend:log", line)

    async def _logs(self, args: LogsArgs | None = None) -> list[LogLine]:
        args = args or LogsArgs()
        return await self._backend_log.read_lines(args.lines, args.stream)

    def _info(self) -> SidecarInfo:
        from .rpc.info import describe

        return describe(self._settings, started=self._started, warnings=lambda: self._warnings)


def _chance() -> float:
    """0 to 1. Only a restart needs it, and the module takes 1 ms."""
    from random import random

    return random()  # noqa: S311  it spreads restarts, and keeps no secret


def _log_exception(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    message, error = str(context.get("message")), context.get("exception")
    if error is not None:
        log.defect(message, error)
    else:
        log.error(f"defect: {message}")
