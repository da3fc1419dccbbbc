"""Commands of backends for a sidecar, and direct requests to the backends."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

CHILDREN = Path(__file__).resolve().parents[1] / "children"
ASPNET = Path(os.environ.get("ASPNET_BACKEND", Path(__file__).resolve().parents[3] / "shared" / "aspnet-backend"))


def http_backend(*options: str | float, **named: str | float | bool) -> list[str]:
    """The command of tests/children/http/backend.py: ``http_backend(live_delay=2, ignore_sigterm=True)``.

    ``{port}`` passes the port, so that it works under any profile.
    """
    words = [str(option) for option in options]
    for name, value in named.items():
        if value is not False:
            words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    script = str(CHILDREN / "http" / "backend.py")
    port = [] if "port" in named or "--port" in words else ["--port", "{port}"]
    return [sys.executable, "-I", "-S", script, *port, *words]


def script_backend(code: str) -> list[str]:
    """The command of a backend that consists of these lines of Python."""
    return [sys.executable, "-I", "-S", "-c", code]


def aspnet_backend() -> list[str]:
    """The command of the real ASP.NET Core server; the file may be missing (see ``aspnet_missing``)."""
    names = ("win-x64", "TestBackend.exe") if sys.platform == "win32" else ("linux-x64", "TestBackend")
    return [str(ASPNET.joinpath(*names))]


def aspnet_missing() -> str:
    """Returns why the real server cannot be used here, or an empty string."""
    if sys.platform == "darwin":
        return "the ASP.NET Core test server is built for Linux and Windows"
    path = aspnet_backend()[0]
    return "" if Path(path).is_file() else f"the ASP.NET Core test server is not there: {path}"


def has_ipv6() -> bool:
    """Whether this machine has ::1; containers often do not, however Python was built."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port that had no listener a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def ask(port: int, method: str, target: str, *, timeout: float = 10.0) -> tuple[int, Any]:
    """Sends one request directly to a backend; returns the status and the body (decoded if JSON, None if empty)."""

    def exchange() -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        try:
            connection.request(method, target)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(body) if body else None
        except ValueError:
            return answer.status, body

    return await asyncio.to_thread(exchange)


async def trouble(port: int, order: str) -> Any:
    """Makes a backend misbehave, e.g. ``trouble(port, "crash?kind=exception")``, and returns its answer."""
    status, body = await ask(port, "POST", f"/trouble/{order}")
    assert status in {200, 202, 204}, (status, body)
    return body
