"""How long a start takes, from the spawn of the sidecar's process."""

from __future__ import annotations

import os
import select
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from tests.support.backends import http_backend

from .figures import Figure, Scale, alternate, rows
from .rig import CHILDREN, PATIENCE, Sidecar, bare, milliseconds_to_first_byte, packed_command, pause

PACKED = "sidecar, packed"  # as an app ships it
PING = {"type": "request", "id": 1, "channel": "sidecar:ping", "args": ["x"]}
ONE_BYTE = "import os; os.write(1, b'.')"
# What a Python program that answers MessagePack in an event loop cannot do without.
LEAST = (
    "import asyncio, os\nfrom msgspec import msgpack\n"
    "async def main(): os.write(1, msgpack.encode(b'.'))\n"
    "asyncio.run(main())"
)
# The same, and a child process spawned with the standard library.
LEAST_SPAWN = (
    "import os, subprocess\nfrom msgspec import msgpack\n"
    f"child = subprocess.Popen({bare('-c', 'pass')!r})\nos.write(1, b'.')\nchild.wait()"
)


class Times(NamedTuple):
    """Milliseconds from the spawn of the sidecar; parts of one another."""

    hello: float
    starting: float
    spawned: float
    answered: float
    executed: float = 0.0  # in a start of its own


def one_start(command: Sequence[str] | None) -> Times:
    """Starts a sidecar with a backend and a ping in its pipe."""
    pause()
    with Sidecar(http_backend(), first=[PING], command=command) as it:
        greeted = it.until(lambda message: message["type"] == "hello", "hello")
        answered = it.until(lambda message: message.get("id") == 1, "first answer")
        moments = (greeted, it.state("STARTING"), it.progress("waiting"), answered)
        return Times(*((moment.at - it.spawned) * 1000 for moment in moments))


def backend_executes(command: Sequence[str] | None) -> float:
    """Milliseconds from the spawn of the sidecar to the first instruction of its backend."""
    pause()
    with tempfile.TemporaryDirectory() as folder:
        fifo = os.path.join(folder, "fifo")  # noqa: PTH118 - for a shell
        os.mkfifo(fifo)
        reader, keeper = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), os.open(fifo, os.O_WRONLY)
        try:
            with Sidecar(["/bin/sh", "-c", f"echo . > {fifo}; exec sleep 60"], command=command) as it:
                select.select([reader], [], [], PATIENCE)
                return (time.monotonic() - it.spawned) * 1000
        finally:
            os.close(reader)
            os.close(keeper)


def run(scale: Scale) -> Iterator[Figure]:
    """See the module."""
    starts: dict[str, list[Times]] = {}
    node = shutil.which("node")
    sidecars = {"sidecar": None, **({PACKED: packed} if (packed := packed_command()) else {})}

    def start(label: str) -> float:
        times = one_start(sidecars[label])._replace(executed=backend_executes(sidecars[label]))
        starts.setdefault(label, []).append(times)
        return times.answered

    peers: dict[str, Callable[[], float]] = {
        **{label: partial(start, label) for label in sidecars},
        "python -c": lambda: milliseconds_to_first_byte([sys.executable, "-c", ONE_BYTE]),
        "python -I -S -c": lambda: milliseconds_to_first_byte(bare("-c", ONE_BYTE)),
        "python -m emptypackage": lambda: milliseconds_to_first_byte(
            [sys.executable, "-m", "emptypackage"], cwd=str(CHILDREN)
        ),
        "python with asyncio and msgspec": lambda: milliseconds_to_first_byte([sys.executable, "-c", LEAST]),
        "python with subprocess and msgspec": lambda: milliseconds_to_first_byte([sys.executable, "-c", LEAST_SPAWN]),
    }
    if node:
        peers["node child"] = lambda: milliseconds_to_first_byte([node, "-e", "process.stdout.write('.')"])
    repetitions = scale.of(25, 11, 1)
    measured = alternate(peers, repetitions)
    floors = {label: values for label, values in measured.items() if label not in sidecars}
    asyncio_floor = floors.pop("python with asyncio and msgspec")
    spawn_floor = floors.pop("python with subprocess and msgspec")
    bare_floors = {label: values for label, values in floors.items() if label != "python -I -S -c"}

    def of_sidecars(moment: str) -> dict[str, list[float]]:
        return {label: [getattr(one, moment) for one in some[-repetitions:]] for label, some in starts.items()}

    yield Figure(
        "start: hello",
        "ms",
        rows({**of_sidecars("hello"), **floors}),
        goal="≤ 1.2 times python -m of an empty package",
        note="From spawn to the first byte on stdout.",
    )
    yield Figure(
        "start: STARTING reported",
        "ms",
        rows({**of_sidecars("starting"), **bare_floors}),
        goal="≤ 60 ms",
        note="From spawn to the event STARTING: the settings are read and the port is chosen.",
    )
    yield Figure(
        "start: backend executes",
        "ms",
        rows({**of_sidecars("executed"), **bare_floors}),
        goal="≤ 1.6 times python -m of an empty package",
        note="From spawn to the first line of a shell script that is the backend.",
    )
    yield Figure(
        "start: backend spawned",
        "ms",
        rows({**of_sidecars("spawned"), "python with subprocess and msgspec": spawn_floor, **bare_floors}),
        note="From spawn to the event that reports the backend's process, which has run for some time by then; the floor spawns a child with subprocess.",
    )
    yield Figure(
        "start: first answer",
        "ms",
        rows({**of_sidecars("answered"), "python with asyncio and msgspec": asyncio_floor, **bare_floors}),
        goal="≤ 3.5 times python -m of an empty package",
        note="From spawn to the answer to a ping that was already in the pipe; the backend is spawned in the meantime.",
    )
