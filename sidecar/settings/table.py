"""The settings of model.py as plain data, for a start that has not imported msgspec.

``python -m tools.generate`` writes it: section → key → default, kind, least, most, choices.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any

    Entry = tuple[Any, str, Any, Any, tuple[str, ...]]

# fmt: off
TABLE: dict[str, dict[str, Entry]] = {
    "backend": {"command": ((), "texts", None, None, ()), "cwd": ("", "text", None, None, ()),
        "env": ({}, "table", None, None, ()), "port": ("auto", "whole", 1, 65535, ("auto", "reported")),
        "host": ("127.0.0.1", "text", None, None, ("127.0.0.1",)), "autostart": (True, "flag", None, None, ()),
        "managed": (True, "flag", None, None, ()), "url": ("", "text", None, None, ()),
        "live_path": ("", "text", None, None, ()), "health_path": ("", "text", None, None, ()),
        "ready_path": ("", "text", None, None, ()), "shutdown_path": ("", "text", None, None, ()),
        "listener": ("own", "text", None, None, ("any", "own")),
        "socket": ("none", "text", None, None, ("none", "pass")), "notify": (False, "flag", None, None, ()),
        "stdin": ("null", "text", None, None, ("null", "open")),
        "stop_signal": ("SIGTERM", "text", None, None, ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2")),
        "stop_signal_to": ("auto", "text", None, None, ("auto", "group", "root")),
        "info_path": ("", "text", None, None, ()), "version_path": ("", "text", None, None, ()),
        "providers_path": ("", "text", None, None, ()), "ffmpeg_path": ("", "text", None, None, ()),
        "events_path": ("", "text", None, None, ()), "volatile_keys": ((), "texts", None, None, ()),
        "reported_pattern": ("Now listening on: (http://\\S+)", "text", None, None, ())},
    "timeouts": {"startup": (60.0, "seconds", 5e-324, 86400, ()), "restart_hanging": (10.0, "seconds", 0, 86400, ()),
        "health_interval": (1.0, "seconds", 5e-324, 86400, ()), "restart_delay": (5.0, "seconds", 0, 86400, ()),
        "shutdown_request": (2.0, "seconds", 0, 86400, ()), "graceful_shutdown": (10.0, "seconds", 0, 86400, ()),
        "force_kill": (5.0, "seconds", 5e-324, 86400, ()), "total_shutdown": (27.0, "seconds", 5e-324, 86400, ()),
        "owner_lost": (1.5, "seconds", 0, 86400, ())},
    "restart": {"attempts": (3, "whole", 0, 1000000, ()), "window": (600.0, "seconds", 0, 86400, ()),
        "first_delay": (0.0, "seconds", 0, 86400, ()), "backoff": (1.0, "number", 1, 100, ()),
        "jitter": (0.0, "number", 0, 1, ()), "on_clean_exit": (True, "flag", None, None, ())},
    "health": {"probe_timeout": (2.0, "seconds", 5e-324, 86400, ()),
        "provider_interval": (30.0, "seconds", 5e-324, 86400, ()), "failures": (3, "whole", 1, 1000, ()),
        "successes": (1, "whole", 1, 1000, ()), "watchdog": (0.0, "seconds", 0, 86400, ()),
        "restart_when_hung": (False, "flag", None, None, ())},
    "app": {"mode": ("production", "text", None, None, ()), "version": ("", "text", None, None, ()),
        "is_packaged": (False, "flag", None, None, ()), "user_data": ("", "text", None, None, ()),
        "resources": ("", "text", None, None, ()), "temp": ("", "text", None, None, ())},
    "paths": {"data": ("", "text", None, None, ()), "logs": ("", "text", None, None, ()),
        "temp": ("", "text", None, None, ())},
    "limits": {"memory": (0, "bytes", 0, 9007199254740992, ()), "cpu_nice": (0, "whole", -20, 19, ()),
        "open_files": (0, "whole", 0, 2147483647, ()), "no_new_privileges": (False, "flag", None, None, ()),
        "env_allow": ((), "texts", None, None, ()), "env_deny": ((), "texts", None, None, ())},
    "sandbox": {"level": ("off", "text", None, None, ("off", "standard", "strict")),
        "write": ((), "texts", None, None, ()), "read": ((), "texts", None, None, ()),
        "connect": ((), "ports", None, None, ()), "required": (False, "flag", None, None, ())},
    "log": {"level": ("info", "text", None, None, ("debug", "error", "info", "trace", "warning")),
        "json": (False, "flag", None, None, ())},
    "firewall": {"rule_name": ("", "text", None, None, ()), "other_names": ((), "texts", None, None, ())},
    "resources": {"interval": (2.0, "seconds", 0.1, 3600, ()), "window": (600.0, "seconds", 0, 86400, ()),
        "cpu_limit": (0.0, "number", 0, 1000000, ()), "memory_limit": (0, "bytes", 0, 9007199254740992, ()),
        "hysteresis": (0.1, "number", 0, 0.9999999999999999, ()), "hold": (10.0, "seconds", 0, 86400, ())},
}
# fmt: on
