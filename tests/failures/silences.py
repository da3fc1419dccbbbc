"""Ways in which a backend lives and is of no use."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.failures.stage import WINE_PIDS, Explanation, Stage, Ways, linux, needs, nothing
from tests.support.backends import free_port, has_ipv6, http_backend, script_backend, trouble
from tests.support.client import SidecarClient

WAYS = Ways("The backend runs but is not ready or not healthy")
_LATE = "It was not ready within timeouts.startup (<limit> s): "
_LIMIT = 8 if sys.platform == "win32" else 2  # seconds: an interpreter starts slowly there, and slower under Wine
_ONLY_LONGER = "Check its last output for what it waits for. If it only needs more time, raise timeouts.startup."
_SHORT = {"timeouts__startup": _LIMIT}
_ALONE = ["unshare", "--map-root-user", "--net"] if sys.platform == "linux" else []


def _may_run(*command: str) -> bool:
    return shutil.which(command[0]) is not None and subprocess.run([*command, "true"], check=False).returncode == 0


def root_of(stage: Stage) -> Callable[[SidecarClient], Awaitable[None]]:
    """Waits for the backend's first process, whose pid becomes a fact."""

    async def wait(client: SidecarClient) -> None:
        await client.event("backend:startupProgress", lambda progress: progress["phase"] == "waiting")
        stage.facts["pid"] = (await client.call("backend:status"))["pid"]

    return wait


def port(stage: Stage) -> int:
    number = free_port()
    stage.facts |= {"port": number, "limit": _LIMIT}
    return number


def listener(address: str, number: int) -> list[str]:
    """A backend that listens there and takes no connection."""
    family = "AF_INET6" if ":" in address else "AF_INET"
    code = f"import time, _socket as s; l = s.socket(s.{family}); l.bind(('{address}', {number})); l.listen(); time.sleep(600)"
    return script_backend(code)


@WAYS.add("It never opens its port", f"{_LATE}nothing listens on port <port>.", _ONLY_LONGER)
async def never_listens(stage: Stage) -> Explanation:
    return await stage.crash(script_backend("import time; time.sleep(600)"), backend__port=port(stage), **_SHORT)


@WAYS.add(
    "It listens on another port",
    f"{_LATE}it listens on 127.0.0.1:<other> instead of its port <port>.",
    'Pass it the port: write {port} instead of <other> in its command; or set backend.port to its own port, or to "reported".',
    WINE_PIDS,
)
async def listens_on_another_port(stage: Stage) -> Explanation:
    other = stage.facts["other"] = free_port()
    return await stage.crash(http_backend(port=other), backend__port=port(stage), **_SHORT)


@WAYS.add(
    "It listens on another address",
    f"{_LATE}it listens on [::1]:<port>, which 127.0.0.1 does not reach.",
    "Make it listen on 127.0.0.1. Node takes localhost for [::1] unless NODE_OPTIONS has --dns-result-order=ipv4first. Check its command, environment and settings for another address or localhost.",
    WINE_PIDS,
    needs(has_ipv6(), "this machine has no ::1"),
)
async def listens_on_another_address(stage: Stage) -> Explanation:
    number = port(stage)
    return await stage.crash(listener("::1", number), backend__port=number, **_SHORT)


@WAYS.add(
    "It never prints where it listens",
    f"{_LATE}it printed no address that matches backend.reported_pattern.",
    "Correct backend.reported_pattern, or give the backend a port: set backend.port and use {port} in its command or backend.env.",
)
async def never_reports(stage: Stage) -> Explanation:
    stage.facts["limit"] = _LIMIT
    return await stage.crash(script_backend("import time; time.sleep(600)"), backend__port="reported", **_SHORT)


@WAYS.add(
    "It prints where it listens, but its output stays in a buffer",
    f"{_LATE}it listens on 127.0.0.1:<port> and printed nothing.",
    "Programs often buffer output that goes to a pipe: flush after printing the address, in Python with"
    " PYTHONUNBUFFERED=1 in backend.env or print(…, flush=True), in C and C++ with stdbuf -oL before the command."
    " If its output contains the address, correct backend.reported_pattern.",
)
async def holds_its_output_back(stage: Stage) -> Explanation:
    stage.facts["limit"] = _LIMIT
    port = stage.facts["port"] = free_port()
    code = (
        f"import socket, time; s = socket.create_server(('127.0.0.1', {port}))\n"
        f"print('Now listening on: http://127.0.0.1:{port}'); time.sleep(600)"
    )
    return await stage.crash(script_backend(code), backend__port="reported", **_SHORT)


@WAYS.add(
    "It is stopped (SIGSTOP, Ctrl+Z)",
    f"{_LATE}its process sh (pid <pid>) is stopped.",
    "Continue it: kill -CONT <pid>. SIGSTOP, Ctrl+Z or a debugger stopped it, or it stopped itself.",
    linux("/proc shows it"),
)
async def is_stopped(stage: Stage) -> Explanation:
    return await stage.crash(["sh", "-c", "kill -STOP $$"], root_of(stage), backend__port=port(stage), **_SHORT)


@WAYS.add(
    "It runs in its own network namespace",
    f"{_LATE}<program> (pid <pid>) listens on port <port> in its own network namespace, which 127.0.0.1 does not reach.",
    "Start it in the network of this machine: without unshare --net, bwrap --unshare-net or firejail --net. If another"
    ' program forwards the port to it, set backend.listener = "any".',
    linux("others have no such namespaces"),
    needs(not _ALONE or _may_run(*_ALONE), "this system lets this user have no network namespace"),
)
async def has_its_own_network(stage: Stage) -> Explanation:
    number = port(stage)
    program = listener("0.0.0.0", number)
    stage.facts["program"] = Path(program[0]).name[:15]
    return await stage.crash([*_ALONE, *program], root_of(stage), backend__port=number, **_SHORT)


@WAYS.add(
    "It keeps answering errors",
    f"{_LATE}it listens on port <port>, and its last answer to /health/live was status 503.",
    _ONLY_LONGER,
)
async def answers_errors(stage: Stage) -> Explanation:
    return await stage.crash(http_backend(live_status=503), backend__port=port(stage), **_SHORT)


@WAYS.add(
    "The health endpoint's path is wrong",
    f"{_LATE}it listens on port <port> and has no /healthz (status 404).",
    "Correct backend.live_path, or leave it empty: then the open port is enough.",
)
async def wrong_live_path(stage: Stage) -> Explanation:
    return await stage.crash(http_backend(), backend__port=port(stage), backend__live_path="/healthz", **_SHORT)


@WAYS.add(
    "It accepts connections but never answers",
    f"{_LATE}it listens on port <port> but does not answer /health/live (timeout of 300ms exceeded).",
    "Check its last output for what it is doing. If it only answers slowly, raise health.probe_timeout.",
)
async def never_answers(stage: Stage) -> Explanation:
    return await stage.crash(http_backend(hang=True), backend__port=port(stage), health__probe_timeout=0.3, **_SHORT)


@WAYS.add(
    "It speaks another protocol",
    f"{_LATE}it listens on port <port>, but its answer to /health/live is not HTTP (<detail>).",
    "Check whether it speaks HTTPS or another protocol on that port; it must speak plain HTTP on 127.0.0.1."
    " If it serves no HTTP/1.1 at all (gRPC, a database), leave backend.live_path empty: then the open port is enough.",
)
async def speaks_no_http(stage: Stage) -> Explanation:
    number = port(stage)
    code = (
        "import _socket as s, socket\n"
        f"l = socket.create_server(('127.0.0.1', {number}))\n"
        "while True:\n c, _ = l.accept(); c.recv(65536); c.sendall(b'220 mail server\\r\\n\\r\\n'); c.close()"
    )
    reported = await stage.crash(script_backend(code), backend__port=number, **_SHORT)
    stage.facts["detail"] = reported.cause.partition("is not HTTP (")[2].removesuffix(").")
    assert "Parse Error" in str(stage.facts["detail"])
    return reported


@WAYS.add(
    "It hangs",
    "It did not answer 3 checks of /health/live in a row, each within 0.2 s.",
    "Check its last output for what it was doing. If it is only slow, raise health.probe_timeout or health.failures.",
)
async def hangs(stage: Stage) -> Explanation:
    async def hang(client: SidecarClient) -> None:
        await trouble((await client.call("backend:waitForReady"))["port"], "hang?ms=600000")

    quick = {"health__probe_timeout": 0.2, "timeouts__health_interval": 0.2, "timeouts__graceful_shutdown": 0.5}
    return await stage.crash(http_backend(), hang, health__restart_when_hung=True, **quick)


@WAYS.add(
    "It becomes unhealthy while it runs",
    "The backend is unhealthy: /health/live answers status 500",
    "Check the backend's last output; if that does not help, restart it.",
    where="doctor",
)
async def becomes_unhealthy(stage: Stage) -> Explanation:
    async def sicken(client: SidecarClient) -> None:
        await trouble((await client.call("backend:status"))["port"], "health?status=500")

    return await stage.doctor("health", http_backend(), sicken)


@WAYS.add(
    "It reports that something it needs is missing",
    "The backend is unhealthy: /health/ready answers status 503",
    "Check the backend's last output; if that does not help, restart it.",
    where="doctor",
)
async def not_ready(stage: Stage) -> Explanation:
    async def unready(client: SidecarClient) -> None:
        await trouble((await client.call("backend:status"))["port"], "ready?value=false")

    return await stage.doctor("health", http_backend(), unready)


@WAYS.add(
    "The shutdown endpoint is missing",
    "The backend has no /api/system/shutdown",
    "Correct backend.shutdown_path, or leave it empty: a stop then starts with the signal.",
    where="doctor",
)
async def shutdown_endpoint_missing(stage: Stage) -> Explanation:
    return await stage.doctor("shutdown_endpoint", http_backend(no_shutdown_endpoint=True), nothing)
