"""The messages whose bytes are fixed; ``write.py`` makes a file of each under frames/.

Values that JSON lacks are written as one-key maps: ``{"$bytes": hex}``, ``{"$time": ISO 8601}``, ``{"$float": number}``
(a float with an integral value, which JavaScript cannot distinguish from an integer).
"""

from __future__ import annotations

from typing import Any

_STATUS = {
    "running": True,
    "port": 53211,
    "url": "http://127.0.0.1:53211",
    "state": "RUNNING",
    "pid": 4711,
    "health": "healthy",
    "since": "2026-01-15T10:00:00.000Z",
    "uptime": 12.5,
    "restarts": 0,
    "lastExit": {
        "code": None,
        "signal": 9,
        "text": "killed by SIGKILL (9)",
        "time": "2026-01-15T09:59:00.000Z",
        "expected": False,
    },
    "managed": True,
    "listener": "own",
    "exposed": [],
    "sharedDataFolder": False,
}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "hello": (
        "The sidecar's first frame.",
        {
            "type": "hello",
            "protocol": 1,
            "sidecar": "0.1.0",
            "channels": ["backend:status", "sidecar:ping"],
            "events": ["backend:stateChanged"],
            "pid": 4242,
            "maxFrame": 16777216,
            "maxInFlight": 256,
        },
    ),
    "request": ("A request without arguments.", {"type": "request", "id": 1, "channel": "backend:status", "args": []}),
    "request-options": (
        "A request with one options object.",
        {"type": "request", "id": 255, "channel": "backend:logs", "args": [{"lines": 300, "stream": "stderr"}]},
    ),
    "request-undefined": (
        "What a page passes as undefined is nil.",
        {"type": "request", "id": 256, "channel": "backend:waitForReady", "args": [None]},
    ),
    "request-large-id": (
        "An id above 2**32.",
        {"type": "request", "id": 1099511627776, "channel": "sidecar:ping", "args": []},
    ),
    "request-numbers": (
        "Integers at the edges of their encodings, and floats.",
        {
            "type": "request",
            "id": 2,
            "channel": "sidecar:ping",
            "args": [
                [
                    0,
                    127,
                    128,
                    255,
                    256,
                    65535,
                    65536,
                    4294967295,
                    -1,
                    -32,
                    -33,
                    -128,
                    -129,
                    -32768,
                    -2147483648,
                    0.1,
                    -1.5,
                ]
            ],
        },
    ),
    "request-text": (
        "Text at the edges of its encodings, beyond ASCII and beyond the basic plane.",
        {
            "type": "request",
            "id": 3,
            "channel": "sidecar:ping",
            "args": [["", "ä€😀", "x" * 31, "x" * 32, "x" * 255, "x" * 256]],
        },
    ),
    "request-binary": (
        "Binary and a time: bin, and the extension type -1.",
        {
            "type": "request",
            "id": 4,
            "channel": "sidecar:ping",
            "args": [{"bytes": {"$bytes": "00ff80"}, "time": {"$time": "2026-01-15T10:00:00Z"}}],
        },
    ),
    "request-nested": (
        "A map and an array of more than 15 entries.",
        {
            "type": "request",
            "id": 5,
            "channel": "sidecar:ping",
            "args": [{f"key{number}": [number] for number in range(17)}, [[], {}, None, True, False]][:1],
        },
    ),
    "cancel": ("Gives up a request in flight.", {"type": "cancel", "id": 7}),
    "response-null": ("A result that is null.", {"type": "response", "id": 1, "result": None}),
    "response-status": ("backend:status.", {"type": "response", "id": 1, "result": _STATUS}),
    "response-binary": ("A binary result.", {"type": "response", "id": 4, "result": {"$bytes": "deadbeef" * 10}}),
    "error": (
        "The failure of a request, with remedy and facts.",
        {
            "type": "error",
            "id": 9,
            "error": {
                "code": "PORT_IN_USE",
                "message": "Failed to restart backend: port 5005 is in use by nginx (pid 12)",
                "hint": "Stop it, or set backend.port to auto.",
                "data": {"port": 5005, "owner": {"pid": 12, "name": "nginx"}},
            },
        },
    ),
    "error-without-id": (
        "A complaint about the stream itself.",
        {"type": "error", "id": None, "error": {"code": "FRAME_ERROR", "message": "no frame: 'Hello, '"}},
    ),
    "event-state": (
        "The lifecycle state changed.",
        {
            "type": "event",
            "channel": "backend:stateChanged",
            "payload": {
                "state": "STARTING",
                "previous": "STOPPED",
                "reason": "autostart",
                "pid": None,
                "port": 53211,
                "url": "http://127.0.0.1:53211",
                "time": "2026-01-15T10:00:00.000Z",
            },
            "seq": 1,
        },
    ),
    "event-log-dropped": (
        "A line of output after a gap: the client did not read.",
        {
            "type": "event",
            "channel": "backend:log",
            "payload": {"time": "2026-01-15T10:00:00.000Z", "stream": "stdout", "text": "grüße"},
            "seq": 70000,
            "dropped": 512,
        },
    ),
    "event-health": (
        "A float that is integral: MessagePack keeps it a float, JavaScript sees a number.",
        {
            "type": "event",
            "channel": "backend:healthUpdate",
            "payload": {"status": "healthy", "data": {"duration": {"$float": 3}}},
            "seq": 2,
        },
    ),
}
