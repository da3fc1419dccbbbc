"""Turns each request frame into exactly one answer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Raw, Struct

from .. import errors
from ..errors import SidecarError
from ..wire.channels import CHANNELS, Channel
from ..wire.codec import BadMessageError, Request, args_reader, encode_error, encode_response, read_message
from ..wire.messages import Cancel
from .outbox import hint_for_name

Handlers = Mapping[str, Callable[..., Any]]

ANSWERED_TO_THE_END = frozenset({"backend:status", "sidecar:ping"})  # even while shutting down


class _Route:
    """A channel with its handler; its argument decoders are made when it is first called."""

    __slots__ = ("channel", "handler", "name", "prefix", "read_args")

    def __init__(self, name: str, channel: Channel, handler: Callable[..., Any]) -> None:
        self.name = name
        self.channel = channel
        self.handler = handler
        self.prefix = f"{channel.failure}: " if channel.failure else ""
        self.read_args: Callable[[Raw], Sequence[Any]] = self._read_first_args

    def _read_first_args(self, raw: Raw) -> Sequence[Any]:
        self.read_args = args_reader(self.channel)
        return self.read_args(raw)


class Router(Struct, eq=False):
    """Dispatches messages; answers each request exactly once.

    A handler is called with the decoded arguments (a legacy one with none). A plain result is answered at once. A
    coroutine becomes a task, which a cancel, or the shutdown, cancels. A future (or task) belongs to another owner: the
    router only waits for it, and a cancel ends only the wait.

    ``send`` takes the body of an answer, of at most ``max_frame`` bytes; ``defect`` logs what was being done, and an
    unexpected error; ``on_idle`` is called whenever the last request in flight has been answered. KeyError: a handler's
    name is not a channel.
    """

    handlers: Handlers
    send: Callable[[bytes], None]
    max_frame: int
    max_in_flight: int
    defect: Callable[[str, BaseException], None]
    on_idle: Callable[[], None]
    _routes: dict[str, _Route] = {}
    _in_flight: dict[int, tuple[asyncio.Future[Any], _Route]] = {}
    _tasks: set[asyncio.Future[Any]] = set()
    _refusing: bool = False

    def __post_init__(self) -> None:
        self._routes = {name: _Route(name, CHANNELS[name], handler) for name, handler in self.handlers.items()}

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    def dispatch(self, body: memoryview | bytes) -> None:
        """Handles one frame; the body is not needed afterwards."""
        try:
            message = read_message(body)
        except BadMessageError as error:
            self.send_error(error.request_id, error)
            return
        if isinstance(message, Cancel):
            self._cancel(message.id)
            return
        route = self._routes.get(message.channel)
        waiting = self._in_flight
        try:
            if route is None or self._refusing or len(waiting) >= self.max_in_flight or message.id in waiting:
                refusal = self._refusal(message, route)
                if refusal is not None or route is None:
                    self.send_error(message.id, refusal or errors.InternalError("no route"), route)
                    return
            result = route.handler(*route.read_args(message.args))
        except SidecarError as error:
            self.send_error(message.id, error, route)
        except Exception as error:  # noqa: BLE001 - whatever is raised, by an import too, must become an answer
            self._defect(message.id, route, error)
        else:
            if hasattr(result, "__await__"):
                self._wait(message.id, route, result)
            else:
                self._answer(message.id, route, result)

    def refuse_new(self) -> None:
        """Refuses all new requests except status and ping."""
        self._refusing = True

    async def finish(self, grace: float, timeout: float) -> None:  # noqa: ASYNC109 - the caller wants no exception, only an end
        """Answers everything in flight, after ``grace`` seconds with SHUTTING_DOWN; tasks then have ``timeout`` seconds to end."""
        self.refuse_new()
        futures = [future for future, _ in self._in_flight.values()]
        if futures:
            await asyncio.wait(futures, timeout=grace)
        waiting, self._in_flight = self._in_flight, {}
        for request_id, (future, route) in waiting.items():
            self.send_error(request_id, errors.ShuttingDownError("The sidecar is shutting down"), route)
            self._give_up(future)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout)

    def send_error(self, request_id: int | None, error: SidecarError, route: _Route | None = None) -> None:
        """Answers with an error, in the words that existing renderers know."""
        self.send(encode_error(request_id, error, self.max_frame, route.prefix if route else ""))

    def _refusal(self, message: Request, route: _Route | None) -> SidecarError | None:
        if message.id in self._in_flight:
            return errors.DuplicateIdError(f"A request with the id {message.id} is already in flight")
        name = message.channel
        if route is None:
            if name in CHANNELS:
                return errors.UnsupportedError(f"The channel {name} is not available here")
            hint = hint_for_name(name, CHANNELS, "channels")
            return errors.UnknownChannelError(f"No channel named {name[:80]!r}", hint=hint)
        if self._refusing and name not in ANSWERED_TO_THE_END:
            return errors.ShuttingDownError("The sidecar is shutting down")
        if len(self._in_flight) >= self.max_in_flight:
            return errors.TooManyRequestsError(f"{len(self._in_flight)} requests are already in flight")
        return None

    def _wait(self, request_id: int, route: _Route, result: Any) -> None:
        future: asyncio.Future[Any] = asyncio.ensure_future(result)
        if future is not result:
            self._tasks.add(future)
            future.add_done_callback(self._tasks.discard)
        self._in_flight[request_id] = future, route
        future.add_done_callback(partial(self._finished, request_id, route))

    def _finished(self, request_id: int, route: _Route, future: asyncio.Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        entry = self._in_flight.get(request_id)
        if entry is None or entry[0] is not future:  # already answered, with CANCELLED or SHUTTING_DOWN
            if error is not None and not isinstance(error, SidecarError):
                self.defect(route.name, error)
            return
        del self._in_flight[request_id]
        if future.cancelled():
            self.send_error(request_id, errors.CancelledRequestError("The request was cancelled"), route)
        elif isinstance(error, SidecarError):
            self.send_error(request_id, error, route)
        elif error is not None:
            self._defect(request_id, route, error)
        else:
            self._answer(request_id, route, future.result())
        if not self._in_flight:
            self.on_idle()

    def _cancel(self, request_id: int) -> None:
        entry = self._in_flight.pop(request_id, None)
        if entry is None:
            return
        future, route = entry
        self.send_error(request_id, errors.CancelledRequestError("The request was cancelled"), route)
        self._give_up(future)
        if not self._in_flight:
            self.on_idle()

    def _give_up(self, future: asyncio.Future[Any]) -> None:
        if future in self._tasks:
            future.cancel()

    def _answer(self, request_id: int, route: _Route, result: Any) -> None:
        try:
            body = encode_response(request_id, result, self.max_frame)
        except errors.InternalError as error:
            self._defect(request_id, route, error)
        except SidecarError as error:
            self.send_error(request_id, error, route)
        else:
            self.send(body)

    def _defect(self, request_id: int, route: _Route | None, error: BaseException) -> None:
        name = route.name if route is not None else "a refusal"
        self.defect(name, error)
        message = f"The sidecar failed at {name} ({type(error).__name__})"
        if isinstance(error, errors.InternalError):
            message = error.message
        hint = "This is a bug in the sidecar; its log has the details."
        if errors.is_exhausted(error):
            hint = errors.LIMIT_REMEDY
        elif isinstance(error, ImportError):
            hint = "A file of the sidecar is missing, as after an update or removal of the app: restart the app, or reinstall it."
        self.send_error(request_id, errors.InternalError(message, hint=hint), route)
