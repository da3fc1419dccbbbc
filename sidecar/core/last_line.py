"""The line of a backend's output that most likely says what is wrong. Pure."""

import re
from itertools import pairwise
from typing import Any

from ..plain import capitalised
from .terminal_text import home_as_return, without_controls

# The keys of Pino, Winston, zap, MongoDB, logrus, structlog, Serilog and Python's JSON formatters.
_LEVELS = ("level", "levelname", "severity", "lvl", "@l", "log.level", "s")
_MESSAGES = ("msg", "message", "event", "@m", "@mt")
_ERRORS = ("err", "error", "exception", "exc_info", "stack", "@x", "attr")
_NUMBERS = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL"}  # Pino and Bunyan
_LETTERS = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}  # MongoDB
_HARMLESS = {"TRACE", "DEBUG", "INFO", "INFORMATION", "NOTICE", "WARN", "WARNING"}


def readable(line: str) -> str:
    """Returns the line; for a JSON record, level and message, and below them the error without its JavaScript or .NET frames."""
    if not (line.startswith("{") and line.rstrip().endswith("}")):
        return line
    from msgspec import DecodeError, json  # only needed to explain a failure

    try:
        record = json.decode(line)
    except (DecodeError, ValueError, RecursionError):
        return line
    message = _first(record, _MESSAGES)
    errors = [_error(record[name]) for name in _ERRORS if record.get(name)]
    if not message and not any(errors):
        return line
    level = next((record[name] for name in _LEVELS if name in record), "")
    level = (_NUMBERS.get(level, "") if isinstance(level, int) else _LETTERS.get(str(level), str(level))).upper()
    head = f"{level}: {message}" if level else message
    if level in _HARMLESS:
        return " ".join(head.splitlines())
    return "\n".join(filter(None, dict.fromkeys([head, *(error for error in errors if error != message)])))


def _first(record: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((record[name] for name in names if isinstance(record.get(name), str)), "")


def _error(value: object) -> str:
    if isinstance(value, dict):
        value = _first(value, ("stack", "message", "error"))
    return re.split(r"\n[ \t]{1,40}at ", value, maxsplit=1)[0] if isinstance(value, str) else ""


_MAX_LINE = 300  # characters; the whole line is in the output
# "0 errors" and an access log's "GET /errors" are not errors; an exception's name ends in one of these words. A name is matched
# only from its beginning: trying each of its dots would take quadratic time.
# Patterns are compiled at first use, and re caches them: a successful start never needs them.
_ERROR = (
    r"(?i)(?<![/\w])(?!\w+_error\()(?:(?<!\.)[\w.]*(?:error|exception)|err|fatal|panic(?:ked)?|critical|failed|failure|cannot|can't|couldn't|could not|unable to"
    r"|denied|refused|not permitted|no such|no module|missing script|invalid|unrecogni[sz]ed|unknown (?:option|command|argument|directive|key)|emerg)\b(?!\s*[:=]\s*(?:0|none|null|false)\b)"
    r"|: (?:command )?not found\s*$"
)
_CALM = r"\b(?:INFO|DEBUG|TRACE)\b"  # a logger's level: such a line does not explain an end if another one does
_NONE = r"(?i)\b(?:0|no|without(?: any)?) (?:errors?|exceptions?|failures?)\b"
# What runtimes, compilers and runners add below the error itself, and what npm puts before each line.
_EPILOGUE = r"Emitted 'error' event|^\(Use `node --trace|BEGIN failed--compilation aborted|^Compilation failed in require|aborted due to compilation errors|^Execution halted|Error: (?:Could not create the Java Virtual Machine|A fatal exception has occurred)|^Aborted with |\[ERROR\] Aborting$|errors? found in configuration|Error\(s\) found in|^error: could not compile|^error Command failed|^Crash dump is being written to|^--> Sending SIG|exited with code SIGTERM|^make(?:\[\d+\])?: \*\*\* \[|complete log of this run|^Failed running |ELIFECYCLE|^Node\.js v\d|app crashed - waiting|Shutting down: Master|Reason: \w+ failed to|Worker \(pid|Found incompatible module|^exit status \d+$"
# The stacks of Lua and Tcl, whose lines may name a function "error"
_STACK = r"^stack traceback:$|^\s+\S.*: in (?:function |main chunk|upvalue |local |method |field |\?$)|^ +(?:while executing|invoked from within|\(file \".*\" line \d+\))$|^\"[^\"]*\"$"
_FRAME = r"[\u2500-\u257f]+"  # box drawing: rich, Click's extensions and pretty tracebacks draw frames around errors
_BOXED = r"[\u2502\u2503] (.*) [\u2502\u2503]"
_COLUMNS = 80  # at which rich wraps output that goes to no terminal
_USAGE = r"(?im)^[ \t]*usage:?\s+\S|^[ \t]*(?:-h,? +)?--help[ \t]{2,}\S"
_NPM = r"^npm (?:error|ERR!)(?: [a-z0-9]+)?"


def last_line(output: str) -> tuple[str, bool]:
    """Returns the last line that reports an error, else the last line (empty: none), and whether it does. An indented line counts only if no other fits."""
    shown = without_controls(home_as_return(output.encode("utf-8", "replace")).decode())
    texts = map(readable, re.sub(_FRAME, "", unwrapped(shown)).splitlines())
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    everything = [line for line in lines if not re.search(_CALM, line)] or lines
    lines = [line for line in lines if not re.search(f"{_EPILOGUE}|{_STACK}", line)] or lines
    errors = [line for line in lines if re.search(_ERROR, re.sub(_NPM, "", line)) and not re.search(_NONE, line)]
    if all(line.rstrip().endswith(":") for line in errors):  # a heading: the line below it says what is wrong
        headings = set(errors)
        errors = [f"{above} {below.strip()}" for above, below in pairwise(lines) if above in headings] or errors
    else:
        errors = [line for line in errors if not line.rstrip().endswith(":")]
    lines = [line for line in lines if not re.search(_CALM, line)] or everything
    found = next((line for line in reversed(errors) if not line[0].isspace()), None) or (errors or lines or [""])[-1]
    text = found.strip().lstrip("\ufffd")  # from the byte order mark of UTF-16
    return text if len(text) <= _MAX_LINE else f"{text[:_MAX_LINE]} …", bool(errors)


def unwrapped(text: str) -> str:
    """Removes the frames that rich draws, and joins the lines that it wrapped: outside of frames it leaves the space at which it did."""
    joined: list[str] = []
    last, width, framed = "", 0, False  # what the line above shows, and the columns that it had; 0: it was not wrapped
    for line in text.split("\n"):
        boxed = re.fullmatch(_BOXED, line) if len(line) >= _COLUMNS else None
        shown = boxed[1].rstrip() if boxed else line
        word = shown.partition(" ")[0]
        if word and framed == bool(boxed) and len(last) + 1 + len(word) > width > 0:
            in_word = len(last) == width and " " not in last
            joined[-1] += shown if in_word else f" {shown.rstrip()}"
        else:
            joined.append(shown)
        last, framed = shown.rstrip(), bool(boxed)
        width = len(line) - 4 if boxed else _COLUMNS if line.endswith(" ") and len(line) <= _COLUMNS else 0
        if width:
            joined[-1] = joined[-1].rstrip()
    return "\n".join(joined)


def quote_last(output: str, *, only_errors: bool = False) -> str:
    """Returns ``last_line`` as part of a sentence, such as ``its last error: …``; empty if there is none."""
    line, is_error = last_line(output)
    return f"its last {'error' if is_error else 'output'}: {line}" if line and (is_error or not only_errors) else ""


def say_last(output: str, *, only_errors: bool = False) -> str:
    """Returns ``quote_last`` as a sentence that follows another; empty if there is none."""
    words = quote_last(output, only_errors=only_errors)
    return f" {capitalised(words)}" if words else ""


def printed_usage(output: str) -> bool:
    """Whether the program printed its usage, as programs do if an argument is missing or wrong."""
    return re.search(_USAGE, output) is not None
