"""Whether the output of a backend says that it could not have its port, in the words of the usual servers."""

from __future__ import annotations

import re
from typing import Literal

BindFailure = Literal["in_use", "forbidden"]

_LAST_BYTES = 256 * 1024  # it is among the last words of a process that dies of it
_LINES_BEFORE = 4  # a Python traceback shows the call of bind up to so many lines above its error

# Numbers are what every language of the system leaves alone: EADDRINUSE is 98 on Linux, 48 on macOS, 10048 on
# Windows; EACCES is 13 and 10013 (errno.h; winsock.h).
_IN_USE = re.compile(
    r"""
      EADDRINUSE | WSAEADDRINUSE
    | address \s already \s in \s use | address \s in \s use
    | only \s one \s usage \s of \s each \s socket \s address
    | conflicts \s with \s an \s existing \s registration         # HttpListener
    | \[ (?:errno|winerror) \s (?:98|48|10048) \]                   # Python
    | socketexception \s \( (?:98|48|10048) \)                     # .NET
    | os \s error \s (?:98|48|10048) \b                             # Rust
    | errno \s* [=:] \s* (?:98|48|10048) \b
    | \( (?:98|48|10048) : \s                                       # nginx, Apache
    | (?:error|exception|code|wsa\w*) [^\d\n]{0,12} 10048 \b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_FORBIDDEN = re.compile(
    r"""
      WSAEACCES
    | access \s a \s socket \s in \s a \s way \s forbidden
    | winerror \s 10013 | socketexception \s \( (?:13|10013) \) | os \s error \s 10013 \b
    | (?:error|exception|code|wsa\w*) [^\d\n]{0,12} 10013 \b
    | httplistenerexception \s \( 5 \)                              # no URL reservation for this user
    """,
    re.IGNORECASE | re.VERBOSE,
)
# "Permission denied" is said of files far more often than of ports: only beside a word about listening.
_DENIED = re.compile(
    r"permission denied|access is denied|\bEACCES\b|\[errno 13\]|os error 13\b|errno\s*[=:]\s*13\b", re.IGNORECASE
)
_ABOUT_LISTENING = re.compile(r"\b(?:re)?bind(?:ing|exception)?\b|\blisten(?:ing)?\b|\bsocket\b", re.IGNORECASE)
_ABOUT_A_FILE = re.compile(
    r"""(?:open|mkdir|unlink|scandir|access|stat)\b\s*'|:\s*['"](?:/|[A-Za-z]:)|\.(?:sock|pipe)\b""", re.IGNORECASE
)
# Go prints the text of Windows in the user's language, without a number: what it was doing stays English.
_GO_BIND = re.compile(r"\blisten tcp[46]? \S*:\d+: bind: ")
_PORT_IN_USE = r"\bport\b\W{{0,3}}(?:number\W)?{port}\b.{{0,40}}\bin\suse\b|(?:running|listening)\son\sport\s{port}\b"
_PORTS = re.compile(
    r"""
      (?: \d+\.\d+\.\d+\.\d+ | \[[0-9a-f:.]*\] | :: | \blocalhost | \* | \blisten\stcp[46]?\s ) : (\d{1,5}) \b
    | '[^']*' , \s* (\d{1,5}) \)                                    # ('127.0.0.1', 5005)
    | \bport \W{0,3} (\d{1,5}) \b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def bind_failure(output: bytes, port: int) -> BindFailure | None:
    """What kept the backend from its port, None where the output says nothing of the sort.

    A line that names other ports only, such as that of a debugger, is not about ours.

    Args:
        output: the end of the backend's output, both streams.
        port: the port that it was given.
    """
    lines = output[-_LAST_BYTES:].decode("utf-8", "replace").splitlines()
    named = re.compile(_PORT_IN_USE.format(port=port), re.IGNORECASE)
    nameless: BindFailure | None = None
    foreign = False
    for number, line in enumerate(lines):
        verdict = _verdict(line, lines[max(0, number - _LINES_BEFORE) : number], named)
        if verdict is None:
            continue
        ports = {int(next(filter(None, found))) for found in _PORTS.findall(line)}
        if port in ports:
            return verdict
        foreign = foreign or bool(ports)
        nameless = nameless or (None if ports else verdict)
    # The inner exceptions of a failure on another port name no port at all.
    return None if foreign else nameless


def _verdict(line: str, before: list[str], named: re.Pattern[str]) -> BindFailure | None:
    if _FORBIDDEN.search(line):
        return "forbidden"
    if _IN_USE.search(line) or named.search(line):
        return "in_use"
    if _DENIED.search(line) and not _ABOUT_A_FILE.search(line):
        if _ABOUT_LISTENING.search(line) or any(_ABOUT_LISTENING.search(other) for other in before):
            return "forbidden"
        return None
    return "in_use" if _GO_BIND.search(line) else None
