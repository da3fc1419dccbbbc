"""Probes the backend: whether it responds, when to try again, and whether its response changed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from ..errors import HttpFailedError
from .client import BackendClient

if TYPE_CHECKING:
    from ..errors import HttpFailure

DEBUGGER = 400  # the status that Node's inspector returns for a plain GET, as proxies do for one without a host
DEBUGGER_PATH = "/json/version"  # what Node's inspector answers, and hardly another server

_FIRST_DELAY = 0.005  # seconds; a response costs the backend more than the sidecar
_FIRST_PORT_CHECK_DELAY = 0.001
_SHARE_OF_ELAPSED = 0.02  # readiness is noticed late by at most this fraction of the start
# A check costs 10 µs and an iteration of the loop twice that: 3 % of a core in the first 50 ms, then less.
_MAX_PORT_CHECK_DELAY = 0.010


class ProbeResult(Struct, frozen=True):
    """The result of one request to an endpoint."""

    ok: bool  # the status is 2xx
    status: int | None  # None without a response
    body: Any  # decoded, if ok
    error: str  # in the words of the renderer contract; empty if ok
    kind: HttpFailure | None = None  # how it failed; None if ok
    location: str = ""  # the target of a redirect that is not followed


async def probe(client: BackendClient, path: str, timeout: float, *, needs_body: bool = False) -> ProbeResult:  # noqa: ASYNC109 -- the client's own limit
    """Sends one request; every outcome is a result, never an exception. Unless the body is needed, only the status counts."""
    try:
        response = await client.get(path, timeout=timeout, head_suffices=not needs_body)
    except HttpFailedError as error:
        return ProbeResult(False, error.status, None, error.message, error.kind, error.location)
    return ProbeResult(True, response.status, response.body, "")


async def probe_port(port: int, path: str, timeout: float) -> ProbeResult:  # noqa: ASYNC109 -- as in probe
    """Like ``probe``, for whatever listens on a port."""
    client = BackendClient(port)
    try:
        return await probe(client, path, timeout)
    finally:
        await client.close()


def next_probe_delay(elapsed: float, interval: float) -> float:
    """Seconds until the next request of a start, ``elapsed`` seconds after the spawn: 2 % of that, from 5 ms up to ``interval``."""
    return min(max(_FIRST_DELAY, elapsed * _SHARE_OF_ELAPSED), max(interval, _FIRST_DELAY))


def next_port_check_delay(elapsed: float) -> float:
    """Seconds until the next port check of a start: 2 % of the time so far, from 1 to 10 ms."""
    return min(max(_FIRST_PORT_CHECK_DELAY, elapsed * _SHARE_OF_ELAPSED), _MAX_PORT_CHECK_DELAY)


def is_metrics(body: Any) -> bool:
    return isinstance(body, str) and body.startswith(("# HELP ", "# TYPE "))


def significant(body: Any, volatile_keys: Collection[str]) -> bytes:
    """The parts of a body whose change counts: all but the ``volatile_keys`` at any depth and the order of keys."""
    try:
        return msgspec.json.encode(_without(body, frozenset(volatile_keys)), order="deterministic")
    except RecursionError:
        return msgspec.json.encode(body)


def _without(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(one, keys) for key, one in value.items() if key not in keys}
    if isinstance(value, list):
        return [_without(one, keys) for one in value]
    return value
