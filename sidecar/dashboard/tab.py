"""One tab: a WebSocket whose text frames contain the protocol's messages as JSON."""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from .. import errors
from ..console.client import RemoteError, SidecarLostError
from ..rpc.outbox import Outbox
from ..wire.channels import EVENTS
from ..wire.messages import Cancel, ErrorBody, ErrorMessage, EventMessage, Hello, Id, Response, Wire

MAX_REQUEST = 64 * 1024  # bytes; the page's requests take about a hundred
MAX_IN_FLIGHT = 64
CONGESTED = 500  # waiting messages; above this, the overflow policy of each event's channel applies
MAX_UNSENT = 16 * 1024 * 1024  # bytes; a tab with more unread is disconnected, and reconnects when it runs again
COALESCE = 0.03  # seconds between two frames: a flood takes few large ones, and the delay is invisible
LOST = "SIDECAR_EXITED"

# Least privilege: only what the page uses. Omitted on purpose: sidecar:shutdown (the command that started the sidecar
# ends it, with its own limits), sidecar:power (a browser is not notified of a suspend), sidecar:info (it has the
# settings), backend:createFirewallRule (requests administrator rights).
FORWARDED = frozenset(
    {
        "backend:start",
        "backend:stop",
        "backend:restart",
        "backend:status",
        "backend:ping",
        "backend:providerStatus",
        "backend:logs",
        "backend:resources",
        "backend:crashReports",
        "backend:crashReport",
        "backend:diagnose",
        "runtime:getBootstrap",
    }
)

# Handled separately for each tab: another tab may still want what one unsubscribes from.
SUBSCRIBE = "sidecar:subscribe"
UNSUBSCRIBE = "sidecar:unsubscribe"
SERVED = FORWARDED | {SUBSCRIBE, UNSUBSCRIBE}


class TabRequest(Wire, frozen=True, tag_field="type", tag="request"):
    """A call, with its arguments as in JSON."""

    id: Id
    channel: str
    args: tuple[Any, ...] = ()


_read = msgspec.json.Decoder(TabRequest | Cancel).decode
_encode = msgspec.json.Encoder().encode
# DEL, C1 and bidirectional controls, which would reorder a row of the page; C0 is escaped in JSON.
_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Tab:
    """The conversation with one page: its requests, its subscriptions, and what it has not read yet.

    A frame contains one or more messages as JSON, one per line, bytes as base64. ``call`` forwards a request to the sidecar;
    ``drop`` ends the connection when too much is unread; ``outbox`` takes events, and sends them if this tab wants them and keeps up.
    """

    def __init__(self, call: Callable[[str, Sequence[Any]], Awaitable[Any]], drop: Callable[[], None]) -> None:
        self._call = call
        self._drop = drop
        self._unsent: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._requests: dict[int, asyncio.Task[None]] = {}
        self.outbox = self._new_outbox()

    def greet(self, hello: Hello, history: Iterable[tuple[str, Any]]) -> None:
        """Announces a sidecar: sends its hello, reduced to what a page may use, and the events before the tab opened."""
        self.outbox = self._new_outbox()
        channels = [name for name in hello.channels if name in SERVED]
        self._put(msgspec.structs.replace(hello, channels=channels, max_in_flight=MAX_IN_FLIGHT))
        for channel, payload in history:
            self.outbox.push(channel, payload)

    def lost(self, error: ErrorBody) -> None:
        self._put(ErrorMessage(None, error))

    def take(self, text: str) -> None:
        try:
            message = _read(text)
        except (msgspec.MsgspecError, RecursionError) as error:
            self._fail(None, errors.InvalidMessageError(f"Neither a request nor a cancel: {error}"))
            return
        try:
            if isinstance(message, Cancel):
                self._cancel(message.id)
            else:
                self._serve(message)
        except errors.SidecarError as error:
            self._fail(message.id, error)

    async def next_frame(self) -> str:
        while not self._unsent:
            self._wake.clear()
            await self._wake.wait()
        frame = _STEERING.sub("\ufffd", b"\n".join(self._unsent).decode())
        self._unsent.clear()
        self._bytes = 0
        self.outbox.drain()
        return frame

    def close(self) -> None:
        for task in self._requests.values():
            task.cancel()
        self._requests.clear()

    def _serve(self, request: TabRequest) -> None:
        if request.id in self._requests:
            raise errors.DuplicateIdError(f"A request with the id {request.id} is already in flight")
        if request.channel not in SERVED:
            raise errors.UnsupportedError(f"{request.channel[:80]} is not available to a dashboard")
        if request.channel not in FORWARDED:
            self._subscribe(request)
            return
        if len(self._requests) >= MAX_IN_FLIGHT:
            raise errors.TooManyRequestsError(f"{MAX_IN_FLIGHT} requests of this tab are already in flight")
        self._requests[request.id] = asyncio.get_running_loop().create_task(self._forward(request))

    def _subscribe(self, request: TabRequest) -> None:
        try:
            (names,) = msgspec.convert(request.args, tuple[list[str]])
        except msgspec.ValidationError as error:
            raise errors.InvalidArgsError(f"Takes one array of names: {error}") from None
        change = self.outbox.subscribe if request.channel == SUBSCRIBE else self.outbox.unsubscribe
        self._put(Response(request.id, {"subscribed": change(names)}))

    async def _forward(self, request: TabRequest) -> None:
        answer: Response | ErrorMessage
        try:
            answer = Response(request.id, await self._call(request.channel, request.args))
        except errors.SidecarError as error:
            answer = ErrorMessage(request.id, as_body(error))
        self._requests.pop(request.id, None)
        self._put(answer)

    def _cancel(self, number: int) -> None:
        if task := self._requests.pop(number, None):
            task.cancel()
            raise errors.CancelledRequestError("The request was cancelled")

    def _fail(self, number: int | None, error: errors.SidecarError) -> None:
        self._put(ErrorMessage(number, as_body(error)))

    def _new_outbox(self) -> Outbox:
        return Outbox(EVENTS, self._put, lambda: len(self._unsent) >= CONGESTED)

    def _put(self, message: Hello | Response | ErrorMessage | EventMessage) -> bool:
        try:
            body = _encode(message)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
            number = getattr(message, "id", None)
            body = _encode(ErrorMessage(number, as_body(errors.InternalError(f"The answer is not JSON: {error}"))))
        self._unsent.append(body)
        self._bytes += len(body)
        self._wake.set()
        if self._bytes > MAX_UNSENT:
            self._drop()
        return True


def as_body(error: errors.SidecarError) -> ErrorBody:
    """Returns the error in the protocol's form; a lost sidecar has the npm package's code."""
    if isinstance(error, RemoteError):
        return error.error
    code = LOST if isinstance(error, SidecarLostError) else error.code
    return ErrorBody(code, error.message, error.hint, error.data or UNSET)
