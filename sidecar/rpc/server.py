"""Serves one client over two descriptors: wires reader, router, outbox and writer."""

from collections.abc import Callable
from typing import Any, Literal

from ..errors import FrameError, SidecarError
from ..log import log
from ..process.platform.descriptors import FILE, is_broken
from ..wire.channels import EVENTS
from ..wire.codec import encode_error, encode_event
from ..wire.framing import FrameBuffer
from ..wire.messages import EventMessage
from .outbox import Outbox
from .router import Handlers, Router
from .stdio.reader import Reader
from .stdio.writer import Writer

End = Literal["owner_lost", "input_done", "framing"]

MAX_UNSENT = 32 * 1024 * 1024  # unsent bytes above which no more requests are read; as on the protocol page
RESUME_UNSENT = MAX_UNSENT // 2
CONGESTED = 64 * 1024  # unsent bytes above which events are held or dropped: what a Linux pipe holds
GRACE = 0.1  # seconds at the end for answers that are nearly ready, such as those to a stop


class Server:
    """Serves one client; everything runs on the loop's thread, and what arrives before ``serve`` waits in the pipe.

    The descriptors are private: pipes, sockets, regular files, terminals or null devices. ``report`` logs a sentence about them;
    ``max_frame`` and ``max_in_flight``: as hello has them; ``outbox``: the notifications, and who subscribed to them.
    """

    def __init__(
        self, stdin_fd: int, stdout_fd: int, *, max_frame: int, max_in_flight: int, report: Callable[[str], None]
    ) -> None:
        self._stdout_fd = stdout_fd
        self._max_frame = max_frame
        self._max_in_flight = max_in_flight
        self._report = report
        self._on_end: Callable[[End], None] | None = None
        self._ends: set[End] = set()
        self._input_ended = False
        self._frames = FrameBuffer(max_frame)
        # Few and important: they are sent before the rest of the loop's turn runs, such as a crash report.
        self._urgent = frozenset(name for name, event in EVENTS.items() if event.overflow == "keep")
        self.outbox = Outbox(EVENTS, self._send_event, lambda: self._writer.unsent > CONGESTED)
        self._writer = Writer(stdout_fd, self._progress, self._broken)
        self._reader = Reader(stdin_fd, self._frames, self._serve, self._stdin_ended)
        self._router: Router | None = None

    def serve(self, handlers: Handlers, on_end: Callable[[End], None]) -> None:
        """Starts to serve requests; ``handlers`` is by channel. KeyError: a handler's name is not a channel.

        ``on_end`` is called at most once with each kind of end: ``owner_lost`` (end of a stdin that is not a file, or a broken
        stdout, which may also follow another end), ``input_done`` (all requests of a file are answered), ``framing`` (the stream
        can no longer be parsed; the client was sent the error).
        """
        self._on_end = on_end
        send, defect = self._writer.send, log.defect
        self._router = Router(handlers, send, self._max_frame, self._max_in_flight, defect, self._idle)
        self._reader.resume()
        for end in self._ends:
            on_end(end)

    def notify(self, channel: str, payload: Any) -> None:
        """Sends an event, if the client wants it. KeyError: no event has that name."""
        self.outbox.push(channel, payload)

    def refuse_new(self) -> None:
        if self._router is not None:
            self._router.refuse_new()

    @property
    def client_gone(self) -> bool:
        """Whether nobody reads the answers any more."""
        return is_broken(self._stdout_fd) or self._writer.broken is not None

    @property
    def stdin_ended(self) -> bool:
        """Whether the client has closed its side of stdin, even if stdin is no longer read."""
        return self._reader.other_side_gone

    async def has_room(self) -> None:
        """Waits until the client has read enough to leave room for a large answer."""
        await self._writer.drained(to=RESUME_UNSENT)

    def send_error(self, error: SidecarError) -> None:
        self._writer.send(encode_error(None, error, self._max_frame))

    async def finish(self, timeout: float = 1.0) -> None:  # noqa: ASYNC109 - unsent data gets at most this, then it is discarded
        """Answers what is in flight, flushes, and leaves the descriptors as they were found."""
        if self._router is not None:
            await self._router.finish(0 if self.client_gone else GRACE, timeout)
        self.outbox.drain()
        await self._writer.drained(timeout)
        self._reader.stop()
        self._writer.close()

    def _serve(self) -> None:
        writer, reader, router = self._writer, self._reader, self._router
        assert router is not None
        dispatch = router.dispatch
        sink = writer.sink
        writer.batching = True
        try:
            for body in self._frames:
                dispatch(body)
                if sink.unsent > MAX_UNSENT:
                    reader.pause()
                    break
        except FrameError as error:
            reader.stop()
            self.send_error(error)
            self._report_end("framing")
        finally:
            writer.batching = False
            writer.flush()

    def _progress(self) -> None:
        """The client has read something: sends held events, and reads on if there is room again."""
        writer, reader = self._writer, self._reader
        if self.outbox.holding:
            self.outbox.drain()
        if self._router is not None and reader.paused and not reader.ended and writer.unsent <= RESUME_UNSENT:
            self._serve()
            if writer.unsent <= MAX_UNSENT:
                reader.resume()

    def _stdin_ended(self) -> None:
        if self._frames.pending:
            self._report(f"stdin ended in the middle of a frame, after {self._frames.pending} bytes of it")
        self._input_ended = True
        if self._reader.kind != FILE:
            self._report_end("owner_lost")
        elif self._router is not None and not self._router.in_flight:
            self._report_end("input_done")

    def _idle(self) -> None:
        if self._input_ended and self._reader.kind == FILE:
            self._report_end("input_done")

    def _broken(self, error: OSError) -> None:
        self._report(f"stdout can no longer be written to: {error.strerror}")
        self._report_end("owner_lost")

    def _report_end(self, end: End) -> None:
        if end not in self._ends:
            self._ends.add(end)
            if self._on_end is not None:
                self._on_end(end)

    def _send_event(self, event: EventMessage) -> bool:
        try:
            body = encode_event(event, self._max_frame)
        except SidecarError as error:
            self._report(error.message)
            return False
        self._writer.send(body)
        if event.channel in self._urgent:
            self._writer.flush()
        return True
