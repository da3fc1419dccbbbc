"""Where the time of a start and of a ping goes: rung by rung, each doing what the one below does and one thing more."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from tests.support.backends import http_backend
from tests.support.launch import ROOT

from .figures import Figure, Scale, alternate, rows
from .rig import CAN_PIN, Sidecar, bare, helper, milliseconds_to_first_byte, on_one_core, pause
from .roundtrip import Talker

_SAY = "; import os; os.write(1, b'.')"
_AS_BOOT = "import gc, sys; gc.disable(); sys.modules['ssl'] = None; import asyncio"  # boot.py says why
_PING = {"type": "request", "id": 1, "channel": "sidecar:ping", "args": ["x"]}


def run(scale: Scale) -> Iterator[Figure]:
    """See the module."""
    yield _start(scale.of(25, 11, 1))
    yield _ping(scale)


def _start(repetitions: int) -> Figure:
    starting: list[float] = []

    def sidecar() -> float:
        pause()
        with Sidecar(http_backend(), first=[_PING]) as it:
            answered = it.until(lambda message: message.get("id") == 1, "first answer")
            starting.append((it.state("STARTING").at - it.spawned) * 1000)
            return (answered.at - it.spawned) * 1000

    def importing(*commands: str) -> float:
        return milliseconds_to_first_byte([*commands[:-1], commands[-1] + _SAY], cwd=str(ROOT))

    interpreter = [sys.executable, "-c"]
    measured = alternate(
        {
            "sidecar: first answer": sidecar,
            "all of the sidecar's modules on that way": lambda: importing(*interpreter, f"{_AS_BOOT}, sidecar.app"),
            "asyncio and msgspec imported": lambda: importing(*interpreter, f"{_AS_BOOT}; from msgspec import msgpack"),
            "asyncio imported": lambda: importing(*interpreter, _AS_BOOT),
            "interpreter with site": lambda: importing(*interpreter, "pass"),
            "interpreter": lambda: importing(*bare("-c"), "pass"),
        },
        repetitions,
    )
    whole, *below = measured.items()
    return Figure(
        "profile: a start",
        "ms",
        rows(dict([whole, ("sidecar: STARTING told", starting[-repetitions:]), *below])),
        note="From spawn; each row does what the row below it does, and one thing more.",
    )


def _ping(scale: Scale) -> Figure:
    pinned = on_one_core() if CAN_PIN else contextlib.nullcontext()
    with pinned, contextlib.ExitStack() as stack:
        talkers = {
            "sidecar": Talker.to_sidecar(stack, []),
            "loop and messages": Talker.to_child(stack, [sys.executable, *helper("loop_echo", "messages")[3:]]),
            "asyncio's loop": Talker.to_child(stack, helper("loop_echo"), echo=True),
            "raw Python echo": Talker.to_child(stack, helper("echo"), echo=True),
        }
        for talker in talkers.values():
            talker.one_by_one(100)
        calls = scale.of(5000, 3000, 20)
        measured = alternate(
            {label: lambda talker=talker: talker.one_by_one(calls) for label, talker in talkers.items()},
            scale.repetitions,
        )
    return Figure(
        "profile: a ping",
        "µs",
        rows(measured),
        note="100 B, from Python, one core; each row does what the row below it does, and one thing more.",
    )
