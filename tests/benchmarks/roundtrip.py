"""What a call costs: one at a time, and many at once; from Node as an app makes it, and from Python without Node's share."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.support.launch import ROOT
from tests.support.pipes import pack

from .figures import Figure, Scale, Skipped, alternate, quantile, rows
from .rig import CAN_PIN, Sidecar, environment, helper, on_one_core

SHIM = ROOT / "electron-shim"


class Load(NamedTuple):
    """One size of payload, and how often it is sent in one round."""

    size: str
    payload: int
    calls: int
    pipelined: int
    widths: tuple[int, ...]


def _loads(scale: Scale) -> list[Load]:
    loads = [
        Load("100 B", 100, scale.of(3000, 2000, 20), scale.of(15_000, 10_000, 64), (1, 16, 64, 256)),
        Load("10 kB", 10_000, scale.of(700, 500, 10), scale.of(2000, 1500, 32), (1, 16, 64, 256)),
        # More of these at once than two pipes and the sidecar's 32 MiB of unsent answers hold would measure waiting.
        Load("1 MiB", 1 << 20, scale.of(30, 20, 2), scale.of(48, 32, 4), (1, 16)),
    ]
    return loads[: scale.of(3, 3, 1)]


def run(scale: Scale) -> Iterator[Figure]:
    """See the module."""
    yield from _from_python(scale)
    yield from _from_node(scale)


# From Node


def _from_node(scale: Scale) -> Iterator[Figure]:
    node = shutil.which("node")
    if node is None:
        raise Skipped("round trips from Node: node is not on the PATH")
    if not (SHIM / "node_modules" / "msgpackr").is_dir():
        raise Skipped("round trips from Node: run npm install in electron-shim first")
    for load in _loads(scale):
        for place, affinity in _places(scale):
            with affinity():
                done = _bench(node, load, scale.repetitions)
            results, missing = done["results"], "; ".join(f"{name}: {why}" for name, why in done["missing"].items())
            tag = f"{load.size}, {place}"
            note = f"Payload: one string each way, from Node; the echo does not parse messages. {missing}".strip()
            for name, key in (("p50", "p50"), ("p99", "p99")):
                yield Figure(
                    f"ping {name}: {tag}",
                    "µs",
                    rows({label: result[key] for label, result in results.items()}),
                    goal="≤ 1.5 times raw Python echo, ≤ Node IPC json"
                    if (name, load.size) == ("p50", "100 B")
                    else "",
                    note=note,
                )
            for width in load.widths:
                yield Figure(
                    f"calls a second, {width} in flight: {tag}",
                    "k/s",
                    rows({label: [v / 1000 for v in result["rate"][str(width)]] for label, result in results.items()}),
                    better="higher",
                    goal="≥ 1.5 times Node IPC json" if (width, load.size) == (64, "100 B") else "",
                    note=note,
                )


def _bench(node: str, load: Load, rounds: int) -> Any:
    words = {
        "rounds": rounds,
        "bytes": load.payload,
        "calls": load.calls,
        "pipelined": load.pipelined,
        "widths": ",".join(map(str, load.widths)),
    }
    options = [word for name, value in words.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [node, "bench/roundtrip.js", "--json", *options],
        cwd=SHIM,
        env=environment({"PYTHON": sys.executable}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"bench/roundtrip.js failed:\n{done.stderr}")
    return json.loads(done.stdout)


def _places(scale: Scale) -> list[tuple[str, Callable[[], contextlib.AbstractContextManager[None]]]]:
    places: list[tuple[str, Callable[[], contextlib.AbstractContextManager[None]]]] = [("free", contextlib.nullcontext)]
    if CAN_PIN:
        places.insert(0, ("one core", on_one_core))
    return places[: scale.of(2, 2, 1)]


# From Python


def _from_python(scale: Scale) -> Iterator[Figure]:
    calls, bursts = scale.of(5000, 3000, 20), scale.of(300, 150, 2)
    for place, affinity in _places(scale):
        with affinity(), contextlib.ExitStack() as stack:
            talkers = {
                "sidecar": Talker.to_sidecar(stack, []),
                "sidecar, thread reader": Talker.to_sidecar(
                    stack, [sys.executable, "-m", "tests.benchmarks.children.threaded"]
                ),
                "raw Python echo": Talker.to_child(stack, helper("echo"), echo=True),
            }
            for talker in talkers.values():
                talker.one_by_one(100)
            single = {label: _bound(talker.one_by_one, calls) for label, talker in talkers.items()}
            burst = {label: _bound(talker.burst, 64, bursts) for label, talker in talkers.items()}
            yield Figure(
                f"ping p50 from Python: 100 B, {place}",
                "µs",
                rows(alternate(single, scale.repetitions)),
                goal="≤ 1.5 times raw Python echo",
                note="The client makes two system calls per ping, so this measures almost only the server.",
            )
            yield Figure(
                f"calls a second from Python, 64 in flight: 100 B, {place}",
                "k/s",
                rows(alternate(burst, scale.repetitions)),
                better="higher",
                note="64 requests in one write, then all 64 answers are read.",
            )


def _bound(method: Callable[..., float], *args: int) -> Callable[[], float]:
    return lambda: method(*args)


class Talker:
    """Writes requests that were packed before, and counts the bytes of the answers."""

    def __init__(self, stdin: int, stdout: int, *, echo: bool) -> None:
        self._stdin, self._stdout = stdin, stdout
        self._buffer = bytearray(1 << 18)
        value = "x" * 100
        self._requests = [
            pack({"type": "request", "id": number, "channel": "sidecar:ping", "args": [value]})
            for number in range(1, 65)
        ]
        answer = pack({"type": "response", "id": 1, "result": value})  # ids up to 127 are as long as this one
        self._answer = len(self._requests[0]) if echo else len(answer)

    @classmethod
    def to_sidecar(cls, stack: contextlib.ExitStack, command: list[str]) -> Talker:
        """To a sidecar, or to what ``command`` makes of one, when it has settled."""
        sidecar = stack.enter_context(Sidecar(command=command or None))
        sidecar.settle()
        return cls(sidecar.stdin, sidecar.stdout, echo=False)

    @classmethod
    def to_child(cls, stack: contextlib.ExitStack, command: list[str], *, echo: bool = False) -> Talker:
        """To a process that answers as the sidecar does, or gives every byte back."""
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        stack.enter_context(child)
        stack.callback(child.kill)
        return cls(child.stdin.fileno(), child.stdout.fileno(), echo=echo)

    def one_by_one(self, count: int) -> float:
        """The median time of a ping in µs."""
        times = []
        request, clock = self._requests[0], time.perf_counter
        for _ in range(count):
            began = clock()
            os.write(self._stdin, request)
            self._read(self._answer)
            times.append(clock() - began)
        return quantile(times, 0.5) * 1e6

    def burst(self, width: int, count: int) -> float:
        """Thousands of calls a second."""
        requests = b"".join(self._requests[:width])
        began = time.perf_counter()
        for _ in range(count):
            os.write(self._stdin, requests)
            self._read(self._answer * width)
        return width * count / (time.perf_counter() - began) / 1000

    def _read(self, size: int) -> None:
        while size > 0:
            got = os.readv(self._stdout, [self._buffer])
            if not got:
                raise EOFError("the other side is gone")
            size -= got
