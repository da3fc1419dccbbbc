"""The stack of a dying program, read from its output. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..core.fingerprint import Frame
from .fatal import Fatal

_MAX_TEXT = 16 * 1024  # characters behind the fatal words; a stack overflow prints thousands of frames

_DOTNET = re.compile(r"^[ \t]+at (?P<function>.+?)(?: in .+:line \d+)?[ \t]*$", re.MULTILINE)
_JAVA = re.compile(r"^[ \t]+at (?P<function>[^\s(]+)\(", re.MULTILINE)
_NODE = re.compile(
    r"^ {4}at (?:async |new )*(?:(?P<function>\S.*?) \((?P<file>[^()]+)\)|(?P<place>\S.*?))(?: \{)?\s*$", re.MULTILINE
)
_PYTHON = re.compile(r'^ +File "(?P<file>[^"]+)", line \d+, in (?P<function>.+)$', re.MULTILINE)
_RUBY = re.compile(
    r"^[ \t]*(?:from )?(?P<file>(?>\S.*?(?=:\d+:in [`']))):\d+:in [`'](?:[\w:]+[#.])?(?P<function>.+?)'", re.MULTILINE
)
_GO = re.compile(r"^(?!goroutine |created by )(?P<function>\S.*\))\n\t", re.MULTILINE)
_RUST = re.compile(r"^ *\d+: (?:0x[0-9a-f]+ - )?(?P<function>\S.*)$", re.MULTILINE)
# What sanitizers and gdb, backtrace_symbols (glibc), Node, the JVM and CPython's faulthandler print about native code.
_NATIVE = re.compile(
    r"""
      ^[ \t]*\#\d+:?\s+0x[0-9a-f]+\s+(?:in\s+)?(?:(?P<function>[\w~:<>$.,\ *&]+?)(?:\s*\(|\s+/|\s+at\s|\+0x|$)|.*?\((?P<file>[^)+]+))
    | ^(?P<file2>[^(\n]+)\((?P<function2>[\w.]*)(?:\+0x[0-9a-f]+)?\)\s?\[0x[0-9a-f]+\]
    | ^[ \t]*\d+:\ 0x[0-9a-f]+\ (?P<function3>.+?)?\ ?\[(?P<file3>[^\]]+)\]
    | ^\#\ [CVJj]\s+\[(?P<file4>[^\]+]+)\+0x[0-9a-f]+\](?:\s+(?P<function4>[\w:~]+))?
    | ^\ \ File\ "(?P<file5>[^"]+)",\ line\ \d+\ in\ (?P<function5>.+)$
    """,
    re.MULTILINE | re.VERBOSE,
)


def read_frames(fatal: Fatal | None, output: str) -> list[Frame]:
    """The printed frames of its end, innermost first; without ``fatal`` those of native code at the end of ``output``."""
    if fatal is not None and fatal.kind in _READERS:
        return _READERS[fatal.kind](fatal)
    current = max(output.rfind("\nCurrent thread 0x"), 0)  # faulthandler: of all threads, the one that failed
    frames: list[Frame] = []
    before = None
    for match in _NATIVE.finditer(output, max(current, len(output) - _MAX_TEXT)):
        if before is not None and "\n\n" in output[before : match.start()]:
            break  # another stack: where the memory was freed, another thread
        before = match.end()
        found = {name.rstrip("0123456789"): text.strip() for name, text in match.groupdict().items() if text}
        function, file = found.get("function", ""), found.get("file", "")
        # A program says which function it is, a stripped one only its file; a script both.
        frames.append(Frame(function, file if not function or match["file5"] else ""))
    return frames


def _reader(pattern: re.Pattern[str]) -> Callable[[Fatal], list[Frame]]:
    def read(fatal: Fatal) -> list[Frame]:
        found = [match.groupdict() for match in pattern.finditer(fatal.text[:_MAX_TEXT])]
        return [Frame(one.get("function") or "", one.get("file") or one.get("place") or "") for one in found]

    return read


def _python(fatal: Fatal) -> list[Frame]:
    """The innermost is the last, so the end of the text counts."""
    found = [Frame(one["function"], one["file"]) for one in _PYTHON.finditer(fatal.text[-_MAX_TEXT:])]
    return found[::-1]


def _go(fatal: Fatal) -> list[Frame]:
    """Of the first goroutine, which is the one that failed."""
    stack = fatal.text[:_MAX_TEXT].partition("\ngoroutine ")[2].partition("\n\n")[0]
    return [Frame(one["function"]) for one in _GO.finditer(stack)]


def _rust(fatal: Fatal) -> list[Frame]:
    """Without RUST_BACKTRACE only the place of the panic is known."""
    return _reader(_RUST)(fatal) or [Frame("", fatal.frame)]


_READERS: dict[str, Callable[[Fatal], list[Frame]]] = {
    **dict.fromkeys(("dotnet", "failfast", "overflow"), _reader(_DOTNET)),
    "java": _reader(_JAVA),
    "node": _reader(_NODE),
    "ruby": _reader(_RUBY),
    "python": _python,
    "go": _go,
    "rust": _rust,
}
