"""What happens to a backend under the sidecar, again and again, beside the same thing done by hand."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

from tests.support.backends import aspnet_backend, aspnet_missing, free_port, http_backend
from tests.support.pipes import Message

from .figures import Figure, Scale, Skipped, alternate, rows
from .rig import PATIENCE, Moment, Sidecar, environment, helper

LIVE, SHUTDOWN = "/health/live", "/api/system/shutdown"


def run(scale: Scale) -> Iterator[Figure]:
    """See the module."""
    if sys.platform != "linux":
        raise Skipped("death, restart and stop: measured against Linux's pidfd, which this system lacks")
    backends = {"small backend": http_backend()}
    if not aspnet_missing():
        backends["ASP.NET Core"] = aspnet_backend()
    for name, command in list(backends.items())[: scale.of(2, 2, 1)]:
        yield from _figures(name, command, scale.of(11, 7, 1))


def _figures(name: str, command: Sequence[str], repetitions: int) -> Iterator[Figure]:
    with Sidecar(command) as sidecar, _ByHand(command) as by_hand:
        ours = _Ours(sidecar)
        measured = alternate(
            {
                "crash": ours.crash,
                "restart": ours.restart,
                "stop": ours.stop,
                "crash by hand": by_hand.crash,
                "restart by hand": by_hand.restart,
            },
            repetitions,
        )
    last = slice(-repetitions, None)
    yield Figure(
        f"backend died → reported: {name}",
        "ms",
        rows({"sidecar": ours.reported[last], "pidfd of the measuring process": ours.died[last]}),
        goal="≤ 5 ms",
        note="From SIGKILL to the event. The floor: the kernel reports the death to the measuring process.",
    )
    yield Figure(
        f"crash → ready again: {name}",
        "ms",
        rows({"sidecar": measured["crash"], "by hand": measured["crash by hand"]}),
        note="From SIGKILL to RUNNING. By hand: waitpid, spawn, and requests until one succeeds.",
    )
    yield Figure(
        f"restart: {name}",
        "ms",
        rows({"sidecar": measured["restart"], "by hand": measured["restart by hand"]}),
        note="From request to answer: stopped, tree gone, started, ready. By hand: POST, waitpid, spawn, requests until one succeeds.",
    )
    yield Figure(
        f"backend stopped → answered: {name}",
        "ms",
        rows({"sidecar": measured["stop"]}),
        goal="≤ 10 ms",
        note="From the exit of the backend, as the kernel reports it, to the answer: by then the whole tree is gone.",
    )


class _Ours:
    """One sidecar with a running backend."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._pid: int = sidecar.state("RUNNING").message["payload"]["pid"]
        self.reported: list[float] = []
        self.died: list[float] = []

    def crash(self) -> float:
        """Milliseconds from SIGKILL to ready again; the death itself goes into ``reported`` and ``died``."""
        since = self._sidecar.mark()
        began = time.monotonic()
        exited, reported = self._watch(
            lambda: os.kill(self._pid, signal.SIGKILL),
            lambda message: message.get("channel") == "backend:stateChanged",
        )
        self.died.append((exited - began) * 1000)
        self.reported.append((reported.at - began) * 1000)
        running = self._running(since)
        return (running.at - began) * 1000

    def restart(self) -> float:
        """Milliseconds of a restart; it clears the budget that the crashes use up."""
        since = self._sidecar.mark()
        began = time.monotonic()
        answered = self._sidecar.call("backend:restart")
        self._running(since)
        return (answered.at - began) * 1000

    def stop(self) -> float:
        """Milliseconds from the backend's exit to the answer; then it is started again."""
        asked: list[int] = []
        exited, answered = self._watch(
            lambda: asked.append(self._sidecar.request("backend:stop")),
            lambda message: bool(asked) and message.get("id") == asked[0],
        )
        since = self._sidecar.mark()
        self._sidecar.call("backend:start")
        self._running(since)
        return (answered.at - exited) * 1000

    def _running(self, since: int) -> Moment:
        running = self._sidecar.state("RUNNING", since=since)
        self._pid = running.message["payload"]["pid"]
        return running

    def _watch(self, act: Callable[[], Any], wanted: Callable[[Message], bool]) -> tuple[float, Moment]:
        """Acts, and gives the time of the backend's exit and the message that is wanted."""
        sidecar, since = self._sidecar, self._sidecar.mark()
        pidfd = os.pidfd_open(self._pid)
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        poller.register(sidecar.stdout, select.POLLIN)
        exited, found = None, None
        try:
            act()
            while exited is None or found is None:
                ready = poller.poll(PATIENCE * 1000)
                if not ready:
                    raise TimeoutError("neither an exit nor a message")
                for descriptor, _ in ready:
                    if descriptor == pidfd:
                        exited = time.monotonic()
                        poller.unregister(pidfd)
                    else:
                        sidecar.read()
                        found = found or sidecar.find(wanted, since=since)
        finally:
            os.close(pidfd)
        return exited, found


class _ByHand:
    """The same backend as an app runs it that has no sidecar, by the shortest way there is."""

    def __init__(self, command: Sequence[str]) -> None:
        self._port = free_port()
        self._command = [word.replace("{port}", str(self._port)) for word in command]
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def crash(self) -> float:
        began = time.monotonic()
        self._process.kill()
        self._process.wait()
        self._start()
        return (self._ready - began) * 1000

    def restart(self) -> float:
        began = time.monotonic()
        self._post(SHUTDOWN)
        self._process.wait()
        self._start()
        return (self._ready - began) * 1000

    def _start(self) -> None:
        env = environment({"ASPNETCORE_URLS": f"http://127.0.0.1:{self._port}"})
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, env=env, stdin=quiet, stdout=quiet, stderr=quiet)
        asked = subprocess.run(helper("prober", self._port, LIVE), capture_output=True, text=True, check=True)
        self._ready = float(asked.stdout.split()[-1])

    def _post(self, path: str) -> None:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        connection.request("POST", path)
        connection.getresponse().read()
        connection.close()
