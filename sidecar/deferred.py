"""Defers modules that asyncio and msgspec import but rarely use, until they are used."""

from __future__ import annotations

import _sre  # type: ignore[import-not-found]  # the C half of re, without type stubs
import sys

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any

# Made to look uninstalled, which the libraries support. Nothing here uses TLS; msgspec prefers typing_extensions to typing, which
# has all that we use; uuid needs _uuid only for machine-wide ids.
_MISSING = ("ssl", "typing_extensions", "_uuid")


class _Later:
    """A placeholder that imports the real module when an attribute is used that is not in ``known``."""

    __spec__ = None  # the import system looks at it

    def __init__(self, name: str, known: dict[str, Any]) -> None:
        self.__dict__.update(known)
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(_real(self._name), attribute)


def _real(name: str) -> Any:
    """Returns the module itself, imported first if a placeholder stands for it."""
    modules: dict[str, Any] = sys.modules
    if isinstance(modules.get(name), _Later):
        del modules[name]
    __import__(name)
    return modules[name]


class _Logger:
    """Replaces asyncio's logger, whose only message in a normal start is the name of the selector."""

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, *_arguments: object) -> None:
        """Drops the message."""

    def __getattr__(self, attribute: str) -> Any:
        import logging

        return getattr(logging.getLogger(self._name), attribute)


def _is_coroutine_function(function: Any) -> bool:
    """Replaces the function that asyncio calls for each signal handler; tests inspect.CO_COROUTINE in its code's flags."""
    return bool(getattr(getattr(function, "__code__", None), "co_flags", 0) & 0x80)


def _extract_stack(*_arguments: object) -> Any:
    """Returns where a task was created: asyncio stores the function during import and calls it only in debug mode."""
    import traceback

    return traceback.extract_stack(sys._getframe(1))  # noqa: SLF001 - as traceback does


def _dataclass(*arguments: Any, **options: Any) -> Any:
    """Leaves two classes of Python 3.14's asyncio.graph, which only debuggers use, plain: dataclasses and inspect take 15 ms."""
    if sys._getframe(1).f_globals["__name__"] == "asyncio.graph":  # noqa: SLF001 - as traceback does
        return lambda kind: kind
    return _real("dataclasses").dataclass(*arguments, **options)


def _later() -> dict[str, _Later]:
    """Returns module name → a placeholder with the attributes that asyncio and msgspec use during import. No message contains a UUID or Decimal."""
    pattern = _sre.compile("", 0, [1], 0, {}, ())  # typing needs its type; 1 is SUCCESS
    known: dict[str, dict[str, Any]] = {
        "asyncio.sslproto": {},
        "asyncio.staggered": {},
        "concurrent.futures": {name: name for name in ("FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED")},
        "dataclasses": {"dataclass": _dataclass},
        "decimal": {"Decimal": type("Decimal", (), {})},
        "fnmatch": {},
        "inspect": {"iscoroutinefunction": _is_coroutine_function},
        "ipaddress": {},
        "linecache": {},
        "locale": {},
        "logging": {"DEBUG": 10, "getLogger": _Logger},
        "msgspec.inspect": {},
        "msgspec.toml": {},
        "msgspec.yaml": {},
        # msgspec calls compile for a type with a pattern; no type that the first answer needs has one
        "re": {
            "Pattern": type(pattern),
            "Match": type(pattern.match("")),
            "compile": lambda *a: _real("re").compile(*a),
        },
        "subprocess": {"PIPE": -1, "STDOUT": -2, "DEVNULL": -3},
        "tempfile": {},
        "textwrap": {},
        "traceback": {"extract_stack": _extract_stack},
        "uuid": {"UUID": type("UUID", (), {}), "SafeUUID": type("SafeUUID", (), {"unknown": None})},
    }
    later = {name: _Later(name, values) for name, values in known.items()}
    later["concurrent"] = _Later("concurrent", {"futures": later["concurrent.futures"]})
    return later


class deferred:  # noqa: N801 - used as a function
    """Context manager around imports. Later imports get the real modules, except ssl, which stays missing."""

    def __enter__(self) -> None:
        modules: dict[str, Any] = sys.modules
        for name in _MISSING:
            modules.setdefault(name, None)
        for name, module in _later().items():
            modules.setdefault(name, module)
        # The C module whose names datetime exports; before 3.12 datetime.py first defines them all in Python.
        modules.setdefault("datetime", __import__("_datetime"))

    def __exit__(self, *_: object) -> None:
        modules: dict[str, Any] = sys.modules
        for name, module in list(modules.items()):
            if isinstance(module, _Later) or (module is None and name in _MISSING[1:]):
                del modules[name]
        if modules.get("datetime") is modules["_datetime"]:
            del modules["datetime"]
