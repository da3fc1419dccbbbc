"""Checks of what can block the app from a backend on 127.0.0.1."""

import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from ..errors import LOOPBACK_REMEDY
from ..process.platform.reserved_ports import Range, range_of
from ..settings.checks import UNSAFE_PORTS, describe_unsafe
from ..settings.servers import how_to_listen_on_loopback
from ..wire.observe import Check

PortState = Literal["free", "lingering", "in_use", "forbidden"]

TIMEOUT = 2.0  # seconds; loopback answers within microseconds

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_LOOPBACK_NAMES = {"localhost", "*"}
_INTERFACE_DOWN = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN}


def check_port(
    port: int | str,
    running: int | None,
    listener: Literal["own", "foreign", "unknown"],
    state: Callable[[int], PortState],
    owner: Callable[[int], str],
    *,
    reserved: Callable[[], Sequence[Range] | None] = list,
    held: int | None = None,
) -> Check:
    """Whether the backend has its port, or could bind it. ``port``: as configured; ``running``, ``listener``: of the run.

    ``state`` tests a port, ``owner`` names who listens on it, ``reserved`` returns Windows' ranges; ``held``: where the sidecar listens.
    """
    used = running if running is not None else port
    if used in UNSAFE_PORTS:
        remedy = 'Set backend.port to another number or "auto", or let the backend choose another one.'
        return Check("port", "failed", describe_unsafe(int(used)), remedy)
    if running is not None:
        return _check_own_port(running, listener, owner)
    if held is not None:
        return Check("port", "ok", f"The sidecar holds port {held} for the backend")
    if not isinstance(port, int):
        return Check("port", "ok", "A free port is picked at startup")
    verdict = state(port)
    if verdict == "in_use":
        seen = f"Port {port} is in use by {owner(port) or 'another program'}"
        return Check("port", "failed", seen, 'Close that program, or set backend.port to "auto".')
    return _check_unused_port(port, verdict, reserved)


def _check_own_port(running: int, listener: str, owner: Callable[[int], str]) -> Check:
    if listener == "foreign":
        seen = f"Port {running} belongs to {owner(running) or 'another program'}, not to the backend"
        return Check("port", "failed", seen, "Close that program, then restart the backend.")
    return Check("port", "ok", f"The backend listens on port {running}", evidence=f"the listener is {listener}")


def _check_unused_port(port: int, verdict: PortState, reserved: Callable[[], Sequence[Range] | None]) -> Check:
    if verdict == "free":
        return Check("port", "ok", f"Port {port} is free")
    if verdict == "lingering":
        seen = f"Connections of an earlier program are still closing on port {port}"
        wait = "No program uses the port. The system closes them within a minute or two, and a start waits for that."
        return Check("port", "warning", seen, wait)
    if (kept := range_of(port, reserved())) is not None:
        seen = f"Windows reserves ports {kept[0]} to {kept[1]}, including port {port}"
        remedy = (
            'Set backend.port to a number outside that range or "auto". Hyper-V, WSL and Docker reserve such ranges.'
        )
        return Check("port", "failed", seen, remedy)
    remedy = (
        "Ports below 1024 need special rights on most systems, and on Windows another program may hold the port "
        'exclusively: set backend.port to another number or "auto".'
    )
    return Check("port", "failed", f"The system does not let the backend listen on port {port}", remedy)


def check_loopback() -> Check:
    """Whether two sockets on 127.0.0.1 can exchange data; third-party filters and broken network namespaces prevent that."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(TIMEOUT)
            with socket.create_connection(server.getsockname(), TIMEOUT) as client:
                peer, _ = server.accept()
                with peer:
                    peer.settimeout(TIMEOUT)
                    client.sendall(b"x")
                    if peer.recv(1) == b"x":
                        return Check("loopback", "ok", "127.0.0.1 can be reached")
    except OSError as error:
        why, down = error.strerror or str(error), error.errno in _INTERFACE_DOWN
    else:
        why, down = "nothing arrived", False
    remedy = "Windows Firewall does not filter it. Check for another filter (antivirus, VPN) and whether 'lo' is down."
    return Check("loopback", "failed", f"127.0.0.1 cannot be reached: {why}", LOOPBACK_REMEDY if down else remedy)


def check_proxy(environ: Mapping[str, str]) -> Check:
    """Whether a proxy variable also applies to 127.0.0.1. The sidecar ignores it; the backend's own clients may not."""
    values = {name.upper(): value for name, value in environ.items() if value}
    proxies = [name for name in _PROXIES if name in values]
    if not proxies:
        return Check("proxy", "ok", "No proxy is set in the environment")
    exceptions = [part.strip().lower() for part in values.get("NO_PROXY", "").split(",")]
    if any(part in _LOOPBACK_NAMES or part.startswith("127.") for part in exceptions):
        return Check("proxy", "ok", f"{', '.join(proxies)} excludes 127.0.0.1", evidence="NO_PROXY")
    seen = f"{', '.join(proxies)} is set and would take requests to 127.0.0.1 as well"
    remedy = "Add 127.0.0.1,localhost to NO_PROXY. The sidecar's own requests are not affected."
    return Check("proxy", "warning", seen, remedy)


def check_exposure(places: str, command: Sequence[str], env: Mapping[str, str]) -> Check:
    """Whether other machines can reach the backend: through its sockets beyond loopback (``places``), or by its settings."""
    if places:
        how = how_to_listen_on_loopback(command) or "check its settings for 0.0.0.0, * or [::]"
        seen = f"Other machines can reach the backend on {places}"
        return Check("exposure", "failed", seen, f"Make it listen on 127.0.0.1 only: {how}.")
    every = ("://0.0.0.0", "://*", "://+", "://[::]")
    open_ended = [name for name, value in env.items() if any(address in value for address in every)]
    if open_ended:
        seen = f"The settings make the backend listen on every address: {', '.join(open_ended)}"
        return Check("exposure", "warning", seen, "Use http://127.0.0.1:{port} there.")
    return Check("exposure", "ok", "The backend is configured to listen on 127.0.0.1 only")
