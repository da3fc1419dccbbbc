"""CHANNELS and EVENTS: the one table that router, schemas and client types come from."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from . import messages as m
from . import observe as o


class WaitForReadyArgs(Struct, frozen=True):
    """``timeout`` in seconds; by default as long as the start may take."""

    timeout: Annotated[float, Meta(gt=0, le=86_400)] | None = None


class LogsArgs(Struct, frozen=True):
    """How many of the last lines, and of which stream."""

    lines: Annotated[int, Meta(ge=1, le=100_000)] = 200
    stream: Literal["stdout", "stderr", "both"] = "both"


class CreateFirewallRuleArgs(Struct, frozen=True):
    """``preview``: only list the rules that would be deleted and created; no elevation."""

    preview: bool = False


class ResourcesArgs(Struct, frozen=True):
    """How far back, in seconds; by default all stored samples."""

    window: Annotated[float, Meta(gt=0, le=86_400)] | None = None


class CrashReportArgs(Struct, frozen=True):
    """Which report."""

    name: Annotated[str, Meta(max_length=200)]


class Channel(Struct, frozen=True):
    """A request that a client can send."""

    args: tuple[Any, ...] | None  # types, in order; None if arguments are ignored (the legacy channels)
    required: int  # how many of them are required
    result: Any  # the type of the answer
    failure: str  # the prefix of an error's text that existing renderers know; empty: none
    title: str  # one line for people


class Notification(Struct, frozen=True):
    """An event: a message that the sidecar sends by itself."""

    payload: Any  # its type
    opt_in: bool  # only subscribers get it
    # What happens while the client does not read: keep every one, coalesce to the latest, or drop the oldest first.
    overflow: Literal["keep", "coalesce", "drop_oldest"]
    title: str  # one line for people


def _legacy(result: Any, failure: str, title: str) -> Channel:
    return Channel(None, 0, result, failure, title)


def _takes(result: Any, title: str, *args: Any, required: int = 0) -> Channel:
    return Channel(args, required, result, "", title)


CHANNELS: dict[str, Channel] = {
    "backend:getUrl": _legacy(str | None, "", "The backend's address, null if it has none"),
    "backend:health": _legacy(m.HealthResult, "", "Asks the health endpoint; without one, whether the backend listens"),
    "backend:ping": _legacy(
        m.PingResult,
        "",
        "Asks the liveness endpoint and measures the answer time; without one, whether the backend listens",
    ),
    "backend:info": _legacy(Any, "Failed to get backend info", "Body of the info endpoint"),
    "backend:version": _legacy(Any, "Failed to get backend version", "Body of the version endpoint"),
    "backend:providerStatus": _legacy(Any, "Failed to get provider status", "Body of the provider endpoint"),
    "backend:ffmpegStatus": _legacy(Any, "Failed to get FFmpeg status", "Body of the FFmpeg endpoint"),
    "backend:restart": _legacy(m.Restarted, "Failed to restart backend", "Restarts; answers when the new run is ready"),
    "backend:stop": _legacy(m.Stopped, "Failed to stop backend", "Stops; answers when the whole process tree is gone"),
    "backend:status": _legacy(m.Status, "", "The backend's state: process, address, health, restarts"),
    "backend:checkFirewall": _legacy(
        m.FirewallCheck, "Failed to check firewall", "What blocks the connection between app and backend"
    ),
    "backend:getFirewallRule": _legacy(m.FirewallRule, "Failed to get firewall rule", "Whether a firewall rule exists"),
    "backend:getFirewallCommand": _legacy(
        str | None, "", "A command that creates the firewall rule; null except on Windows"
    ),
    "backend:start": _takes(m.Started, "Starts; answers when the run is ready"),
    "backend:waitForReady": _takes(m.Started, "Waits until the run is ready", WaitForReadyArgs),
    "backend:logs": _takes(list[o.LogLine], "The last lines of the backend's output", LogsArgs),
    "backend:createFirewallRule": _takes(
        m.CreatedFirewallRule, "Creates the firewall rule; requests elevation; Windows only", CreateFirewallRuleArgs
    ),
    "backend:resources": _takes(list[o.ResourceSample], "What the backend's process tree used", ResourcesArgs),
    "backend:crashReports": _takes(list[o.Crash], "The crash reports, newest first"),
    "backend:crashReport": _takes(o.CrashReport, "One complete crash report", CrashReportArgs, required=1),
    "backend:diagnose": _takes(list[o.Check], "Checks for common problems"),
    "runtime:getBootstrap": _takes(m.Bootstrap, "What a preload reads at start"),
    "runtime:getDiagnostics": _takes(m.Bootstrap, "The same, current"),
    "sidecar:info": _takes(m.SidecarInfo, "Versions, current settings, the sidecar's own memory and CPU time"),
    "sidecar:ping": _takes(Any, "Returns its argument", Any),
    "sidecar:subscribe": _takes(m.Subscribed, "Subscribes to opt-in events", list[str], required=1),
    "sidecar:unsubscribe": _takes(m.Subscribed, "Cancels subscriptions", list[str], required=1),
    "sidecar:power": _takes(None, "Reports a suspend or a resume", Literal["suspend", "resume"], required=1),
    "sidecar:shutdown": _takes(m.Success, "Stops the backend, then the sidecar"),
}

EVENTS: dict[str, Notification] = {
    "backend:healthUpdate": Notification(m.HealthResult, False, "coalesce", "The health status changed"),
    "backend:providerUpdate": Notification(Any, False, "coalesce", "The provider status changed"),
    "backend:stateChanged": Notification(o.StateChanged, False, "keep", "The lifecycle state changed"),
    "backend:startupProgress": Notification(o.StartupProgress, False, "coalesce", "Progress of a start"),
    "backend:crash": Notification(o.Crash, False, "keep", "The run exited unexpectedly"),
    "backend:log": Notification(o.LogLine, True, "drop_oldest", "One line of the backend's output"),
    "backend:exposed": Notification(o.Exposed, False, "keep", "The backend listens beyond loopback"),
    "backend:resourceUpdate": Notification(o.ResourceSample, True, "coalesce", "What the backend's process tree uses"),
    "backend:resourceAlert": Notification(
        o.ResourceAlert, False, "keep", "Usage rose above a limit, or fell below it again"
    ),
}
