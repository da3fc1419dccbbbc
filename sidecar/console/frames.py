"""``sidecar frames``: prints a recording as text or JSON."""

import base64
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import json
from rich.console import Console
from rich.text import Text

from ..plain import escaped_json, one_line
from .conversation import RecordedFrame, conversation
from .recording import Header, Recording
from .sentences import sentence

_MAX_WIDTH = 400  # characters of a line if no terminal sets a width; --json has all of it
_STYLES = {"error": "bold red", "hello": "bold", "event": "", "request": "cyan", "response": "green"}


def run(file: str, *, as_json: bool) -> int:
    """Prints every frame; returns 0. UsageError: no such file. RecordingError: not a recording, or damaged after what was printed."""
    recording = Recording(Path(file))
    if as_json:
        _print_json({"recording": recording.header})
        for passed in conversation(recording):
            _print_json(as_document(passed))
    else:
        _print_lines(recording)
    return 0


def _print_json(document: Any) -> None:
    sys.stdout.write(escaped_json(json.encode(document, enc_hook=str).decode()) + "\n")


def _print_lines(recording: Recording) -> None:
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else _MAX_WIDTH
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(heading(recording.header), style="dim"))
    for line, kind in lines(conversation(recording)):
        shown = line if len(line) <= width else line[: width - 1] + "…"
        if terminal:
            console.print(Text(shown, style=_STYLES.get(kind, "bold yellow")))
        else:
            sys.stdout.write(shown + "\n")
    if not recording.whole:
        console.print(Text("The recording ends here, before the sidecar exited.", style="dim"))


def heading(header: Header) -> str:
    where = f"on {header.platform} by sidecar {header.sidecar}"
    return one_line(f"Recorded {header.started} {where}: {' '.join(header.command)}")


def as_document(passed: RecordedFrame) -> dict[str, Any]:
    """Returns one line of ``--json``: ``time`` in seconds, ``from``, and ``message``, or ``trouble`` with ``data`` in base64."""
    document: dict[str, Any] = {"time": round(passed.at, 6), "from": passed.sender}
    if passed.message is not None:
        return {**document, "bytes": len(passed.body), "message": passed.message}
    document["trouble"] = passed.trouble
    return {**document, "data": base64.b64encode(passed.body).decode()} if passed.body else document


def lines(passed: Iterator[RecordedFrame]) -> Iterator[tuple[str, str]]:
    """Yields each frame as a line (time, direction, type, id, size, content), with its type."""
    channels: dict[Any, str] = {}
    for each in passed:
        kind, number = str(each.field("type") or ""), each.field("id")
        if kind == "request" and isinstance(number, int | float):
            channels[number] = str(each.field("channel"))
        channel = channels.get(number, "") if isinstance(number, int | float) else ""
        arrow = ">" if each.sender == "client" else "<"
        shown = "" if number is None else str(number)[:16]
        size = f"{len(each.body)}" if each.body else ""
        yield one_line(f"{each.at:9.3f} {arrow} {kind[:8]:8} {shown:>4} {size:>7}  {_what(each, kind, channel)}"), kind


def _what(each: RecordedFrame, kind: str, channel: str) -> str:  # noqa: PLR0911 - one return per type of message
    if each.message is None:
        begin = f": {each.body[:64]!r}" if each.body else ""
        return each.trouble + begin
    match kind:
        case "hello":
            return f"sidecar {each.field('sidecar')}, protocol {each.field('protocol')}, process {each.field('pid')}"
        case "request":
            return f"{each.field('channel')} {_compact(each.field('args') or [])}"
        case "response":
            return f"{channel} {_compact(each.field('result'))}"
        case "error":
            error = each.field("error")
            text = f"{error.get('code')}: {error.get('message')}" if isinstance(error, dict) else _compact(error)
            return f"{channel} {text}".strip()
        case "event":
            name = str(each.field("channel"))
            return f"{name} {sentence(name, each.field('payload'))}"
    return channel if kind == "cancel" else _compact(each.message)


def _compact(value: Any) -> str:
    try:
        return json.encode(value, enc_hook=str).decode()
    except (TypeError, ValueError, RecursionError, UnicodeEncodeError):  # MessagePack holds more than JSON can
        return repr(value)
