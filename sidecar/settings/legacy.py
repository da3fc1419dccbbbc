"""The variables that the Aura Electron shell reads today, so that existing launch scripts go on working."""

from __future__ import annotations

from collections.abc import Mapping

from .sources import Given, Source

_PATHS = {
    # The shell asks one endpoint for both: whether the start is over, and whether the backend is well.
    "AURA_BACKEND_HEALTH_ENDPOINT": ("live_path", "health_path"),
    "AURA_BACKEND_READY_ENDPOINT": ("ready_path",),
    "AURA_BACKEND_SSE_JOB_EVENTS_TEMPLATE": ("events_path",),
}
_MILLISECONDS = {
    "AURA_BACKEND_STARTUP_TIMEOUT_MS": "startup",
    "AURA_BACKEND_HEALTH_POLL_INTERVAL_MS": "health_interval",
}


def from_legacy(environ: Mapping[str, str]) -> Source:
    """What these variables say in today's settings. An empty one counts as not set, as it does for the shell.

    ``AURA_BACKEND_URL`` is the backend to watch when ``AURA_LAUNCH_BACKEND=false``, else it fixes the port.
    """
    source = Source([], [], [])
    launch = environ.get("AURA_LAUNCH_BACKEND", "").strip().lower()
    if launch not in {"", "true", "false"}:
        value = environ["AURA_LAUNCH_BACKEND"]
        source.mistakes.append(f"AURA_LAUNCH_BACKEND: is {value!r}; allowed: true or false")
    elif launch:
        source.given.append(Given("backend", "managed", launch == "true", "AURA_LAUNCH_BACKEND"))
    url = environ.get("AURA_BACKEND_URL", "").strip()
    if url:
        source.given.append(Given("backend", "url", url, "AURA_BACKEND_URL"))
    for variable, keys in _PATHS.items():
        path = environ.get(variable, "").strip()
        # The shell puts the slash before a path that has none.
        path = path if path.startswith("/") or not path else f"/{path}"
        source.given.extend(Given("backend", key, path, variable) for key in keys if path)
    for variable, key in _MILLISECONDS.items():
        text = environ.get(variable, "").strip()
        if not text:
            continue
        try:
            source.given.append(Given("timeouts", key, float(text) / 1000, variable))
        except ValueError:
            source.mistakes.append(f"{variable}: is {text!r}; allowed: a number of milliseconds")
    return source
