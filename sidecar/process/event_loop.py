"""asyncio's event loop; on Linux with a shorter way from epoll to the callback of a reader, on Windows with a clock that sleeps too.

asyncio makes a selector's key, an event, a handle and a queue's turn of each ready descriptor, which costs a ping a tenth of its time.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

if sys.platform == "linux":
    import os
    import select
    from selectors import EpollSelector, SelectorKey
    from typing import TYPE_CHECKING, Any, TypeVarTuple

    if TYPE_CHECKING:
        from _typeshed import FileDescriptorLike

    _Ts = TypeVarTuple("_Ts")

    class _Selector(EpollSelector):
        """Calls a reader itself if nothing else is ready and no callback is queued: then the loop would call it next, too."""

        def __init__(self) -> None:
            super().__init__()
            self.readers: dict[FileDescriptorLike, Callable[..., Any]] = {}  # by descriptor
            self._epoll = select.epoll.fromfd(os.dup(self.fileno()))

        def close(self) -> None:
            self._epoll.close()
            super().close()

        def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
            if timeout is not None and timeout <= 0:  # callbacks are queued
                return super().select(timeout)
            ready = self._epoll.poll(timeout, 2)
            if len(ready) == 1 and ready[0][1] == select.EPOLLIN and (reader := self.readers.get(ready[0][0])):
                try:
                    reader()
                except Exception as error:  # noqa: BLE001 - as asyncio does with the exceptions of its callbacks
                    context = {"message": f"Exception in callback {reader}", "exception": error}
                    asyncio.get_running_loop().call_exception_handler(context)
                return []
            return super().select(0) if ready else []

    class _EventLoop(asyncio.SelectorEventLoop):
        def __init__(self) -> None:
            self._shortcut = _Selector()
            super().__init__(self._shortcut)

        def add_reader(self, fd: FileDescriptorLike, callback: Callable[[*_Ts], Any], *args: *_Ts) -> None:
            super().add_reader(fd, callback, *args)
            self._shortcut.readers[fd] = callback if not args else lambda: callback(*args)

        def remove_reader(self, fd: FileDescriptorLike) -> bool:
            self._shortcut.readers.pop(fd, None)
            return super().remove_reader(fd)

    create_event_loop: Callable[[], asyncio.AbstractEventLoop] = _EventLoop
elif sys.platform == "win32":
    from .windows.win32 import awake_time

    class _EventLoop(asyncio.ProactorEventLoop):
        """Python's clock goes on while Windows sleeps, so a stop or a start that was in progress would be out of time on waking.

        The clocks of Linux and macOS stand still, and so do the waits of Windows itself (WaitForSingleObject, since 8).
        """

        def time(self) -> float:
            return awake_time()

    create_event_loop = _EventLoop
else:
    create_event_loop = asyncio.new_event_loop
