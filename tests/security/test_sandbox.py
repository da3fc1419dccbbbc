"""A hostile backend, and its setsid, double-forked and executed children, do not get out of the sandbox."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sidecar.process import landlock
from tests.security.attempts import ATTEMPTS, Attempt
from tests.support.backends import CHILDREN
from tests.support.client import SidecarClient
from tests.support.launch import sidecar_command
from tests.support.processes import is_alive, until, wait_until

ABI = landlock.abi() if sys.platform == "linux" else 0
pytestmark = pytest.mark.skipif(not ABI, reason="this system has no Landlock")

WAYS = ("direct", "setsid", "forked_twice", "executed")
OTHER_USER = 65534
# Fatal to the test itself, or only root or a certain machine can do them.
NOT_IN_CONTROL = {
    *(
        "kill_sidecar",
        "kill_guardian",
        "queue_signal",
        "widen_landlock",
        "open_by_handle",
        "make_device",
        "write_device",
    ),
    *("write_system_file", "write_sysctl", "write_cgroup", "inject_into_terminal", "use_inherited_descriptor"),
    *(
        "run_setuid_program",
        "use_capabilities",
        "read_device",
        "connect_fast_open",
        "connect_mptcp",
        "bind_mptcp",
        "use_io_uring",
        "use_32_bit_calls",
        *(
            "use_kernel_keys",
            "use_message_queue",
            "use_kernel_crypto",
            "use_virtual_socket",
            "use_raw_packets",
            "set_attribute",
            "write_sidecar_memory",
        ),
        "mount_over_data",
    ),
    *("namespace_into_home", "chroot_into_home", "enter_namespace", "change_mode"),
    *("trace_sidecar", "trace_guardian", "read_sidecar_memory", "steal_descriptor"),  # Yama may deny them
}


class Surroundings(NamedTuple):
    """The targets of the attacks, all owned by the user."""

    home: Path
    data: Path
    neighbour: subprocess.Popen[bytes]
    facts: dict[str, Any]
    uid: int


@contextlib.contextmanager
def surroundings(uid: int) -> Iterator[Surroundings]:
    """A home with a key, a neighbour, sockets, a terminal."""
    root = Path(tempfile.mkdtemp(prefix="sidecar-sandbox-"))
    home, data = root / "home", root / "data"
    (home / "folder").mkdir(parents=True)
    data.mkdir(mode=0o700)
    (home / "key").write_text("secret")
    (home / "victim").write_text("victim")
    (home / "program").write_text("#!/bin/sh\n")
    (home / "program").chmod(0o700)
    shutil.copy("/usr/bin/id", root / "id")
    (root / "id").chmod(0o4755)
    root.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root)
        neighbour = subprocess.Popen(["/bin/sleep", "600"], user=uid if uid != os.getuid() else None)
        stack.callback(neighbour.wait)
        stack.callback(neighbour.kill)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = f"sidecar-test-{os.getpid()}-{uid}"
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind("\0" + abstract)
        unix.listen(100)
        datagrams = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagrams.bind(f"\0{abstract}-datagram")
        datagrams.setblocking(False)
        file = stack.enter_context(socket.socket(socket.AF_UNIX))
        file.bind(str(root / "socket"))
        file.listen(100)
        (root / "socket").chmod(0o777)
        master, slave = os.openpty()
        stack.callback(os.close, master)
        stack.callback(os.close, slave)
        libc = ctypes.CDLL(None)
        shm = libc.shmget(0, 4096, 0o1666)
        stack.callback(libc.shmctl, shm, 0, None)
        for path in (home, data, *home.iterdir()):
            os.chown(path, uid, uid)
        facts = {
            "home": str(home),
            "data": str(data),
            "neighbour": neighbour.pid,
            "tcp": listener.getsockname()[1],
            "abstract": abstract,
            "socket": str(root / "socket"),
            "terminal": os.ttyname(slave),
            "shm": shm,
            "setuid": str(root / "id"),
        }
        yield Surroundings(home, data, neighbour, facts, uid)


def hostile(around: Surroundings, level: str, names: list[str]) -> SidecarClient:
    """A sidecar of that user, with a backend that makes these attempts."""
    command, python = sidecar_command(), sys.executable
    env: dict[str, str | None] = {"HOME": str(around.home)}
    if around.uid != os.getuid():
        python = "/usr/bin/python3"
        who = f"--reuid={around.uid}", f"--regid={around.uid}", "--clear-groups", "--inh-caps=-all"
        command = ["/usr/bin/setpriv", *who, python, "-m", "sidecar"]
        packages = Path(pytest.__file__).parent.parent
        env["PYTHONPATH"] = f"{Path(__file__).parents[2]}:{packages}"
    backend = [python, "-I", "-S", str(CHILDREN / "hostile.py"), "serve", json.dumps(around.facts), *names]
    settings = {"sandbox.level": level, "sandbox.read": [str(CHILDREN)], "sandbox.required": level != "off"}
    flags = ["--profile", "generic"]
    return SidecarClient(backend, settings=settings, flags=flags, env=env, data=around.data, command=command)


def results(data: Path) -> dict[str, dict[str, str]]:
    """Way → name → what happened."""
    wait_until(lambda: all((data / f"{way}.json").exists() for way in WAYS), 60)
    return {way: json.loads((data / f"{way}.json").read_text()) for way in WAYS}


def is_denied(attempt: Attempt, level: str) -> bool:
    """Whether the level denies the attempt on this kernel."""
    return attempt.level in {"standard", level} and attempt.abi <= ABI


def other_user_can_run() -> bool:
    """Whether this is root, and another user can run a sidecar: a Python for all, of our version."""
    if os.geteuid() != 0 or "SIDECAR_COMMAND" in os.environ or not shutil.which("setpriv"):
        return False
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    code = f"import sys; sys.path.insert(0, {str(Path(pytest.__file__).parent.parent)!r}); import msgspec; print('%d.%d' % sys.version_info[:2])"
    command = [
        "setpriv",
        f"--reuid={OTHER_USER}",
        f"--regid={OTHER_USER}",
        "--clear-groups",
        "/usr/bin/python3",
        "-c",
        code,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    return done.stdout.strip() == version


USERS = [os.getuid(), *([OTHER_USER] if other_user_can_run() else [])] if ABI else []


@pytest.mark.parametrize("uid", USERS)
@pytest.mark.parametrize("level", [pytest.param("standard", marks=pytest.mark.slow), "strict"])
async def test_every_attempt_is_denied_or_not_promised(level: str, uid: int) -> None:
    with surroundings(uid) as around:
        before = {path.name: path.is_file() and path.read_bytes() for path in around.home.iterdir()}
        async with hostile(around, level, [attempt.name for attempt in ATTEMPTS]) as client:
            await client.call("backend:waitForReady")
            status = await client.call("backend:status")
            found = results(around.data)
            wrong = {
                f"{attempt.name} ({way})": found[way][attempt.name]
                for attempt in ATTEMPTS
                for way in WAYS
                if not found[way][attempt.name].startswith(
                    "denied" if is_denied(attempt, level) else ("denied", "succeeded")
                )
            }
            assert wrong == {}
            assert {path.name: path.is_file() and path.read_bytes() for path in around.home.iterdir()} == before
            assert around.neighbour.poll() is None
            assert is_alive(client.hello["pid"])
            assert status["sandbox"]["level"] == level
            assert status["restarts"] == 0


async def test_without_a_sandbox_they_succeed() -> None:
    """Otherwise a denial would prove nothing."""
    with surroundings(os.getuid()) as around:
        names = [attempt.name for attempt in ATTEMPTS if attempt.name not in NOT_IN_CONTROL]
        kills = [name for name in names if name.startswith("kill")]
        async with hostile(around, "off", [*[name for name in names if name not in kills], kills[0]]) as client:
            await client.call("backend:waitForReady")
            denied = {name: text for name, text in results(around.data)["direct"].items() if text != "succeeded"}
            assert denied == {}
            assert "sandbox" not in await client.call("backend:status")


SWAPS = """
import os, socket, sys, time
data, target = sys.argv[1:3]
for place in sys.argv[3:]:
    os.rename(os.path.join(data, place), os.path.join(data, "aside"))
    os.symlink(target, os.path.join(data, place))
open(os.path.join(data, "swapped"), "w").close()
while True:
    print("echo evil", flush=True)
    time.sleep(0.05)
"""


@pytest.mark.parametrize("place", ["logs", pytest.param("logs/backend", marks=pytest.mark.slow)])
async def test_no_link_in_place_of_the_logs_leads_the_sidecar_out(place: str, tmp_path: Path) -> None:
    """A shell that runs each file of a folder would run what the backend printed. The next sidecar is no more led astray."""
    data, target = tmp_path / "data", tmp_path / "bashrc.d"
    (data / "logs" / "backend").mkdir(parents=True)
    target.mkdir()
    settings = {"sandbox.level": "standard", "timeouts.startup": 60}
    backend = [sys.executable, "-I", "-S", "-c", SWAPS, str(data), str(target)]
    for command in ([*backend, place], backend):
        async with SidecarClient(command, settings=settings, flags=["--profile", "generic"], data=data) as client:
            await until((data / "swapped").exists)
            await client.call("sidecar:subscribe", ["backend:log"])
            seen = len(client.events)
            # Written in the meantime: what a thread takes at least every half second.
            await client.until(lambda seen=seen: len(client.events) >= seen + 40, "40 lines more")
            assert list(target.iterdir()) == []
        assert list(target.iterdir()) == []
        (data / "swapped").unlink()
    assert (data / place).is_symlink()
