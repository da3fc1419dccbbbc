"""Finds the last words of a failing program in its output: the unhandled exception, panic or traceback, and its stack. Pure."""

import re
from collections.abc import Callable
from typing import NamedTuple

from ..core.fingerprint import Frame

MAX_MESSAGE = 300  # characters
_MAX_TEXT = 16 * 1024  # characters after the fatal words; a stack overflow prints thousands of frames

# One alternative per runtime; the last match is the fatal error, because the program survived the earlier ones.
_MARKER = re.compile(
    r"""
      ^Unhandled\ [Ee]xception[.:]\ +(?P<dotnet>\S+(?:\ \(\w+\))??)(?:\ \(\w+\))?(?::\ |$)
    | ^(?P<failfast>Process\ terminated\.)
    | ^(?P<overflow>Stack\ overflow\.)
    | ^(?:.{0,60}\b(?:ERROR|CRITICAL|FATAL)\b.{0,60})?(?P<python>Traceback\ \(most\ recent\ call\ last\):)
    | ^Exception\ in\ thread\ "[^"]*"\ (?P<java>[\w.$]+)
    | ^(?P<go>panic:|fatal\ error:)\ .*(?=\n(?:.*\n){0,8}goroutine\ )
    | ^thread\ '[^']*'(?:\ \(\d+\))?\ panicked\ at\ (?P<rust>.*)$
    | ^terminate\ called\ after\ throwing\ an\ instance\ of\ '(?P<cpp>[^']+)'
    | ^(?P<ruby>(?>\S.*?:\d+:in\ [`'])(?>.+?':\ ).*\ \([A-Z]\w*(?:::\w+)*\))$
    | ^(?:Uncaught\ |<ref\ \*\d+>\ )?(?P<node>[A-Z]\w*Error|Error(?=.*\n(?:.*\n){0,80}?Node\.js\ v\d))(?:\ \[\w+\])?(?::\ .*)?
      (?=\n(?:(?!\ {4}at\ ).*\n){0,8}(?:\ {4}at\ |(?:(?!\ {4}at\ ).*\n){1,80}?\ {4}at\ (?:.*\n){1,80}?Node\.js\ v\d))
    """,
    re.MULTILINE | re.VERBOSE,
)
_GUTTER = re.compile(r"^ +[|+] ", re.MULTILINE)  # how CPython indents the parts of an exception group
_FRAME = re.compile(r"^[ \t]+at (.+)$", re.MULTILINE)
_PYTHON_FRAME = re.compile(r'^  File "(?!<frozen )([^"]+)", line (\d+), in (.+)$', re.MULTILINE)
_PYTHON_END = re.compile(r"^([A-Za-z_][\w.]*)(?:: (.*))?$", re.MULTILINE)
_GO_FRAME = re.compile(r"^goroutine .*\n(.+)$", re.MULTILINE)
_NODE_PLACE = re.compile(r"^(\S.*:\d+)\n(?:.*\n){1,6}?(?: *\^+)?\n\Z", re.MULTILINE)
# Patterns of stack lines; compiled at first use, because only a crash report needs them.
_DOTNET_STACK = r"(?m)^[ \t]+at (?P<function>.+?)(?: in .+:line \d+)?[ \t]*$"
_JAVA_STACK = r"(?m)^[ \t]+at (?P<function>[^\s(]+)\("
_LOGGED_STACK = r"(?m)^[ \t]+at (?P<function>[^(\n]+?)(?:\(.*| in .+:line \d+)?[ \t]*$"
_NODE_STACK = r"(?m)^ {4}at (?:async |new )*(?:(?P<function>\S.*?) \((?P<file>[^()]+)\)|(?P<place>\S.*?))(?: \{)?\s*$"
_PYTHON_STACK = r'(?m)^ +File "(?P<file>[^"]+)", line \d+, in (?P<function>.+)$'
_RUBY_STACK = r"(?m)^[ \t]*(?:from )?(?P<file>(?>\S.*?(?=:\d+:in [`']))):\d+:in [`'](?:[\w:]+[#.])?(?P<function>.+?)'"
_GO_STACK = r"(?m)^(?!goroutine |created by )(?P<function>\S.*\))\n\t"
_RUST_STACK = r"(?m)^ *\d+: (?:0x[0-9a-f]+ - )?(?P<function>\S.*)$"
# What sanitizers and gdb, backtrace_symbols (glibc), Node, the JVM and CPython's faulthandler print about native code.
_NATIVE = r"""(?mx)
      ^[ \t]*\#\d+:?\s+0x[0-9a-f]+\s+(?:in\s+)?(?:(?P<function>[\w~:<>$.,\ *&]+?)(?:\s*\(|\s+/|\s+at\s|\+0x|$)|.*?\((?P<file>[^)+]+))
    | ^(?P<file2>[^(\n]+)\((?P<function2>[\w.]*)(?:\+0x[0-9a-f]+)?\)\s?\[0x[0-9a-f]+\]
    | ^[ \t]*\d+:\ 0x[0-9a-f]+\ (?P<function3>.+?)?\ ?\[(?P<file3>[^\]]+)\]
    | ^\#\ [CVJj]\s+\[(?P<file4>[^\]+]+)\+0x[0-9a-f]+\](?:\s+(?P<function4>[\w:~]+))?
    | ^\ \ File\ "(?P<file5>[^"]+)",\ line\ \d+\ in\ (?P<function5>.+)$
    """
# A .NET, Java or Node exception as a logger writes it: after other words or on its own line, and its stack
_LOGGED = r"(?m)^.{0,200}?(?<![\w.$])(?<!---> )(?P<type>(?:[A-Za-z_]\w*\.)+\w*(?:Exception|Error)|(?:[A-Z]\w*)?Error)(?: \(0x\w+\))?(?=:|$)(?=.*(?:\n.*){0,8}?\n[ \t]+at )"
_OF_STACK = r"[ \t]+at |[ \t]+(?:---|\.\.\.) |Caused by: |[ \t]*$"
_MAX_AFTER = 5  # lines after it: a host logs that it shuts down
_RUNTIME_FRAMES = ("System.", "Microsoft.", "java.", "javax.", "jdk.", "node:")
_OF_NODE = re.compile(r"\((?:node:|<anonymous>\)$)")  # where the function is: Node's own files, or V8


class Fatal(NamedTuple):
    """A fatal error in the program's own words; all but ``kind`` and ``text`` may be empty."""

    kind: str  # name of the marker's group
    type: str
    message: str  # one line, at most MAX_MESSAGE characters
    frame: str  # the innermost that is not the runtime's
    text: str  # everything from these words on


def find(output: str) -> Fatal | None:
    """The last fatal error in ``output``, or None."""
    if "Exception Group Traceback" in output:
        output = _GUTTER.sub("", output)
    last = max(_MARKER.finditer(output), key=re.Match.start, default=None)
    if last is None or last.lastgroup is None:
        return None
    kind, after = last.lastgroup, output[last.end() :]
    name, message, frame = RUNTIMES[kind].read(last, after)
    return Fatal(kind, name, _message(message), frame, output[last.start() :])


def find_logged(output: str) -> Fatal | None:
    """The exception that a program logged before it exited by itself; None if much more output follows."""
    output = output[-_MAX_TEXT:]
    last = max(re.finditer(_LOGGED, output), key=re.Match.start, default=None)
    if last is None:
        return None
    after = output[last.end() :]
    behind = re.split(r"\n[ \t]+at .*", after)[-1].split("\n")
    if sum(1 for line in behind if not re.match(_OF_STACK, line)) > _MAX_AFTER:
        return None
    message, frame = _message(after.removeprefix(": ")), _frame(after)
    return Fatal("logged", last["type"], message, frame, output[last.start("type") :])


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


def _message(text: str) -> str:
    """The text before the first frame, inner exceptions included, in one line."""
    message = re.split(r"^[ \t]+(?:at |--- )|^-{10,}", text, maxsplit=1, flags=re.MULTILINE)[0]
    message = " ".join(message.replace(" ---> ", " ← ").split())
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def _frame(text: str) -> str:
    frames = [frame.rstrip().removesuffix(" {") for frame in _FRAME.findall(text)]  # Node adds a brace
    own = (frame for frame in frames if not frame.startswith(_RUNTIME_FRAMES) and not _OF_NODE.search(frame))
    return next(own, frames[0] if frames else "")


def read_frames(fatal: Fatal | None, output: str) -> list[Frame]:
    """The printed frames of ``fatal``, innermost first; without it the frames of native code at the end of ``output``."""
    if fatal is not None and (stack := RUNTIMES[fatal.kind].stack) is not None:
        return stack(fatal)
    current = max(output.rfind("\nCurrent thread 0x"), 0)  # faulthandler: of all threads, the one that failed
    frames: list[Frame] = []
    before = None
    for match in re.compile(_NATIVE).finditer(output, max(current, len(output) - _MAX_TEXT)):
        if before is not None and "\n\n" in output[before : match.start()]:
            break  # another stack: where the memory was freed, another thread
        before = match.end()
        found = {name.rstrip("0123456789"): text.strip() for name, text in match.groupdict().items() if text}
        function, file = found.get("function", ""), found.get("file", "")
        # A program gives the function, a stripped one only its file; a script gives both.
        frames.append(Frame(function, file if not function or match["file5"] else ""))
    return frames


def _reader(pattern: str) -> Callable[[Fatal], list[Frame]]:
    def read(fatal: Fatal) -> list[Frame]:
        found = [match.groupdict() for match in re.finditer(pattern, fatal.text[:_MAX_TEXT])]
        return [Frame(one.get("function") or "", one.get("file") or one.get("place") or "") for one in found]

    return read


def _python_stack(fatal: Fatal) -> list[Frame]:
    """The frames; the innermost is the last, so the end of the text counts."""
    found = [Frame(one["function"], one["file"]) for one in re.finditer(_PYTHON_STACK, fatal.text[-_MAX_TEXT:])]
    return found[::-1]


def _go_stack(fatal: Fatal) -> list[Frame]:
    """The frames of the first goroutine, which is the one that failed."""
    stack = fatal.text[:_MAX_TEXT].partition("\ngoroutine ")[2].partition("\n\n")[0]
    return [Frame(one["function"]) for one in re.finditer(_GO_STACK, stack)]


def _rust_stack(fatal: Fatal) -> list[Frame]:
    """The frames; without RUST_BACKTRACE only the place of the panic."""
    return _reader(_RUST_STACK)(fatal) or [Frame("", fatal.frame)]


class Runtime(NamedTuple):
    """``words``: the error in a sentence; ``read`` gets the marker and the text after it, ``stack`` everything; None: no stack is printed."""

    words: str
    read: Callable[[re.Match[str], str], _Words]
    stack: Callable[[Fatal], list[Frame]] | None


RUNTIMES = {
    "dotnet": Runtime("an unhandled .NET exception", _dotnet, _reader(_DOTNET_STACK)),
    "failfast": Runtime("a fatal .NET error (FailFast)", _dotnet, _reader(_DOTNET_STACK)),
    "overflow": Runtime("a stack overflow", _dotnet, _reader(_DOTNET_STACK)),
    "python": Runtime("a Python exception", _python, _python_stack),
    "logged": Runtime("an exception that it logged", _dotnet, _reader(_LOGGED_STACK)),
    "java": Runtime("a Java exception", _dotnet, _reader(_JAVA_STACK)),
    "go": Runtime("a Go panic", _go, _go_stack),
    "rust": Runtime("a Rust panic", _rust, _rust_stack),
    "cpp": Runtime("an uncaught C++ exception", _cpp, None),
    "node": Runtime("an uncaught JavaScript error", _node, _reader(_NODE_STACK)),
    "ruby": Runtime("a Ruby exception", _ruby, _reader(_RUBY_STACK)),
}
"""By the names of the marker's groups."""
