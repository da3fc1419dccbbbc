from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable

import pytest

from sidecar.api.crash import describe_crash
from sidecar.backend.probe import ProbeResult
from sidecar.core.actions import ReportFailure
from sidecar.core.events import Conflict, Reason
from sidecar.core.exit_status import ExitStatus
from sidecar.errors import BackendNotFoundError
from sidecar.process.spec import LaunchSpec
from sidecar.settings.load import load
from sidecar.settings.model import Settings
from sidecar.supervisor import answers
from sidecar.supervisor.run import Run
from sidecar.wire.observe import Crash

SETTINGS = load(config=None, profile="generic", overrides=[], command=["./api"], environ={}).settings


def crash(
    reason: Reason = Reason.CRASHED,
    settings: Settings = SETTINGS,
    error: BackendNotFoundError | None = None,
    *,
    oom: bool | None = None,
    **run: object,
) -> Crash:
    failure = ReportFailure(1, reason, attempt=1, next_start_in=5.0, final=False, error=error)
    ended_for = reason if reason in {Reason.HUNG, Reason.STARTUP_TIMEOUT} else None
    facts = {"number": 1, "port": 5005, "requested_at": 0.0, "ended_for": ended_for} | run
    return describe_crash(Run(oom=oom, **facts), failure, settings, mask=str)  # type: ignore[arg-type] - any of its fields


class Machine:
    """One of a thousand machines: its paths, numbers, names and versions differ from all others."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.windows = self.random.random() < 0.5
        self.folder = self.random.choice(
            ["/opt/aura", "C:\\Users\\ann b\\AppData\\Aura", f"/home/u{seed}/.local/aura-{seed}"]
        )

    def number(self) -> int:
        return self.random.randrange(1024, 65536)

    def address(self) -> str:
        return f"0x{self.random.getrandbits(47):x}"

    def id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128)))

    def noise(self) -> str:
        return f"info: pid {self.number()} listening on http://127.0.0.1:{self.number()}, session {self.id()}\n"


def dotnet(machine: Machine) -> Crash:
    source = f" in {machine.folder}\\Jobs.cs:line {machine.number() % 900}" if machine.random.random() < 0.5 else ""
    text = (
        f"{machine.noise()}Unhandled exception. System.InvalidOperationException: job {machine.id()} on port {machine.number()}\n"
        f"   at System.Collections.Generic.List`1.get_Item(Int32 index)\n   at Api.Jobs.Run(String id){source}\n"
        f"   at Api.Program.<>c__DisplayClass{machine.number() % 9}_0.<Main>b__{machine.number() % 9}()\n"
    )
    return crash(output=text, status=ExitStatus(code=0xE0434352) if machine.windows else ExitStatus(signal=6))


def python(machine: Machine) -> Crash:
    version = machine.random.choice(["3.11", "3.12"])
    text = (
        f'{machine.noise()}Traceback (most recent call last):\n  File "{machine.folder}/main.py", line {machine.number()}, in <module>\n    go()\n'
        f'  File "/usr/lib/python{version}/asyncio/runners.py", line {machine.number()}, in run\n    x\n'
        f"  File \"{machine.folder}/jobs.py\", line {machine.number()}, in run\n    y\nKeyError: '{machine.id()}'\n"
    )
    return crash(output=text, status=ExitStatus(code=1))


def native(machine: Machine) -> Crash:
    text = f"{machine.noise()}{machine.folder}/libav.so.60(decode_frame+{machine.address()})[{machine.address()}]\n"
    return crash(
        output=text,
        status=ExitStatus(code=0xC0000005)
        if machine.windows
        else ExitStatus(signal=11, core_dumped=machine.random.random() < 0.5),
    )


def port_taken(machine: Machine) -> Crash:
    owner = ("127.0.0.1", machine.number(), machine.number())
    return crash(
        port=owner[1],
        conflict=Conflict.IN_USE,
        owner=owner,
        owner_name=machine.random.choice(["node", "nginx", ""]),
        output=machine.noise(),
    )


def never_ready(machine: Machine) -> Crash:
    return crash(Reason.STARTUP_TIMEOUT, port=machine.number(), output=machine.noise(), listening=())


CAUSES: dict[str, Callable[[Machine], Crash]] = {
    "exception, .NET": dotnet,
    "exception, Python": python,
    "native_crash": native,
    "port_in_use": port_taken,
    "startup_timeout": never_ready,
}


@pytest.mark.parametrize("crashes", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_crashes_of_five_causes_have_five_fingerprints(crashes: int) -> None:
    groups: dict[str, Counter[str]] = {}
    names = list(CAUSES)
    for seed in range(crashes):
        name = names[seed % len(names)]
        found = CAUSES[name](Machine(seed))
        assert found.kind == name.partition(",")[0]
        assert isinstance(found.fingerprint, str)
        groups.setdefault(found.fingerprint, Counter())[name] += 1
    assert sorted(map(dict, groups.values()), key=str) == [{name: crashes // 5} for name in sorted(names)]  # type: ignore[comparison-overlap] - dicts


@pytest.mark.parametrize(("system", "hint"), [("win32", "Task Manager"), ("linux", "send the report")])
def test_on_windows_an_exit_code_without_an_error_may_be_another_programs(
    system: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "SYSTEM", system)
    for code in (1, 0xFFFF_FFFF):
        assert hint in (crash(status=ExitStatus(code=code), output="GET / 200\n").remedy or "")
    assert "Task Manager" not in (crash(status=ExitStatus(code=2), output="GET / 200\n").remedy or "")


def test_ends_that_differ_in_their_cause_are_distinguished() -> None:
    ends = [
        crash(Reason.HUNG),
        crash(Reason.STARTUP_TIMEOUT),
        crash(Reason.STARTUP_TIMEOUT, last_answer=ProbeResult(False, 404, None, "")),
        crash(Reason.STARTUP_TIMEOUT, last_answer=ProbeResult(False, 503, None, "")),
        crash(over_memory=1 << 30, status=ExitStatus(signal=9)),
        crash(error=BackendNotFoundError("gone", hint="Look.")),
        crash(status=ExitStatus(code=3)),
        crash(status=ExitStatus(code=4)),
        crash(status=ExitStatus(signal=9)),
        crash(status=ExitStatus(signal=10)),
        crash(status=ExitStatus(signal=12)),
        crash(status=ExitStatus(code=0)),
    ]
    assert len({one.fingerprint for one in ends}) == len(ends)
    assert [one.kind for one in ends] == [
        *("hung", "startup_timeout", "startup_timeout", "startup_timeout", "memory_limit", "backend_not_found"),
        *("exit_3", "exit_4", "killed", "signal", "signal", "clean_exit"),
    ]


def test_what_was_said_before_a_kill_from_outside_is_not_part_of_the_fingerprint() -> None:
    stack = "./api(decode_frame+0x1d)[0x55d0c0]\n"
    assert (
        crash(status=ExitStatus(signal=9), output=stack).fingerprint == crash(status=ExitStatus(signal=9)).fingerprint
    )
    assert (
        crash(status=ExitStatus(signal=11), output=stack).fingerprint != crash(status=ExitStatus(signal=11)).fingerprint
    )


def test_memory_that_ran_out_explains_even_an_exit_without_an_error() -> None:
    """A shell kept running after the kernel had killed its server."""
    spec = LaunchSpec(("sh", "start.sh"), "/", {})
    facts: dict[str, object] = {"status": ExitStatus(code=0), "spec": spec, "output": "Killed\ndone\n", "ready_at": 1.0}
    assert crash(oom=True, **facts).kind == "oom_killed"
    assert crash(oom=False, **facts).kind == "killed"
