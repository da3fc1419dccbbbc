"""Modules that asyncio and msgspec import and seldom use: on the way to the first answer something else stands for them."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any

# Missing, as the libraries support it. Nothing here speaks TLS; msgspec prefers typing_extensions to typing, which has all that
# we use; uuid asks _uuid for machine-wide ids only.
_MISSING = ("ssl", "typing_extensions", "_uuid")
_LATER = (
    "asyncio.sslproto", "fnmatch", "inspect", "ipaddress", "linecache", "locale", "msgspec.inspect",
    "msgspec.toml", "msgspec.yaml", "tempfile", "textwrap",
)  # fmt: skip


class _Later:
    """Stands for a module until something of it is used."""

    __spec__ = None  # the import system looks at it

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        modules: dict[str, Any] = sys.modules
        if modules.get(self._name) is self:
            del modules[self._name]
        __import__(self._name)
        return getattr(modules[self._name], attribute)


class _Inspect(_Later):
    """Answers what asyncio asks about each signal handler."""

    @staticmethod
    def iscoroutinefunction(function: Any) -> bool:
        """Functions and methods have their code, with inspect.CO_COROUTINE; other callables are no such function."""
        return bool(getattr(getattr(function, "__code__", None), "co_flags", 0) & 0x80)


class deferred:  # noqa: N801 - used as a function
    """In a ``with`` statement around imports. Later imports get the modules themselves, but for ssl, which stays missing."""

    def __enter__(self) -> None:
        modules: dict[str, Any] = sys.modules
        for name in _MISSING:
            modules.setdefault(name, None)
        for name in _LATER:
            modules.setdefault(name, _Inspect(name) if name == "inspect" else _Later(name))

    def __exit__(self, *_: object) -> None:
        modules: dict[str, Any] = sys.modules
        for name in (*_MISSING[1:], *_LATER):
            if isinstance(modules.get(name, ""), _Later | None):
                del modules[name]
