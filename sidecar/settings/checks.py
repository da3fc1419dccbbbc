"""Checks that involve several settings, and the form of strings."""

from __future__ import annotations

import os

from ..errors import InvalidConfigError
from .profiles import PROFILES
from .texts import AUTO_PATH, REPORTED_PATTERN

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Backend, Settings, Timeouts

# Ports to which Chromium, and so Electron, sends no request, because a browser could be used to attack old services there:
# kRestrictedPorts in Chromium's net/base/port_util.cc, the "bad ports" of the Fetch standard (section 2.9)
UNSAFE_PORTS = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111,
    113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548,
    554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665,
    6666, 6667, 6668, 6669, 6679, 6697, 10080,
})  # fmt: skip

GIVE_A_COMMAND = (
    'Set backend.command, in an app: settings: { backend: { command: ["./server", "--port", "{port}"] } }; '
    "on the command line write it after --."
)
_LONG = 3600.0  # seconds
_ENDPOINTS = ("live", "health", "ready", "shutdown", "info", "version", "providers", "ffmpeg", "events")


def describe_unsafe(port: int) -> str:
    return (
        f"Chromium refuses every request to port {port} (ERR_UNSAFE_PORT), so no page of the app can reach the backend"
    )


def normalise(settings: Settings, origins: dict[str, str]) -> tuple[Settings, list[str]]:
    """The settings with the backend's address normalised (``localhost`` may mean ::1), and notes on the changes."""
    backend = settings.backend
    notes: list[str] = []
    if not backend.url:
        return settings, notes
    port = loopback_port(backend.url)
    if port is None:
        return settings, notes
    from msgspec import structs

    if "localhost" in backend.url.lower():
        notes.append(f"backend.url ({origins['backend.url']}) says localhost; 127.0.0.1 is used")
    if not backend.managed:
        backend = structs.replace(backend, url=f"http://{backend.host}:{port}")
    elif origins["backend.url"] in PROFILES[settings.profile].variables:
        backend = structs.replace(backend, url="")
        if "backend.port" not in origins:
            backend = structs.replace(backend, port=port)
            origins["backend.port"] = origins["backend.url"]
    else:
        notes.append(
            f"backend.url ({origins['backend.url']}) is ignored: the backend is managed and gets its port from backend.port"
        )
        backend = structs.replace(backend, url="")
    return structs.replace(settings, backend=backend), notes


def loopback_port(url: str) -> int | None:
    """The port of ``http://127.0.0.1:PORT`` (or ``localhost``); None for any other address."""
    scheme, _, rest = url.partition("://")
    host, _, port = rest.removesuffix("/").partition(":")
    if scheme.lower() != "http" or host.lower() not in {"127.0.0.1", "localhost"}:
        return None
    return int(port) if port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65_535 else None


def mistakes(settings: Settings, origins: dict[str, str], bad: set[str]) -> Iterator[str]:
    """All failed checks, except that of a ``backend.url`` in ``bad``. A check yields a setting and the rest of the sentence about it."""
    for check in (_address, _paths, _command, _passing, _environment, _pattern, _sandbox):
        if check is not _address or "backend.url" not in bad:
            yield from (f"{origins.get(name, 'profile')}: {name} {what}" for name, what in check(settings))
    if settings.health.watchdog and not settings.backend.notify:
        yield "health.watchdog is set, which needs backend.notify = true"


def _address(settings: Settings) -> Iterator[tuple[str, str]]:
    backend = settings.backend
    if backend.url and loopback_port(backend.url) is None:
        from .masking import mask_text

        allowed = "http://127.0.0.1:PORT, without path, user or password"
        yield "backend.url", f'is "{mask_text(backend.url)}"; allowed: {allowed}'
    elif not backend.managed and not backend.url:
        say = "say where it listens with backend.url, as in http://127.0.0.1:5005"
        yield "backend.managed", f"is false and no address is given; the backend then belongs to another program: {say}"


def _paths(settings: Settings) -> Iterator[tuple[str, str]]:
    for key in (f"{name}_path" for name in _ENDPOINTS):
        path: str = getattr(settings.backend, key)
        is_path = path.startswith("/") and path.isprintable() and " " not in path
        if path and not is_path and (key, path) != ("live_path", AUTO_PATH):
            allowed = "a path that starts with / and has no spaces, or an empty string"
            if path[1:3] == ":/":
                allowed += "; Git Bash changes /path to this: write MSYS_NO_PATHCONV=1 before the command"
            yield f"backend.{key}", f'is "{path}"; allowed: {allowed}'


def _command(settings: Settings) -> Iterator[tuple[str, str]]:
    command = settings.backend.command
    if command and not command[0].strip():
        yield "backend.command", "starts with an empty string; allowed: the program, then its arguments"
    if command and any("\0" in word for word in (*command, settings.backend.cwd)):
        yield "backend.command", "or backend.cwd contains a NUL character; no program accepts one"


def _passing(settings: Settings) -> Iterator[tuple[str, str]]:
    backend = settings.backend
    if backend.socket == "pass" and backend.port == "reported":
        allowed = 'backend.port = "auto" or a number'
        yield "backend.socket", f'is "pass", where the sidecar chooses the port; allowed with it: {allowed}'
    if (backend.socket == "pass" or backend.notify) and not backend.managed:
        name = "backend.socket" if backend.socket == "pass" else "backend.notify"
        yield name, "is set and backend.managed is false; this needs a backend that the sidecar starts"


def _environment(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, value in settings.backend.env.items():
        if not name or "=" in name or "\0" in name + value:
            allowed = "a name without = and NUL, a value without NUL"
            yield "backend.env", f"has the variable {name!a}; allowed: {allowed}"


def _pattern(settings: Settings) -> Iterator[tuple[str, str]]:
    pattern = settings.backend.reported_pattern
    if pattern == REPORTED_PATTERN:
        return
    import re
    import warnings

    try:
        with warnings.catch_warnings(action="ignore"):  # "[[" may mean something else in a future Python
            groups = re.compile(pattern).groups
    except (re.error, RecursionError, OverflowError) as error:
        yield "backend.reported_pattern", f"is not a regular expression: {error}"
        return
    if groups != 1:
        allowed = r"exactly one, which captures the address, as in Listening on: (http://\S+)"
        yield "backend.reported_pattern", f"has {groups} groups; allowed: {allowed}"


def _sandbox(settings: Settings) -> Iterator[tuple[str, str]]:
    sandbox = settings.sandbox
    for name, paths in (("sandbox.write", sandbox.write), ("sandbox.read", sandbox.read)):
        for path in paths:
            whole = os.path.expanduser(path)  # noqa: PTH111 -- pathlib raises if the user does not exist
            if not os.path.isabs(whole) or "\0" in path:  # noqa: PTH117 -- a string
                yield name, f'has "{path}"; allowed: an absolute path, or one that starts with ~ for your home folder'
    if sandbox.level != "off" and not settings.backend.managed:
        why = "a backend that another program starts cannot be sandboxed"
        yield "sandbox.level", f'is "{sandbox.level}" and backend.managed is false: {why}; allowed: "off"'


def duration_notes(timeouts: Timeouts) -> Iterator[str]:
    """Notes on times that look like milliseconds."""
    for name in timeouts.__struct_fields__:
        if (seconds := getattr(timeouts, name)) > _LONG:
            yield f'timeouts.{name} is {seconds:g} seconds; write "{seconds:g}ms" if you mean milliseconds'


def lacks_command(settings: Settings) -> bool:
    backend = settings.backend
    return backend.managed and not backend.command and not PROFILES[settings.profile].executable


def require_command(settings: Settings) -> None:
    """Raises InvalidConfigError if there is no command to start."""
    if lacks_command(settings):
        raise InvalidConfigError("No backend command given", hint=GIVE_A_COMMAND)


def configured_port(backend: Backend) -> int | None:
    """The port in the settings; None if it is chosen or reported."""
    if not backend.managed:
        return loopback_port(backend.url)
    return backend.port if isinstance(backend.port, int) else None


def port_notes(backend: Backend) -> list[str]:
    port = configured_port(backend)
    if port not in UNSAFE_PORTS:
        return []
    return [f'{describe_unsafe(port)}; set backend.port to another number or "auto"']
