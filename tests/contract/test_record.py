"""record, frames and replay as a user runs them, each around a real sidecar."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from tests.support import processes
from tests.support.backends import http_backend, trouble
from tests.support.client import RemoteError, SidecarClient
from tests.support.launch import ROOT, clean_environment, run, run_sidecar, run_sidecar_here, sidecar_command
from tests.support.pipes import pack, unpack_all

NODE = shutil.which("node")
MODULES = ROOT / "electron-shim" / "node_modules"


def tool(*words: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    if words[0] == "frames":
        done = run_sidecar_here(*words)
        return subprocess.CompletedProcess(words, done.returncode, done.stdout.encode(), done.stderr.encode())
    source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    command = [*sidecar_command(), *words]
    return subprocess.run(command, env=clean_environment(), capture_output=True, timeout=90, check=False, **source)


def documents(file: Path) -> list[dict[str, Any]]:
    done = tool("frames", str(file), "--json")
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class RecordedClient(SidecarClient):
    """The protocol client, pointed at ``sidecar record FILE`` instead of ``sidecar serve``."""

    def __init__(self, file: Path, *arguments: Any, mode: tuple[str, ...] = ("record",), **named: Any) -> None:
        super().__init__(*arguments, **named)
        place = self.command.index("serve")
        self.command[place : place + 1] = [*mode, str(file)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def conversation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SidecarClient]:
    """A read-only recording of a small conversation with a crash, and the client that had it."""
    file = tmp_path_factory.mktemp("conversation") / "a.frames"
    async with RecordedClient(file, http_backend()) as client:
        started = await client.call("backend:start")
        assert (await client.call("backend:version"))["semanticVersion"] == "1.2.3"
        with pytest.raises(RemoteError, match="UNKNOWN_CHANNEL"):
            await client.call("backend:nope")
        await client.call("sidecar:ping", {"any": ["thing", "ü", b"\x00\xff"]})
        await trouble(started["port"], "crash?kind=abort")
        await client.until(lambda: [e for e in client.events if e["channel"] == "backend:crash"], "crash")
        await client.call("backend:waitForReady")
    return file, client


# record --------------------------------------------------------------------------------------------------------------


def test_a_recording_holds_every_message_of_both_sides_in_order(conversation: tuple[Path, SidecarClient]) -> None:
    file, client = conversation
    head, *passed = documents(file)
    assert head["recording"]["command"][:2] == ["sidecar", "serve"]
    messages = [document["message"] for document in passed if "message" in document]
    heard = [document["message"] for document in passed if document["from"] == "sidecar" and "message" in document]
    assert len(heard) == len([1 for side, _ in client.recording if side == "sidecar"])
    asked = [message["channel"] for message in messages if message["type"] == "request"]
    assert asked == [
        "backend:start",
        "backend:version",
        "backend:nope",
        "sidecar:ping",
        "backend:waitForReady",
        "sidecar:shutdown",
    ]
    times = [document["time"] for document in passed]
    assert times == sorted(times)
    for message in messages:  # no answer comes before its question
        if message["type"] == "response":
            question = next(m for m in messages if m["type"] == "request" and m["id"] == message["id"])
            assert messages.index(question) < messages.index(message)
    assert passed[-1] == {"time": times[-1], "from": "sidecar", "trouble": "exit status 0"}


def test_the_bytes_are_passed_on_unaltered_and_so_is_the_exit_status(tmp_path: Path) -> None:
    requests = pack({"type": "request", "id": 1, "channel": "sidecar:ping", "args": ["ü" * 100_000]})
    requests += pack({"type": "request", "id": 2.0, "channel": "nope"}) + b"\x00\x00\x00\x01\xc1"
    words = ["--set", f"paths.data={json.dumps(str(tmp_path))}", "--set", "backend.autostart=false"]
    recorded = tool("record", str(tmp_path / "a"), *words, stdin=requests)
    direct = tool("serve", *words, stdin=requests)
    assert recorded.returncode == direct.returncode == 0
    # hello holds the pid
    assert [m for m in unpack_all(recorded.stdout) if m["type"] != "hello"] == [
        m for m in unpack_all(direct.stdout) if m["type"] != "hello"
    ]
    sent = [d for d in documents(tmp_path / "a") if d.get("from") == "client"]
    assert [d.get("trouble", "")[:15] for d in sent] == ["", "", "not MessagePack", "end of input"]


@pytest.mark.parametrize(
    ("words", "stdin", "status"),
    [
        (["--set", "timeouts.startup=soon"], b"", 78),
        pytest.param(["--max-frame", "none"], b"", 64, marks=pytest.mark.slow),
        pytest.param(["--set", "backend.autostart=false"], b"INFO a log line\n", 65, marks=pytest.mark.slow),
    ],
)
def test_a_failed_sidecar_fails_as_without_a_recorder(
    words: list[str], stdin: bytes, status: int, tmp_path: Path
) -> None:
    done = tool("record", str(tmp_path / "a"), "--set", f"paths.data={json.dumps(str(tmp_path))}", *words, stdin=stdin)
    assert done.returncode == status
    assert done.stderr
    assert documents(tmp_path / "a")[-1]["trouble"] == f"exit status {status}"
    if status == 65:
        assert "not a frame" in json.dumps(documents(tmp_path / "a"))


@pytest.mark.posix(reason="file modes")
def test_a_recording_is_private_and_its_command_is_masked(tmp_path: Path) -> None:
    os.umask(os.umask(0))
    file = tmp_path / "a"
    tool("record", str(file), "--set", "backend.autostart=false", "--", "/bin/true", "--api-key", "hunter2", stdin=b"")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"hunter2" not in file.read_bytes()


@pytest.mark.slow
def test_an_earlier_recording_is_kept_and_anything_else_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "a"
    words = ["--set", "backend.autostart=false", "--set", f"paths.data={json.dumps(str(tmp_path))}"]
    assert tool("record", str(file), *words, stdin=b"").returncode == 0
    first = file.read_bytes()
    assert tool("record", str(file), *words, stdin=b"").returncode == 0
    assert (tmp_path / "a.1").read_bytes() == first
    for other in (tmp_path / "a.1", file):
        other.write_bytes(b"my thesis")
        done = tool("record", str(file), *words, stdin=b"")
        assert (done.returncode, done.stdout) == (64, b"")
        assert f"{other} already exists and is not a recording" in done.stderr.decode()
        assert other.read_bytes() == b"my thesis"
    done = tool("record", str(tmp_path / "no" / "folder"), *words, stdin=b"")
    assert (done.returncode, done.stdout) == (64, b"")
    assert b"cannot be written" in done.stderr


@pytest.mark.slow
async def test_pressure_goes_through_and_nothing_is_lost(tmp_path: Path) -> None:
    async with RecordedClient(tmp_path / "a", settings={"backend.autostart": False}) as client:
        client.process.pause_reading()
        text = "x" * 1_000_000
        answers = [
            client.request("sidecar:ping", text) for _ in range(80)
        ]  # beyond 32 MiB unsent the sidecar reads no more
        recorder = psutil.Process(client.process.pid)
        await asyncio.sleep(2.0)  # long enough for it to have swallowed everything if it did
        sizes = [each.memory_info().rss for each in [recorder, *recorder.children(recursive=True)]]
        assert max(sizes) < 200 * 1024 * 1024
        client.process.resume_reading()
        assert await asyncio.gather(*answers) == [text] * 80
    passed = documents(tmp_path / "a")
    assert sum(1 for document in passed if document.get("message", {}).get("type") == "response") == 81


@pytest.mark.parametrize("how", ["killed", "closes stdin"])
async def test_a_client_that_goes_away_takes_sidecar_and_backend_along(how: str, tmp_path: Path) -> None:
    async with RecordedClient(tmp_path / "a", http_backend(), expect_exit=0) as client:
        started = await client.call("backend:start")
        serving = client.hello["pid"]
        if how == "killed":  # the recorder is what an app would kill
            client.process.remember_descendants()
            client.expect_exit = None
            client.process.popen.kill()
            if sys.platform == "win32":  # a venv's launcher stands before it
                for child in psutil.Process(serving).parents()[:2]:
                    if "record" in child.cmdline():
                        child.kill()
        else:
            client.process.close_stdin()
        await processes.until(lambda: not processes.is_alive(serving) and not processes.is_alive(started["pid"]))
    if how == "killed":
        done = tool("frames", str(tmp_path / "a"))
        assert done.returncode == 0
        assert "before the sidecar exited" in done.stdout.decode()


@pytest.mark.posix(reason="SIGTERM; Windows has no signal for a process without a console")
async def test_sigterm_reaches_the_sidecar_which_stops_in_order(tmp_path: Path) -> None:
    async with RecordedClient(tmp_path / "a", http_backend(), expect_exit=0) as client:
        await client.call("backend:start")
        client.process.popen.send_signal(signal.SIGTERM)
        assert await client.wait_exit() == 0
    assert documents(tmp_path / "a")[-1]["trouble"] == "exit status 0"


@pytest.mark.posix(
    reason="a pipe whose reader is gone can be noticed without writing; on Windows only a write shows it"
)
async def test_a_client_that_only_stops_listening_is_noticed(tmp_path: Path) -> None:
    words = ["--set", f"paths.data={json.dumps(str(tmp_path))}", "--", *http_backend()]
    process = subprocess.Popen(
        [*sidecar_command(), "record", str(tmp_path / "a"), *words],
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process.stdout.read(4)
    process.stdout.close()
    try:
        assert await asyncio.to_thread(process.wait, 20) == 0
    finally:
        process.stdin.close()
        process.kill()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_ends_the_recording_and_not_the_conversation(tmp_path: Path) -> None:
    from sidecar.console import record as module

    code = (
        "import os, sys; from sidecar.console import record\n"
        "record._create = lambda path: os.open('/dev/full', os.O_WRONLY)\n"
        "from sidecar import cli; sys.exit(cli.main(sys.argv[1:]))"
    )
    assert callable(module._create)
    words = ["record", str(tmp_path / "a"), "--set", "backend.autostart=false"]
    request = pack({"type": "request", "id": 1, "channel": "sidecar:ping", "args": ["still there"]})
    done = run([sys.executable, "-c", code, *words], input=request)
    assert done.returncode == 0
    assert [m["result"] for m in unpack_all(done.stdout) if m["type"] == "response"] == ["still there"]
    assert b"No space left" in done.stderr
    assert b"connection goes on" in done.stderr


@pytest.mark.skipif(NODE is None, reason="there is no Node.js on this machine")
@pytest.mark.skipif(not (MODULES / "msgpackr").is_dir(), reason="npm install was not run in electron-shim")
def test_the_shim_can_be_pointed_at_it_and_at_what_it_recorded(tmp_path: Path) -> None:
    assert NODE
    code = """
        const { connect } = require(process.argv[1]);
        (async () => {
          const command = JSON.parse(process.argv[2]), backend = { command: JSON.parse(process.argv[3]) };
          const sidecar = await connect({ command, settings: { profile: "generic", backend } });
          await sidecar.invoke("backend:waitForReady");
          console.log(JSON.stringify(await sidecar.invoke("backend:status")));
          await sidecar.close();
        })();"""
    said = []
    for mode in (["record", "a.frames"], ["replay", "--to-client", "a.frames"]):
        words = [str(ROOT / "electron-shim" / "lib" / "client.js"), json.dumps([*sidecar_command(), *mode])]
        done = run(
            [NODE, "-e", code, *words, json.dumps(http_backend())],
            cwd=tmp_path,
            env={"SIDECAR_PATHS__DATA": str(tmp_path)},
        )
        assert done.returncode == 0, done.stderr
        said.append(json.loads(done.stdout.splitlines()[-1]))
    assert said[0]["state"] == "RUNNING"
    assert said[0] == said[1]
    assert documents(tmp_path / "a.frames")[-1]["trouble"] == "exit status 0"


# frames --------------------------------------------------------------------------------------------------------------


def test_frames_reads_as_a_conversation(conversation: tuple[Path, SidecarClient]) -> None:
    done = run_sidecar("frames", str(conversation[0]))
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout
    assert re.search(r"^ +\d\.\d{3} < hello .* sidecar \S+, protocol 1, process \d+\r?$", text, re.MULTILINE)
    assert re.search(r"> request +1 +\d+  backend:start \[\]", text)
    assert re.search(r"< event +\d+  backend:stateChanged STARTING → RUNNING", text)
    assert re.search(r'< response +2 +\d+  backend:version \{"semanticVersion"', text)
    assert re.search(r"< error +3 +\d+  backend:nope UNKNOWN_CHANNEL", text)
    assert "\x1b" not in text


def test_a_damaged_recording_is_shown_up_to_the_damage(
    conversation: tuple[Path, SidecarClient], tmp_path: Path
) -> None:
    recording, file = conversation[0], tmp_path / "a"
    whole, full = recording.read_bytes(), len(documents(recording))
    for damaged, what in (
        (whole[:-7], "ends in the middle"),
        (whole[:-40] + bytes(byte ^ 0x20 for byte in whole[-40:-36]) + whole[-36:], "damaged"),
        (whole + b"INFO a log line", "impossible"),
    ):
        file.write_bytes(damaged)
        done = tool("frames", str(file), "--json")
        assert done.returncode == 65
        assert full - 4 <= len(done.stdout.splitlines()) <= full
        message = done.stderr.decode()
        assert message.startswith(f"sidecar: {file} is damaged at byte ")
        assert what in message
        assert "Traceback" not in message


@pytest.mark.parametrize("command", ["frames", "replay"])
@pytest.mark.parametrize(
    ("content", "said", "status"),
    [
        (None, "cannot be read", 64),
        (b"", "it is empty", 65),
        (b"%PDF-1.7 a thesis, not a recording", "is not a recording", 65),
        (b"SIDECAR RECORDING 1\n", "header is missing", 65),
    ],
    ids=["missing", "empty", "foreign", "no header"],
)
def test_what_is_not_a_recording_is_reported(
    command: str, content: bytes | None, said: str, status: int, tmp_path: Path
) -> None:
    file = tmp_path / "a"
    if content is not None:
        file.write_bytes(content)
    done = run_sidecar_here(command, str(file))
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 2


# replay --------------------------------------------------------------------------------------------------------------


async def test_a_fresh_sidecar_gives_the_same_answers(tmp_path: Path) -> None:
    file = tmp_path / "a"
    async with RecordedClient(file, http_backend()) as client:
        await client.call("backend:start")
        await client.call("backend:version")
        with pytest.raises(RemoteError):
            await client.call("backend:nope")
        await client.call("backend:status")
    for more in ([], ["--fast"]):
        done = tool("replay", str(file), *more, "--", *http_backend())
        text = done.stdout.decode()
        assert done.returncode == 0, text
        assert re.search(r"^values +backend:start\r?\n(.*\n)* +pid: \d+ → \d+", text, re.MULTILINE)
        assert re.search(r"^same +backend:version\r?$", text, re.MULTILINE)
        assert re.search(r"^same +backend:nope\r?$", text, re.MULTILINE)
        assert re.search(r"^same +states: STARTING → RUNNING → STOPPING → STOPPED\r?$", text, re.MULTILINE)
        assert "5 requests replayed, nothing different" in text


@pytest.mark.slow
async def test_another_backend_is_distinguished(tmp_path: Path) -> None:
    file = tmp_path / "a"
    async with RecordedClient(file, http_backend()) as client:
        await client.call("backend:start")
        await client.call("backend:info")
    done = tool("replay", str(file), "--fast", "--", *http_backend(body='{"name": 5}'))
    assert done.returncode == 1
    assert re.search(r"^DIFFERENT +backend:info", done.stdout.decode(), re.MULTILINE)
    done = tool("replay", str(file), "--fast", "--", *http_backend(exit_before_listening=3))
    assert done.returncode == 1
    assert "BACKEND_EXITED" in done.stdout.decode()
    assert re.search(r"^DIFFERENT +states", done.stdout.decode(), re.MULTILINE)


async def test_the_command_in_a_recording_is_never_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    code = f"open({str(trap)!r}, 'w').close(); import time; time.sleep(60)"
    command = [sys.executable, "-c", code]
    async with RecordedClient(tmp_path / "a", command, settings={"timeouts.startup": 60}) as client:
        await client.until(trap.exists, "the backend")
    trap.unlink()
    other = [sys.executable, "-c", "import time; time.sleep(60)"]
    done = tool("replay", str(tmp_path / "a"), "--fast", "--", *other)
    assert not trap.exists()
    assert "sidecar serve" in done.stdout.decode().splitlines()[0]


# replay --to-client --------------------------------------------------------------------------------------------------


async def test_a_client_can_be_played_to_without_sidecar_and_backend(conversation: tuple[Path, SidecarClient]) -> None:
    file, recorded = conversation
    mode = ("replay", "--to-client", "--fast")
    async with RecordedClient(file, http_backend(), mode=mode) as client:
        assert client.hello["channels"] == recorded.hello["channels"]
        assert processes.is_alive(client.hello["pid"])
        started = await client.request("backend:start", request_id=700)
        assert started["success"]
        assert not processes.is_alive(started["pid"])
        assert await client.call("sidecar:ping", {"any": ["thing", "ü", b"\x00\xff"]}) == {
            "any": ["thing", "ü", b"\x00\xff"]
        }
        for _ in range(3):
            assert (await client.call("backend:version"))["semanticVersion"] == "1.2.3"
        with pytest.raises(RemoteError, match="UNKNOWN_CHANNEL"):
            await client.call("backend:nope")
        with pytest.raises(RemoteError, match="The recording has no answer from backend:logs"):
            await client.call("backend:logs")
        await client.until(lambda: [e for e in client.events if e["channel"] == "backend:crash"], "the recorded crash")


@pytest.mark.slow
async def test_the_recorded_pace_is_kept(tmp_path: Path) -> None:
    async with RecordedClient(tmp_path / "a", http_backend(live_delay=1.0)) as client:
        await client.call("backend:start")
    async with RecordedClient(tmp_path / "a", mode=("replay", "--to-client")) as client:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        await client.call("backend:start")
        assert loop.time() - asked >= 0.9


@pytest.mark.slow
async def test_a_sidecar_that_ended_by_itself_does_so_again(tmp_path: Path) -> None:
    async with RecordedClient(tmp_path / "a", settings={"timeouts.startup": "soon"}, expect_exit=78) as client:
        assert await client.wait_exit() == 78
    async with RecordedClient(tmp_path / "a", mode=("replay", "--to-client"), expect_exit=78) as client:
        assert await client.wait_exit() == 78
        assert [error.code for error in client.errors] == ["INVALID_CONFIG"]
