"""Ways in which a sandbox denies the backend something, or cannot be made."""

from __future__ import annotations

import json
import shutil
import sys

from sidecar.process import landlock
from tests.failures.stage import Explanation, Stage, Ways, linux, needs
from tests.support.backends import CHILDREN, http_backend, script_backend

WAYS = Ways("The sandbox denies something")
LANDLOCK = needs(sys.platform == "linux" and landlock.abi() >= 6, "this system has no Landlock of ABI 6")
NODE = needs(shutil.which("node"), "Node is not here")
_WRITE = "If the backend needs it, add the path or a parent folder to sandbox.write."
_CORRECT = "Correct the listed settings; see https://github.com/electron-backend-sidecar/electron-backend-sidecar/blob/main/docs/settings.md."


def node_backend(code: str) -> list[str]:
    """The command of a backend that is only these lines of JavaScript."""
    return [shutil.which("node") or "node", "-e", code]


@WAYS.add(
    "It writes to the home folder",
    "The sandbox denied the backend write access to <path>.",
    _WRITE,
    LANDLOCK,
)
async def sandbox_denies_writing(stage: Stage) -> Explanation:
    path = stage.facts["path"] = stage.folder / "notes.txt"
    return await stage.crash(script_backend(f"open({str(path)!r}, 'w')"), sandbox__level="standard")


@WAYS.add(
    "A Node program writes to the home folder",
    "The sandbox denied the backend write access to <path>.",
    _WRITE,
    LANDLOCK,
    NODE,
)
async def sandbox_denies_node_writing(stage: Stage) -> Explanation:
    path = stage.facts["path"] = stage.folder / "cache"
    backend = node_backend(f"require('fs').mkdirSync({json.dumps(str(path))})")
    return await stage.crash(backend, sandbox__level="standard")


@WAYS.add(
    "A shell script writes to a relative path",
    "The sandbox denied the backend write access to <path>.",
    _WRITE,
    LANDLOCK,
)
async def sandbox_denies_shell_writing(stage: Stage) -> Explanation:
    path = stage.facts["path"] = stage.folder / "log"
    return await stage.crash(["/bin/sh", "-c", f"cat /dev/null > {path}"], sandbox__level="standard")


@WAYS.add(
    "It reads a key, at level strict",
    "The sandbox denied the backend access to <path>.",
    "If the backend needs it, add the path or a parent folder to sandbox.read, or to sandbox.write if it changes it.",
    LANDLOCK,
)
async def sandbox_denies_reading(stage: Stage) -> Explanation:
    path = stage.file("id_rsa", b"secret", mode=0o600)
    return await stage.crash(script_backend(f"open({path!r})"), sandbox__level="strict")


@WAYS.add(
    "It connects to a port, at level strict",
    "The sandbox blocked a connection of the backend to TCP port <port>.",
    "If the backend needs it, add <port> to sandbox.connect.",
    LANDLOCK,
    NODE,
)
async def sandbox_denies_connecting(stage: Stage) -> Explanation:
    stage.facts["port"] = 443
    return await stage.crash(node_backend("require('net').connect(443, '127.0.0.1')"), sandbox__level="strict")


@WAYS.add(
    "It looks up the name of a host, at level strict",
    "The backend could not resolve a host name, because the sandbox blocks DNS.",
    "If it needs to reach other machines, add 53 and their ports to sandbox.connect.",
    LANDLOCK,
)
async def sandbox_denies_dns(stage: Stage) -> Explanation:
    code = "import socket; socket.create_connection(('host.invalid', 443))"
    return await stage.crash(script_backend(code), sandbox__level="strict")


@WAYS.add(
    "It listens on a port other than its own",
    "The sandbox blocked the backend from listening on TCP port <other>; it may only listen on <port>.",
    "Make it listen on the port that it is given ({port} in backend.command, or the variable PORT), or set backend.port to its own port.",
    LANDLOCK,
    NODE,
)
async def sandbox_denies_listening(stage: Stage) -> Explanation:
    stage.facts |= {"port": 23457, "other": 23456}
    backend = node_backend("require('net').createServer().listen(23456, '127.0.0.1')")
    return await stage.crash(backend, sandbox__level="standard", backend__port=23457)


@WAYS.add(
    "The kernel has no Landlock, and the sandbox is required",
    'This system cannot enforce all of sandbox.level = "standard". Missing: <what> (needs Landlock ABI <…>; this kernel has no'
    " Landlock)",
    "Use a system that can enforce it (https://github.com/electron-backend-sidecar/electron-backend-sidecar/blob/main/docs/sandbox.md), a lower sandbox.level, or sandbox.required = false.",
    linux("seccomp"),
)
async def sandbox_required(stage: Stage) -> Explanation:
    without = [sys.executable, str(CHILDREN / "without_landlock.py")]
    reported = await stage.crash(http_backend(), command=without, sandbox__level="standard", sandbox__required=True)
    _, _, rest = reported.cause.partition("Missing: ")
    assert rest.count("this kernel has no Landlock") == 5  # for ABI 1, 3, 4, 5 and 6
    stage.facts |= {"what": rest.partition(" (")[0], "…": "1"}
    return Explanation(reported.cause.partition('; "')[0], reported.remedy)


@WAYS.add(
    "The kernel has no Landlock, and the sandbox is not required",
    'This system does not enforce all of sandbox.level = "standard". Missing: <what> (needs Landlock ABI <…>; this kernel has no'
    " Landlock)",
    "https://github.com/electron-backend-sidecar/electron-backend-sidecar/blob/main/docs/sandbox.md lists what each system can enforce.",
    linux("seccomp"),
    where="doctor",
)
async def sandbox_incomplete(stage: Stage) -> Explanation:
    without = [sys.executable, str(CHILDREN / "without_landlock.py")]

    async def runs(_: object) -> None:
        """It starts all the same."""

    reported = await stage.doctor("sandbox", http_backend(), runs, command=without, sandbox__level="standard")
    stage.facts |= {"what": reported.cause.partition("Missing: ")[2].partition(" (")[0], "…": "1"}
    return Explanation(reported.cause.partition('; "')[0], reported.remedy)


@WAYS.add(
    "A folder in sandbox.write does not exist",
    "sandbox.write names <path>, which does not exist: the backend gets no access to it. Create it and restart the backend",
    "Correct sandbox.write or sandbox.read.",
    LANDLOCK,
    where="doctor",
)
async def sandbox_folder_missing(stage: Stage) -> Explanation:
    path = stage.facts["path"] = stage.folder / "Videos"
    return await stage.doctor("sandbox", http_backend(), sandbox__level="standard", sandbox__write=[str(path)])


@WAYS.add(
    "sandbox.write lists a file",
    "sandbox.write names the file <path>: the backend can change its content, but not replace, rename or remove it; if it has"
    " to, list its folder instead",
    "Correct sandbox.write or sandbox.read.",
    LANDLOCK,
    where="doctor",
)
async def sandbox_file(stage: Stage) -> Explanation:
    path = stage.file("settings.ini", b"")
    return await stage.doctor("sandbox", http_backend(), sandbox__level="standard", sandbox__write=[path])


@WAYS.add(
    "sandbox.write lists the home folder itself",
    "sandbox.write names <path>, which contains your home folder: the backend can access all of it",
    "Correct sandbox.write or sandbox.read.",
    LANDLOCK,
    where="doctor",
)
async def sandbox_of_everything(stage: Stage) -> Explanation:
    stage.facts["path"] = "/"
    return await stage.doctor("sandbox", http_backend(), sandbox__level="standard", sandbox__write=["/"])


@WAYS.add(
    "The temporary folder is a link, which the backend may have made",
    "The sandbox gives no access to <path>: it is a link in <data>, which the backend may write, so the backend could"
    " redirect it anywhere. Add <target> to sandbox.write instead",
    "Correct sandbox.write or sandbox.read.",
    LANDLOCK,
    where="doctor",
)
async def sandbox_link(stage: Stage) -> Explanation:
    data, target = stage.folder / "data", stage.folder / "target"
    data.mkdir()
    target.mkdir()
    (data / "temp").symlink_to(target)
    stage.facts |= {"path": data / "temp", "data": data, "target": target}
    return await stage.doctor("sandbox", http_backend(), sandbox__level="standard")


@WAYS.add(
    "A path in sandbox.write is relative",
    'The settings are wrong: - --set sandbox.write: sandbox.write has "Videos"; allowed: an absolute path, or one that starts'
    " with ~ for your home folder",
    _CORRECT,
    where="start",
)
async def sandbox_path_relative(stage: Stage) -> Explanation:
    reported = await stage.refused(http_backend(), sandbox__write=["Videos"])
    return Explanation(" ".join(reported.cause.split()), reported.remedy)


@WAYS.add(
    "sandbox.connect has a number that is not a port",
    "The settings are wrong: - --set sandbox.connect: sandbox.connect is [443,70000]; allowed: a list of whole numbers"
    " from 1 to 65535, as in [8080, 8081]",
    _CORRECT,
    where="start",
)
async def sandbox_port_impossible(stage: Stage) -> Explanation:
    reported = await stage.refused(http_backend(), sandbox__connect=[443, 70000])
    return Explanation(" ".join(reported.cause.split()), reported.remedy)


@WAYS.add(
    "Another program starts the backend, and sandbox.level is set",
    'The settings are wrong: - --set sandbox.level: sandbox.level is "standard" and backend.managed is false: a backend that'
    ' another program starts cannot be sandboxed; allowed: "off"',
    _CORRECT,
    where="start",
)
async def sandbox_unmanaged(stage: Stage) -> Explanation:
    settings = {"backend__managed": False, "backend__url": "http://127.0.0.1:5005", "sandbox__level": "standard"}
    reported = await stage.refused([], **settings)
    return Explanation(" ".join(reported.cause.split()), reported.remedy)
