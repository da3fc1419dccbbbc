"""asyncio's event loop, with a clock that stands still while this process cannot run; on Linux with a shortcut to readers' callbacks.

Otherwise a start or stop in progress would time out on waking. For each ready descriptor asyncio makes a selector key, an event,
a handle and a queue entry, which costs a ping a tenth of its time.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if sys.platform == "win32":
    from asyncio import IocpProactor as _Wait
    from asyncio import ProactorEventLoop as _Loop

    from .platform import awake_time
else:
    from asyncio import SelectorEventLoop as _Loop
    from selectors import DefaultSelector as _Wait
    from time import monotonic as awake_time  # without a wrapper of ours: each ping reads it four times

_PUNCTUAL = 2.0  # seconds; if a wait ends later than that, the process was frozen


class _TimedWait(_Wait):
    """Adds up the seconds by which waits overran because SIGSTOP, a debugger, a paused container or Windows' standby froze this process.

    Unlike during a sleep, the system's clock went on.
    """

    frozen = 0.0

    def select(self, timeout: float | None = None) -> Any:
        began = awake_time()
        ready = super().select(timeout)  # type: ignore[arg-type,unused-ignore]  # typeshed lacks float for Windows
        self._count_overrun(began, timeout)
        return ready

    def _count_overrun(self, began: float, timeout: float | None) -> None:
        if timeout is not None and (late := awake_time() - began - timeout) > _PUNCTUAL:
            self.frozen += late


class _EventLoop(_Loop):
    """Its clock leaves out the seconds in which this process was frozen, and on Windows those of the machine's sleep.

    The clocks of Linux and macOS stand still during a sleep, and so do Windows' own waits (WaitForSingleObject, since Windows 8).
    """

    def __init__(self, wait: _TimedWait | None = None) -> None:
        self._wait = wait or _TimedWait()
        super().__init__(self._wait)

    def time(self) -> float:
        return awake_time() - self._wait.frozen


create_event_loop: Callable[[], asyncio.AbstractEventLoop] = _EventLoop

if sys.platform == "linux":
    import os
    import select
    from selectors import SelectorKey
    from typing import TypeVarTuple

    if TYPE_CHECKING:
        from _typeshed import FileDescriptorLike

    _Ts = TypeVarTuple("_Ts")

    class _Shortcut(_TimedWait):
        """Calls a reader itself if nothing else is ready and no callback is queued: the loop would call it next anyway."""

        def __init__(self) -> None:
            super().__init__()
            self.readers: dict[FileDescriptorLike, Callable[..., Any]] = {}  # by descriptor
            self._epoll = select.epoll.fromfd(os.dup(self.fileno()))

        def close(self) -> None:
            self._epoll.close()
            super().close()

        def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
            if timeout is not None and timeout <= 0:  # callbacks are queued
                return _Wait.select(self, timeout)
            began = awake_time()
            ready = self._epoll.poll(timeout, 2)
            self._count_overrun(began, timeout)
            if len(ready) == 1 and ready[0][1] == select.EPOLLIN and (reader := self.readers.get(ready[0][0])):
                try:
                    reader()
                except Exception as error:  # noqa: BLE001 - as asyncio does with the exceptions of its callbacks
                    context = {"message": f"Exception in callback {reader}", "exception": error}
                    asyncio.get_running_loop().call_exception_handler(context)
                return []
            return _Wait.select(self, 0) if ready else []

    class _ShortcutLoop(_EventLoop):
        def __init__(self) -> None:
            self._shortcut = _Shortcut()
            super().__init__(self._shortcut)

        def add_reader(self, fd: FileDescriptorLike, callback: Callable[[*_Ts], Any], *args: *_Ts) -> None:
            super().add_reader(fd, callback, *args)
            self._shortcut.readers[fd] = callback if not args else lambda: callback(*args)

        def remove_reader(self, fd: FileDescriptorLike) -> bool:
            self._shortcut.readers.pop(fd, None)
            return super().remove_reader(fd)

    create_event_loop = _ShortcutLoop
