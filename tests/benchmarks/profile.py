"""Where the time of a start and of a ping goes: rung by rung, each doing what the one below does and one thing more."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from tests.support.launch import ROOT

from .figures import Figure, Scale, alternate, rows
from .rig import CHILDREN, bare, helper, milliseconds_to_first_byte, on_one_core
from .roundtrip import Talker
from .start import one_start

_SAY = "; import os; os.write(1, b'.')"
_AS_BOOT = "import gc; gc.disable(); from sidecar.deferred import deferred; deferred().__enter__(); import asyncio"


def run(scale: Scale) -> Iterator[Figure]:
    """See the module."""
    yield _start(scale.of(25, 11, 1))
    yield _ping(scale)


def _start(repetitions: int) -> Figure:
    starting: list[float] = []

    def sidecar() -> float:
        times = one_start(None)
        starting.append(times.starting)
        return times.answered

    def after(code: str) -> float:
        return milliseconds_to_first_byte([sys.executable, "-c", code + _SAY], cwd=str(ROOT))

    measured = alternate(
        {
            "sidecar: first answer": sidecar,
            "all of the sidecar's modules on that way": lambda: after(f"{_AS_BOOT}, sidecar.app"),
            "asyncio and msgspec imported": lambda: after(f"{_AS_BOOT}; from msgspec import msgpack"),
            "asyncio imported": lambda: after(_AS_BOOT),
            "interpreter with site": lambda: after("pass"),
            "interpreter": lambda: milliseconds_to_first_byte(bare("-c", "pass" + _SAY)),
        },
        repetitions,
    )
    whole, *below = measured.items()
    return Figure(
        "profile: a start",
        "ms",
        rows(dict([whole, ("sidecar: STARTING reported", starting[-repetitions:]), *below])),
        note="From spawn; each row does one thing more than the row below it.",
    )


def _ping(scale: Scale) -> Figure:
    with on_one_core(), contextlib.ExitStack() as stack:
        talkers = {
            "sidecar": Talker.to_sidecar(stack, []),
            "loop and messages": Talker.to_child(stack, [sys.executable, str(CHILDREN / "loop_echo.py"), "messages"]),
            "event loop": Talker.to_child(stack, helper("loop_echo"), echo=True),
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
        note="100 B, from Python, one core; each row does one thing more than the row below it.",
    )
