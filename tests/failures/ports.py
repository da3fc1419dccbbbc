"""Ways in which a backend does not get its port."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.conftest import is_wine
from tests.failures.stage import ROOT, WINE_PIDS, Explanation, Stage, Ways, linux, needs
from tests.support.backends import free_port, http_backend, script_backend
from tests.support.client import SidecarClient

WAYS = Ways("The backend does not get its port")
_FIRST_FREE = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_ANOTHER_PORT = 'Close that program, or set backend.port to another number or "auto".'


def program(pid: int) -> str:
    """A process, as a message names it."""
    if is_wine():
        return "another program"
    import psutil

    return f"{psutil.Process(pid).name()} (pid {pid})"


def hold_port(stage: Stage) -> int:
    """A port on which this process listens."""
    server = stage.enter_context(socket.create_server(("127.0.0.1", 0)))
    port: int = server.getsockname()[1]
    stage.facts |= {"port": port, "program": program(os.getpid())}
    return port


@WAYS.add(
    "Its place in the command is misspelt",
    "{PORT} in backend.command is passed on unchanged. Its last error: ValueError: invalid literal for int() with base 10: '{PORT}'",
    "Write {port} instead of {PORT}.",
)
async def placeholder_is_misspelt(stage: Stage) -> Explanation:
    return await stage.crash((*script_backend("import sys; int(sys.argv[1])"), "{PORT}"))


@WAYS.add("The port is in use", "Port <port> is in use by <program>", _ANOTHER_PORT)
async def port_in_use(stage: Stage) -> Explanation:
    return await stage.crash(http_backend(), backend__port=hold_port(stage))


@WAYS.add(
    "The port is in use (before a start)",
    "Port <port> is in use by <program>",
    'Close that program, or set backend.port to "auto".',
    where="doctor",
)
async def port_in_use_before_the_start(stage: Stage) -> Explanation:
    return await stage.doctor("port", http_backend(), backend__port=hold_port(stage))


@WAYS.add(
    "The port is in use by a second copy of the app",
    "Port <port> is in use by <program>, the backend of another sidecar (pid <pid>)",
    'Close that program, or set backend.port to "auto".',
    WINE_PIDS,
    where="doctor",
)
async def port_in_use_by_another_copy(stage: Stage) -> Explanation:
    port = stage.facts["port"] = free_port()
    async with stage.sidecar(http_backend(), backend__port=port) as client:
        pid = (await client.call("backend:waitForReady"))["pid"]
        stage.facts |= {"program": program(pid), "pid": client.hello["pid"]}
        return await stage.doctor("port", http_backend(), backend__port=port)


@WAYS.add(
    "Another program answers on the backend's port",
    "The backend runs, but port <port> belongs to <program>",
    _ANOTHER_PORT,
    WINE_PIDS,
)
async def stranger_answers(stage: Stage) -> Explanation:
    port = free_port()
    stage.facts |= {"port": port, "program": program(os.getpid())}

    async def listen(client: SidecarClient) -> None:
        await client.event("backend:startupProgress", where=lambda progress: progress["phase"] == "waiting")
        stage.enter_context(socket.create_server(("127.0.0.1", port)))

    return await stage.crash(script_backend("import time; time.sleep(600)"), listen, backend__port=port)


@WAYS.add(
    "The port is reserved by Windows, or forbidden by a security program",
    "The system does not let the backend listen on port <port>",
    'The port lies in a range that the system reserves: set backend.port to another number or "auto".',
)
async def port_reserved(stage: Stage) -> Explanation:
    port = stage.facts["port"] = free_port()
    said = (
        f"Unhandled exception. System.IO.IOException: Failed to bind to address http://127.0.0.1:{port}.\\n"
        " ---> System.Net.Sockets.SocketException (10013): An attempt was made to access a socket in a way forbidden"
        " by its access permissions.\\n"
    )
    code = f"import os; os.write(2, b'''{said}'''); os._exit(-532462766 if os.name == 'nt' else 134)"
    return await stage.crash(script_backend(code), backend__port=port)


@WAYS.add(
    "The port needs special rights",
    "The system does not let the backend listen on port <port>",
    'Ports below 1024 need special rights here: set backend.port to a higher number or "auto".',
    linux("capabilities"),
    ROOT,
    needs(_FIRST_FREE.exists() and int(_FIRST_FREE.read_text()) > 80, "this system lets everybody have every port"),
)
async def port_needs_rights(stage: Stage) -> Explanation:
    stage.facts["port"] = 81
    return await stage.crash(http_backend(), command=("setpriv", "--bounding-set=-net_bind_service"), backend__port=81)


@WAYS.add(
    "The backend listens on every address",
    "Other machines can reach the backend on 0.0.0.0:<port>",
    "Make it listen on 127.0.0.1 only: check its settings for 0.0.0.0, * or [::].",
    WINE_PIDS,
    where="doctor",
)
async def exposed(stage: Stage) -> Explanation:
    port = stage.facts["port"] = free_port()

    async def seen(client: SidecarClient) -> None:
        await client.event("backend:exposed")

    return await stage.doctor("exposure", http_backend(listen_address="0.0.0.0"), seen, backend__port=port)


@WAYS.add(
    "The settings make the backend listen on every address",
    "The settings make the backend listen on every address: ASPNETCORE_URLS",
    "Use http://127.0.0.1:{port} there.",
    where="doctor",
)
async def told_to_be_exposed(stage: Stage) -> Explanation:
    return await stage.doctor("exposure", http_backend(), backend__env={"ASPNETCORE_URLS": "http://0.0.0.0:{port}"})
