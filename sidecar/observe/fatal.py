"""Finds the last words of a dying program in its output: the unhandled exception, panic or traceback. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

MAX_MESSAGE = 300  # characters

# One alternative a runtime; the last one that matches is the death, earlier ones were survived.
_MARKER = re.compile(
    r"""
      ^Unhandled\ [Ee]xception[.:]\ +(?P<dotnet>\S+(?:\ \(\w+\))??)(?:\ \(\w+\))?(?::\ |$)
    | ^(?P<failfast>Process\ terminated\.)
    | ^(?P<overflow>Stack\ overflow\.)
    | ^(?P<python>Traceback\ \(most\ recent\ call\ last\):)
    | ^Exception\ in\ thread\ "[^"]*"\ (?P<java>[\w.$]+)
    | ^(?P<go>panic:|fatal\ error:)\ .*(?=\n(?:.*\n){0,8}goroutine\ )
    | ^thread\ '[^']*'(?:\ \(\d+\))?\ panicked\ at\ (?P<rust>.*)$
    | ^terminate\ called\ after\ throwing\ an\ instance\ of\ '(?P<cpp>[^']+)'
    | ^(?P<ruby>(?>\S.*?:\d+:in\ [`'])(?>.+?':\ ).*\ \([A-Z]\w*(?:::\w+)*\))$
    | ^(?:Uncaught\ )?(?P<node>[A-Z]\w*Error|Error(?=.*\n(?:.*\n){0,80}?Node\.js\ v\d))(?:\ \[\w+\])?(?::\ .*)?(?=\n(?:(?!\ {4}at\ ).*\n){0,8}\ {4}at\ )
    """,
    re.MULTILINE | re.VERBOSE,
)
_GUTTER = re.compile(r"^ +[|+] ", re.MULTILINE)  # CPython indents the parts of an exception group so
_FRAME = re.compile(r"^\s+at (.+?)(?: \{)?\s*$", re.MULTILINE)  # Node lists an error's properties behind a brace
_PYTHON_FRAME = re.compile(r'^  File "(?!<frozen )([^"]+)", line (\d+), in (.+)$', re.MULTILINE)
_PYTHON_END = re.compile(r"^([A-Za-z_][\w.]*)(?:: (.*))?$", re.MULTILINE)
_GO_FRAME = re.compile(r"^goroutine .*\n(.+)$", re.MULTILINE)
_NODE_PLACE = re.compile(r"^(\S.*:\d+)\n(?:.*\n){1,6}?\n\Z", re.MULTILINE)
_RUNTIME_FRAMES = ("System.", "Microsoft.", "java.", "javax.", "jdk.", "node:", "Object.<anonymous> (node:")


class Fatal(NamedTuple):
    """The death of a program in its own words; all but ``kind`` and ``text`` may be empty."""

    kind: str  # name of the marker's group
    type: str
    message: str  # one line, at most MAX_MESSAGE characters
    frame: str  # the innermost that is not the runtime's
    text: str  # all from these words on


def find(output: str) -> Fatal | None:
    """The last fatal error in ``output``, or None."""
    if "Exception Group Traceback" in output:
        output = _GUTTER.sub("", output)
    last = max(_MARKER.finditer(output), key=re.Match.start, default=None)
    if last is None or last.lastgroup is None:
        return None
    kind, after = last.lastgroup, output[last.end() :]
    name, message, frame = _READERS.get(kind, _dotnet)(last, after)
    return Fatal(kind, name, _message(message), frame, output[last.start() :])


_Words = tuple[str, str, str]  # type, message, frame


def _dotnet(last: re.Match[str], after: str) -> _Words:
    return last["dotnet"] or last["java"] or "", after.removeprefix(": "), _frame(after)


def _node(last: re.Match[str], after: str) -> _Words:
    frame = _frame(after)
    if last["node"] == "SyntaxError" and (place := _NODE_PLACE.search(last.string, 0, last.start())):
        frame = place[1]  # its frames are those of the loader
    return last["node"], last[0].partition(": ")[2], frame


def _cpp(last: re.Match[str], after: str) -> _Words:
    what = re.match(r"\s+what\(\):\s*(.*)", after)
    return last["cpp"], what[1] if what else "", ""


def _rust(last: re.Match[str], after: str) -> _Words:
    return "", after.partition("\nnote: ")[0], last["rust"].rstrip(":")


def _ruby(last: re.Match[str], _: str) -> _Words:
    place, _, words = last["ruby"].partition("': ")
    message, _, name = words.rpartition(" (")
    return name.rstrip(")"), message, place.replace(":in `", " in ").replace(":in '", " in ")


def _go(last: re.Match[str], after: str) -> _Words:
    frame = _GO_FRAME.search(after)
    return "", last[0].partition(": ")[2], frame[1].strip() if frame else ""


def _python(_: re.Match[str], after: str) -> _Words:
    frames = _PYTHON_FRAME.findall(after)
    end = _PYTHON_END.search(after, max(0, after.rfind('  File "')))
    name, message = (end[1], end[2] or "") if end else ("", "")
    return name, message, "{}:{} in {}".format(*frames[-1]) if frames else ""


_READERS: dict[str, Callable[[re.Match[str], str], _Words]] = {
    "node": _node,
    "cpp": _cpp,
    "rust": _rust,
    "go": _go,
    "ruby": _ruby,
    "python": _python,
}


def _message(text: str) -> str:
    """What stands before the first frame, inner exceptions included, in one line."""
    message = re.split(r"^\s+(?:at |--- )|^-{10,}", text, maxsplit=1, flags=re.MULTILINE)[0]
    message = " ".join(message.replace(" ---> ", " ← ").split())
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def _frame(text: str) -> str:
    frames = _FRAME.findall(text)
    return next((frame for frame in frames if not frame.startswith(_RUNTIME_FRAMES)), frames[0] if frames else "")
