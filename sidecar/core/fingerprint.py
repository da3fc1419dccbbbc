"""A fingerprint per crash: the same on every machine and in every run, whatever the paths, numbers and addresses."""

import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_LENGTH = 500  # characters of a name: hostile output must not cost time
MAX_FRAMES = 5  # from the innermost; deeper ones differ between two ways to the same fault

# Frames of the runtime say how a fault propagated, not where it is; they count only if there are no others.
_RUNTIME_FUNCTION = re.compile(
    r"(?:System|Microsoft|java|javax|jdk|sun|runtime|reflect)\.|(?:std|core|alloc|node|v8)::|__?(?:libc|GI_|pthread|rust|asan|sanitizer)"
    r"|(?:panic|abort|raise|gsignal|start_thread|clone3?|_start|rust_begin_unwind)$"
)
_RUNTIME_FILE = re.compile(
    r"^node:|^internal/|^<(?:frozen |anonymous>|internal:)|^index \d+$|[\\/]lib[\\/]python3\.\d+[\\/](?!site-|dist-)"
)
_JITTER = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\$\$Lambda.*|\$\$\w+\$\$[0-9a-f]+|(?<=\$Proxy)\d+|(?<=Accessor)\d+", ""),  # Java
        (r" \[as [^\]]+\]$", ""),  # Node: the name under which a method was called
        (r"\s*\([^()]*\)(?: const)?$", ""),  # arguments: types, or Go's addresses
        (r".*/", ""),  # java.base/…, app//…, Go's import path
        (r"<(\w+)>d__\d+\.MoveNext$", r"\1"),  # C#: an async method, if .NET does not unmangle it
        (r"(d__|b__|DisplayClass|\||lambda_method)\d+(?:_\d+)?", r"\1"),  # C#: what the compiler or the runtime numbers
        (r"(lambda\$\w+)\$\d+", r"\1"),
        (r"\.func\d+(?:\.\d+)*", ".func"),  # Go
        (r"::h[0-9a-f]{16}$", ""),  # Rust
        (r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", ""),
        (r"\+?0x[0-9a-fA-F]+", ""),
        (r"\d{4,}", ""),  # pids, ports
    )
)


class Frame(NamedTuple):
    """One line of a stack: ``function`` and ``file`` as the program printed them, either may be empty."""

    function: str
    file: str = ""


def fingerprint(cause: str, exception: str, frames: Iterable[Frame]) -> str:
    """Returns 16 hex digits. ``exception``: its type or another distinguishing detail, may be empty; ``frames``: innermost first."""
    known = list(frames)
    own = [frame for frame in known if not _is_runtime(frame)] or known
    # A recursion may be cut off anywhere, so each function counts once.
    names = list(dict.fromkeys(filter(None, map(stable_name, own))))[:MAX_FRAMES]
    if cause == "overflow":
        names.sort()
    return hashlib.sha256("\n".join([cause, _stable(exception), *names]).encode("utf-8", "replace")).hexdigest()[:16]


def stable_name(frame: Frame) -> str:
    name = re.split(r"[\\/]", re.sub(r"(?::\d+)+$|[?#].*", "", frame.file[-MAX_LENGTH:]))[-1]
    # Up to the first dot: a bundler puts a hash after it, or after a dash.
    stem = name if name.startswith("<") else re.sub(r"-(?=\w*[\dA-Z])\w{8}$", "", name.partition(".")[0])
    return ":".join(part for part in (_stable(stem), _stable(frame.function)) if part)


def _is_runtime(frame: Frame) -> bool:
    name = frame.function.rpartition("/")[2]
    return bool(_RUNTIME_FUNCTION.match(name) or _RUNTIME_FILE.search(frame.file))


def _stable(text: str) -> str:
    text = text[:MAX_LENGTH]
    for pattern, replacement in _JITTER:
        text = pattern.sub(replacement, text)
    return text
