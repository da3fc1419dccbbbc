"""What is left in memory after much work, and what the work cost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

from tests.support.backends import free_port, http_backend
from tests.support.pipes import pack

from .figures import Figure, Scale, alternate, row, rows
from .rig import CHILDREN, Sidecar, bare, environment
from .usage import settled

Order = Callable[[int, int, int], None]
MB = 1_000_000


def run(scale: Scale) -> Iterator[Figure]:
    """See the module."""
    rounds = scale.of(10, 10, 2)
    yield from requests(scale.of(1_000_000, 200_000, 640), rounds)
    yield from events(scale.of(1_000_000, 200_000, 2000), rounds)
    yield from log(scale.of(1000, 300, 20), scale.repetitions)
    yield from restarts(scale.of(1000, 50, 2), rounds)


def requests(count: int, rounds: int) -> Iterator[Figure]:
    """Pings, 64 in flight."""
    width = 64
    batch = b"".join(
        pack({"type": "request", "id": number, "channel": "sidecar:ping", "args": ["x"]}) for number in range(width)
    )
    answers = width * len(pack({"type": "response", "id": 1, "result": "x"}))
    rates: list[float] = []
    with Sidecar(http_backend()) as sidecar:
        sidecar.state("RUNNING")
        memory = _Memory(sidecar)
        for _ in range(rounds):
            began = time.monotonic()
            batches = max(1, count // rounds // width)
            for _ in range(batches):
                os.write(sidecar.stdin, batch)
                left = answers
                while left > 0:  # an event in between makes it end early, by what the next batch then has too many
                    left -= len(os.read(sidecar.stdout, 1 << 16))
            rates.append(batches * width / (time.monotonic() - began) / 1000)
            memory.read()
        yield memory.figure(f"{count:,} requests")
    yield Figure("requests in a row, 64 in flight", "k/s", [row("sidecar", rates)], better="higher")


def events(count: int, rounds: int) -> Iterator[Figure]:
    """Lines of the backend's output, each sent as an event."""
    with flooded() as (sidecar, order):
        sidecar.call("sidecar:subscribe", ["backend:log"])
        memory = _Memory(sidecar)
        rates = []
        for _ in range(rounds):
            delivered, seconds = delivery(sidecar, order, count // rounds, 60_000)
            rates.append(delivered / seconds / 1000)
            memory.read()
        yield memory.figure(f"{count:,} events")
    yield Figure("events in a row", "k/s", [row("sidecar", rates)], better="higher", note="Sent at 60 k/s.")


def delivery(sidecar: Sidecar, order: Order, lines: int, rate: int) -> tuple[int, float]:
    """Has ``lines`` lines written at ``rate`` a second; how many came as events, and in how many seconds."""

    def write() -> None:
        order(lines, 50, rate)
        time.sleep(0.1)
        order(1, 50, rate)  # the count of dropped lines comes with it

    writer = threading.Thread(target=write)
    began = last = time.monotonic()
    writer.start()
    delivered = dropped = 0
    while delivered + dropped < lines + 1:
        sidecar.read()
        for moment in sidecar.received:
            if moment.message.get("channel") == "backend:log":
                delivered += 1
                dropped += moment.message.get("dropped", 0)
                if delivered + dropped <= lines:
                    last = moment.at
        sidecar.received.clear()
    writer.join()
    return delivered - 1, last - began


def log(megabytes: int, repetitions: int) -> Iterator[Figure]:
    """The backend writes as fast as it is read, without a subscriber."""
    size = 1000
    lines = megabytes * MB // repetitions // size
    with flooded() as (sidecar, order), _bare_reader() as bare_order:
        memory = _Memory(sidecar)

        def ours() -> float:
            rate = _rate(lines * size, lambda: order(lines, size, 0))
            memory.read()
            return rate

        measured = alternate(
            {
                "sidecar": ours,
                "read and forgotten by Python": lambda: _rate(lines * size, lambda: bare_order(lines, size, 0)),
            },
            repetitions,
        )
        yield memory.figure(f"{megabytes:,} MB of log")
    yield Figure(
        "log taken in",
        "MB/s",
        rows(measured),
        better="higher",
        goal="≥ 300 MB/s",
        note="Stored in memory (the last 8 MiB) and written to rotated files, compared with a Python that only reads.",
    )


def restarts(count: int, rounds: int) -> Iterator[Figure]:
    """backend:restart, one after the other."""
    import psutil

    times: list[float] = []
    with Sidecar(http_backend()) as sidecar:
        sidecar.state("RUNNING")
        sidecar.call("backend:restart")
        memory = _Memory(sidecar)
        process = psutil.Process(sidecar.pid)
        count_open = process.num_fds if sys.platform != "win32" else process.num_handles
        opened = count_open()
        for number in range(count):
            began = time.monotonic()
            sidecar.call("backend:restart")
            times.append((time.monotonic() - began) * 1000)
            sidecar.received.clear()
            if number % max(1, count // rounds) == 0:
                memory.read()
        yield memory.figure(f"{count:,} restarts")
        yield Figure("descriptors gained by restarts", "", [row("sidecar", [float(count_open() - opened)])], goal="0")
    yield Figure("restart in a row", "ms", [row("sidecar", times)])


class _Memory:
    """Resident memory before the work and after each part of it."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._meter = settled(sidecar)
        self._before = self._meter.read().resident
        self._during: list[float] = []

    def read(self) -> None:
        self._during.append(self._meter.read().resident)

    def figure(self, work: str) -> Figure:
        half = self._during[len(self._during) // 2 :]
        return Figure(
            f"memory: {work}",
            "MiB",
            [
                row("sidecar", half),
                row("before", [self._before]),
                row("gained in the second half", [self._during[-1] - half[0]]),
            ],
            goal="flat",
            note="Resident; growth in the second half of the work would show a leak.",
            compare=False,
        )


def _rate(size: int, work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return size / MB / (time.monotonic() - began)


class flooded:  # noqa: N801 - used as a function
    """A sidecar over children/flooder.py, and a function that orders lines of it and waits until they are written."""

    def __enter__(self) -> tuple[Sidecar, Order]:
        port = free_port()
        command = bare(str(CHILDREN / "flooder.py"), str(port))
        self._sidecar = Sidecar(command, settings={"backend.port": port}, flags=["--profile", "generic"])
        try:
            self._sidecar.state("RUNNING")
        except BaseException:
            self._sidecar.__exit__()
            raise
        return self._sidecar, lambda *words: _order(port, *words)

    def __exit__(self, *_: object) -> None:
        self._sidecar.__exit__()


class _bare_reader:  # noqa: N801 - as above
    """The same without a sidecar: a Python process that reads the pipe and forgets what it read."""

    CODE = "import os\nbuffer = bytearray(131072)\nwhile os.readv(0, [buffer]): pass"

    def __enter__(self) -> Order:
        port = free_port()
        command = bare(str(CHILDREN / "flooder.py"), str(port))
        self._flooder = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
        self._reader = subprocess.Popen(bare("-c", self.CODE), stdin=self._flooder.stdout, env=environment())
        return lambda *words: _order(port, *words)

    def __exit__(self, *_: object) -> None:
        for process in (self._flooder, self._reader):
            process.kill()
            process.wait()
        if self._flooder.stdout:
            self._flooder.stdout.close()


def _order(port: int, lines: int, size: int, rate: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port))
            break
        except ConnectionRefusedError:  # it is just starting
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    with connection:
        connection.sendall(b"%d %d %d" % (lines, size, rate))
        connection.recv(10)
