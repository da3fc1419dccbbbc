"""Formats the sidecar's events as text."""

import re
from typing import Any, NamedTuple

from msgspec import json

from ..plain import escaped_json, one_line

MIB = 1024 * 1024
SGR = re.compile(r"\x1b\[[0-9;:]*m")  # sets a colour or style in a terminal, and nothing else


class Line(NamedTuple):
    """One event, ``at`` seconds after the tool's start."""

    at: float
    channel: str
    text: str

    @property
    def name(self) -> str:
        return self.channel.removeprefix("backend:")


def sentence(channel: str, payload: Any) -> str:
    """Returns an event as one line; the payload itself if the event is unknown."""
    try:
        text = _known(channel, payload)
    except (KeyError, TypeError, AttributeError, ValueError):  # a newer sidecar's shape, or an edited recording
        text = str(payload)
    return one_line(text)


def as_json(value: Any) -> str:
    """Returns JSON for people and programs: bytes as base64, times as ISO 8601, characters that could control a terminal escaped."""
    return escaped_json(json.format(json.encode(value), indent=2).decode())


def _known(channel: str, payload: Any) -> str:  # noqa: PLR0911 - a table of events, one return per row
    match channel:
        case "backend:stateChanged":
            process = f", process {payload['pid']}" if payload["pid"] else ""
            return f"{payload['previous']} → {payload['state']} ({payload['reason']}{process})"
        case "backend:healthUpdate":
            return str(payload["status"]) + (f": {payload['error']}" if payload.get("error") else "")
        case "backend:crash":
            soon = payload["nextStartIn"]
            made, most = payload["attempt"], payload["attempts"]
            why = f": {payload['cause']}" if payload.get("cause") and payload["cause"] != payload["text"] else ""
            if payload["final"]:
                return f"{payload['text']} ({'no restarts left' if made >= most else 'a restart would not help'}){why}"
            return f"{payload['text']} (restart {made} of {most} in {soon or 0:.1f} s){why}"
        case "backend:startupProgress":
            limit = f" of {payload['limit']:g}" if payload.get("limit") else ""
            return f"{payload['phase']} {payload['elapsed']:.1f}{limit} s: {payload['message']}"
        case "backend:providerUpdate":
            names = [provider["name"] for provider in payload.get("providers", [])]
            return f"providers: {', '.join(names)}" if names else str(payload)
        case "backend:log":
            return f"{payload['stream']}: {SGR.sub('', payload['text'])}"
        case "backend:exposed":
            pairs = [(socket["address"], socket["port"]) for socket in payload["sockets"]]
            where = [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address, port in pairs]
            return f"other machines can reach {', '.join(where)}" if where else "only this machine can reach it"
        case "backend:resourceUpdate":
            many = f"{payload['processes']} {'process' if payload['processes'] == 1 else 'processes'}"
            return f"cpu {payload['cpu']:.0f} %, memory {payload['memory'] / MIB:.1f} MiB, {many}"
        case "backend:resourceAlert":
            verb = "above" if payload["active"] else "below"
            return f"{payload['metric']} is {verb} its limit: {payload['value']:g} of {payload['limit']:g}"
    return str(payload)
