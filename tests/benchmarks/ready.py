"""How soon the sidecar says that the backend is ready, after the first answer that anybody could have had."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial

from tests.support.backends import aspnet_backend, aspnet_missing, free_port, http_backend

from .figures import Figure, Scale, alternate, rows
from .rig import Sidecar, helper, packed_command
from .start import PACKED

LIVE = "/health/live"
# What an app does that has nothing better: wait-on asks every 250 ms by default; many ask every second.
POLLERS = {"polling every 250 ms": 0.25, "polling every second": 1.0}


def run(scale: Scale) -> Iterator[Figure]:
    """See the module."""
    backends = {"listens at once": http_backend(), "listens after 1 s": http_backend(listen_delay=1)}
    backends["answers 503 for 1 s"] = http_backend(live_delay=1)
    if not aspnet_missing():
        backends["ASP.NET Core"] = aspnet_backend()
    for name, command in list(backends.items())[: scale.of(4, 4, 1)]:
        yield _figure(name, command, scale.of(11, 7, 1))


def _figure(name: str, command: Sequence[str], repetitions: int) -> Figure:
    late: dict[str, list[float]] = {}

    def once(label: str, program: Sequence[str] | None) -> float:
        port = free_port()
        with contextlib.ExitStack() as stack:
            first = _prober(stack, port, 0.0)
            pollers = {label: _prober(stack, port, pause) for label, pause in POLLERS.items()}
            sidecar = stack.enter_context(Sidecar(command, settings={"backend.port": port}, command=program))
            running = sidecar.state("RUNNING").at
            possible = _time(first)
            late.setdefault(label, []).append((running - possible) * 1000)
            for peer, poller in pollers.items():
                late.setdefault(peer, []).append((_time(poller) - possible) * 1000)
            return running

    packed = packed_command()
    sidecars = {"sidecar": partial(once, "sidecar", None)}
    if packed:
        sidecars[PACKED] = partial(once, PACKED, packed)
    alternate(sidecars, repetitions)
    return Figure(
        f"first possible answer → reported: {name}",
        "ms",
        rows({label: values[-repetitions:] for label, values in late.items()}),
        goal="≤ 10 ms",
        note="0 is the first good answer to a tight loop of requests during the same start, on another core.",
    )


def _prober(stack: contextlib.ExitStack, port: int, pause: float) -> subprocess.Popen[str]:
    prober = subprocess.Popen(helper("prober", port, LIVE, pause), stdout=subprocess.PIPE, text=True)
    stack.enter_context(prober)
    stack.callback(prober.kill)
    prober.stdout.readline()
    return prober


def _time(prober: subprocess.Popen[str]) -> float:
    line = prober.stdout.readline()
    if not line:
        sys.exit("a prober ended without an answer")
    return float(line)
