"""A sandboxed backend under the whole sidecar: what is allowed works, and start, stop, crash and status are as without a sandbox."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.process import landlock
from tests.support.backends import http_backend, script_backend
from tests.support.client import RemoteError, SidecarClient, failure
from tests.support.processes import SLACK, is_alive, kill, until

LANDLOCK = pytest.mark.skipif(sys.platform != "linux" or landlock.abi() < 6, reason="no Landlock of ABI 6 here")

# What media backends do: a converter that reads an input, streams through pipes and writes a result, in temporary and own files.
FAMILY = """
import json, mmap, os, socket, subprocess, sys, tempfile, threading, time
video, port = sys.argv[1], int(sys.argv[2])
done = {}
with tempfile.NamedTemporaryFile(suffix=".raw") as raw:
    subprocess.run(["/bin/sh", "-c", 'gzip -c < "$0" > "$1"', video, raw.name], check=True)
    done["temporary"] = raw.name.startswith(os.environ["TMPDIR"])
    converter = subprocess.Popen(["gzip", "-dc"], stdin=open(raw.name, "rb"), stdout=subprocess.PIPE)
    done["converted"] = converter.communicate()[0] == open(video, "rb").read()
with open("cache.db", "w+b") as file:
    file.truncate(8192)
    mmap.mmap(file.fileno(), 0)[:4] = b"data"
os.replace("cache.db", "cache.1")
os.makedirs("a/b", exist_ok=True)
os.link("cache.1", "a/b/linked")
os.rename("a/b/linked", "moved")
done["files"] = open("moved", "rb").read(4) == b"data"
memory = os.memfd_create("jit")
os.write(memory, b"x")
done["memfd"] = os.pread(memory, 1, 0) == b"x"
listener = socket.socket(socket.AF_UNIX)
listener.bind("ipc")
listener.listen()
client = socket.socket(socket.AF_UNIX)
client.connect("ipc")
ours = socket.socket(socket.AF_UNIX)
ours.bind(f"\\0family-{os.getpid()}")
ours.listen()
code = f"import socket; socket.socket(socket.AF_UNIX).connect('\\\\0family-{os.getpid()}')"
done["abstract"] = subprocess.run([sys.executable, "-I", "-S", "-c", code]).returncode == 0
sleeper = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
os.kill(sleeper.pid, 15)
done["signals"] = sleeper.wait() == -15
worker = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
json.dump({"done": done, "worker": worker.pid}, open("report.json.new", "w"))
os.rename("report.json.new", "report.json")
listener = socket.create_server(("127.0.0.1", port))
time.sleep(600)
"""


@LANDLOCK
@pytest.mark.parametrize("level", ["standard", "strict"])
async def test_what_a_media_backend_does_works_unchanged(level: str, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    video = tmp_path / "videos" / "in.mp4"
    video.write_bytes(os.urandom(100_000))
    script = tmp_path / "app" / "server.py"
    script.parent.mkdir()
    script.write_text(FAMILY)
    data = tmp_path / "data"
    data.mkdir()
    settings: dict[str, Any] = {
        "sandbox.level": level,
        "sandbox.required": True,
        "sandbox.read": [str(video.parent), str(script.parent)],
        "backend.cwd": str(data),
    }
    backend = [sys.executable, "-I", "-S", str(script), str(video), "{port}"]
    async with SidecarClient(backend, settings=settings, flags=["--profile", "generic"], data=data) as client:
        await client.call("backend:waitForReady")
        report = json.loads((data / "report.json").read_text())
        assert {name for name, done in report["done"].items() if not done} == set()
        status = await client.call("backend:status")
        assert status["sandbox"]["missing"] == []
        assert status["sandbox"]["mechanism"] == f"Landlock ABI {landlock.abi()}"
        assert is_alive(report["worker"])
        assert (await client.call("backend:stop"))["success"] is True
        assert not is_alive(report["worker"])


@LANDLOCK
async def test_a_crash_is_caught_and_restarted_in_the_sandbox() -> None:
    settings = {"sandbox.level": "standard", "restart.first_delay": 0}
    async with SidecarClient(http_backend(say="hello"), settings=settings, flags=["--profile", "generic"]) as client:
        pid = (await client.call("backend:waitForReady"))["pid"]
        os.kill(pid, signal.SIGSEGV)
        crash = await client.event("backend:crash")
        assert crash["signal"] == signal.SIGSEGV
        again = (await client.call("backend:waitForReady"))["pid"]
        with open(f"/proc/{again}/status") as file:  # noqa: PTH123 - not a file of ours
            facts = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        assert (facts["NoNewPrivs"], facts["CapBnd"], facts["CapEff"]) == ("1", "0" * 16, "0" * 16)


@LANDLOCK
async def test_the_death_of_the_sidecar_ends_a_sandboxed_tree() -> None:
    settings = {"sandbox.level": "strict", "sandbox.read": [str(Path(__file__).parents[1])]}
    async with SidecarClient(http_backend(), settings=settings, flags=["--profile", "generic"]) as client:
        pid = (await client.call("backend:waitForReady"))["pid"]
        client.kill()
        await until(lambda: not is_alive(pid), 2.0 + SLACK)


# What a process of integrity level Low on Windows can say about itself: where it may write, and its privileges.
LOW = """
import ctypes, os, socket, subprocess, sys, tempfile, time
from ctypes import byref, c_ulong, c_void_p
def can_write(folder):
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except PermissionError:
        return False
api, own, size, found = ctypes.WinDLL("advapi32"), c_void_p(), c_ulong(), (c_ulong * 1000)()
api.OpenProcessToken(c_void_p(-1), 8, byref(own))
assert api.GetTokenInformation(own, 3, byref(found), ctypes.sizeof(found), byref(size))  # TokenPrivileges
child = subprocess.run([sys.executable, "-c", "pass"])
print("inside", *map(can_write, (os.environ["TEMP"], sys.argv[2])), "child", child.returncode, flush=True)
print("outside", can_write(sys.argv[3]), "privileges", found[0], flush=True)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)
"""
LOW_LEVEL = pytest.mark.skipif(sys.platform != "win32", reason="an integrity level is Windows' own")


def low_backend(tmp_path: Path) -> tuple[list[str], dict[str, Any]]:
    """A backend that prints the above, and the settings that give it one of its two folders."""
    inside, outside = tmp_path / "more \u00e4", tmp_path / "other"
    inside.mkdir()
    outside.mkdir()
    settings = {"sandbox.level": "standard", "sandbox.write": [str(inside), str(Path.home().parent)]}
    return [*script_backend(LOW), "{port}", str(inside), str(outside)], settings


@LOW_LEVEL
async def test_windows_runs_a_backend_at_a_low_level(tmp_path: Path) -> None:
    backend, settings = low_backend(tmp_path)
    settings["restart.first_delay"] = 0
    async with SidecarClient(backend, settings=settings, flags=["--profile", "generic"]) as client:
        pid = (await client.call("backend:waitForReady"))["pid"]
        status = (await client.call("backend:status"))["sandbox"]
        assert status["enforced"] == ["write", "trace", "truncate", "privileges"]
        assert "not verified on a real Windows" in status["mechanism"]
        kill(pid)
        await client.event("backend:crash")
        assert (await client.call("backend:waitForReady"))["pid"] != pid
        await client.call("backend:restart")
        lines = [line["text"] for line in await client.call("backend:logs")]
        assert [line for line in lines if line.startswith("inside")] == ["inside True True child 0"] * 3
        assert (await client.call("backend:stop"))["success"] is True
        assert f"names {Path.home().parent}, which contains your home folder: Windows would let" in client.stderr_text
        assert "could not give" not in client.stderr_text


@LOW_LEVEL
@pytest.mark.not_wine(reason="Wine 8 takes the level and the restricted token, and enforces neither")
async def test_windows_denies_what_has_no_low_label(tmp_path: Path) -> None:
    backend, settings = low_backend(tmp_path)
    async with SidecarClient(backend, settings=settings, flags=["--profile", "generic"]) as client:
        await client.call("backend:waitForReady")
        lines = [line["text"] for line in await client.call("backend:logs")]
        assert "outside False privileges 1" in lines  # what is left: to pass through folders


@LOW_LEVEL
async def test_windows_refuses_where_all_is_required(tmp_path: Path) -> None:
    backend, settings = low_backend(tmp_path)
    settings["sandbox.required"] = True
    async with SidecarClient(backend, settings=settings, flags=["--profile", "generic"]) as client:
        refused = await failure(client.call("backend:start"))
        assert refused.code == "SANDBOX_UNAVAILABLE"
        assert {"bind", "signals"} <= set((refused.data or {})["missing"])


async def test_a_wrong_path_ends_the_start_and_loses_nothing(tmp_path: Path) -> None:
    settings = {"sandbox.write": ["here", "~/x", str(tmp_path)], "sandbox.connect": [0], "sandbox.level": "full"}
    client = SidecarClient(http_backend(), settings=settings, flags=["--profile", "generic"], expect_exit=78)
    async with client:
        error: RemoteError = await client.error("INVALID_CONFIG")
        for words in ('sandbox.write has "here"', "sandbox.connect is [0]", 'sandbox.level is "full"'):
            assert words in error.message
        assert "~/x" not in error.message
