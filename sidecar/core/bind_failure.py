"""Whether the output of a backend says that it could not bind its port, in the words of the usual servers. Pure."""

import re
from typing import Literal

from .terminal_text import without_controls

BindFailure = Literal["in_use", "forbidden"]
_Failure = tuple[BindFailure, set[int]]  # the failure in a line, and the ports that the line names

_LAST_BYTES = 256 * 1024  # a process that dies of a failed bind reports that last
# A line without any of these is about something else; searching for them is ten times as fast as the patterns.
_HINTS = (
    "in use", "eperm", "not permitted", "not available", "only one usage", "existing registration", "eaddrinuse", "eacces", "errno", "error", "exception", "wsa",
    "(98:", "(48:", "(10048:", "way forbidden", "denied", "on port", "bind",
    "occupied", "taken", "busy", "not free", "being used", "empty port", "allocated", "already", "listening socket",
)  # fmt: skip
_LINES_BEFORE = 4  # a Python traceback shows the call of bind at most this many lines above its error

# Patterns are compiled at first use, and re caches them: a successful start never needs them.
# Numbers are the same in every language: EADDRINUSE is 98 on Linux, 48 on macOS, 10048 on
# Windows; EACCES is 13 and 10013 (errno.h; winsock.h).
_IN_USE = r"""(?ix)
      EADDRINUSE | WSAEADDRINUSE | \b AddressInUse \b            # Zig
    | \b port \s is \s already \s (?:in \s use | allocated)            # Django, Docker, MinIO
    | address \s already \s in \s use | address \s in \s use | address \s already \s bound
    | only \s one \s usage \s of \s each \s socket \s address
    | connection \s in \s use: | cannot \s find \s empty \s port \s in \s range  # Gunicorn, Gradio
    | conflicts \s with \s an \s existing \s registration         # HttpListener
    | \[ (?:errno|winerror) \s (?:98|48|10048) \]                   # Python
    | socketexception \s \( (?:98|48|10048) \)                     # .NET
    | os \s error \s (?:98|48|10048) \b                             # Rust
    | errno \s* [=:] \s* (?:98|48|10048) \b
    | \( (?:98|48|10048) : \s                                       # nginx, Apache
    | (?:error|exception|code|wsa\w*) [^\d\n]{0,12} 10048 \b
    """
_FORBIDDEN = r"""(?ix)
      WSAEACCES
    | access \s a \s socket \s in \s a \s way \s forbidden
    | winerror \s 10013 | socketexception \s \( (?:13|10013) \) | os \s error \s 10013 \b
    | (?:error|exception|code|wsa\w*) [^\d\n]{0,12} 10013 \b
    | httplistenerexception \s \( 5 \)                              # no URL reservation for this user
    """
# "Permission denied" is about files far more often than about ports: it counts only next to a word about listening.
_DENIED = r"(?i)permission denied|access is denied|operation not permitted|\bEACCES\b|\bEPERM\b|\[errno 13\]|os error 13\b|errno\s*[=:]\s*13\b"
_ABOUT_LISTENING = r"(?i)\b(?:re)?bind(?:ing|exception)?\b|\blisten(?:ing)?\b|\bsocket\b"
_CALL = r"(?i)\b(?:bind|listen)\s*\(|\bto bind to a privileged port\b"
_UNIX_SOCKET = r"(?i)\bin use:? (?:unix:|['\"]?[\w.-]*/)|\bto unix:"
_ABOUT_A_FILE = r"""(?i)(?:open|mkdir|unlink|scandir|access|stat)\b\s*'|:\s*['"](?:/|[A-Za-z]:)|\.(?:sock|pipe)\b"""
# Servers that do not say why, or say it in the user's language, as Go and Java do on Windows. What they were doing is in English.
_ATTEMPT = r"""(?ix)
      \b listen \s tcp[46]? \s \S* : \d+ : \s bind: \s
    | \bBindException: | \b could \s not \s create \s listening \s sockets \b  # Java, Tinyproxy
    | \b (?: could \s not | couldn't | cannot | can't | unable \s to | failed \s to ) \s (?:bind|listen|create\slisten\w+\ssocket) \b .* (?: \bport \W{0,3} | [\]\w.*]: ) \d{2}
    """
_INSPECTOR = r"(?i)\bstarting inspector on\b"  # Node goes on without it
_NO_ADDRESS = r"(?i)assign requested address|EADDRNOTAVAIL|address family|EAFNOSUPPORT|no such host"
_PORT_IN_USE = r"(?i)\bport\b\W{{0,3}}(?:number\W)?{port}\b.{{0,60}}\b(?:in\suse|allocated|already\s(?:used|bound)|not\savailable|occupied|(?:is|already)\staken|is\sbusy|not\sfree|being\sused)\b|\balready\s(?:running|listening)\son\s(?:port\s|[\w.\[\]:]+:){port}\b|\baddress\s\S*:{port}\s(?:is\s)?(?:not\savailable|unavailable|taken)\b"
_PORTS = r"""(?ix)
      (?: \d+\.\d+\.\d+\.\d+ | \[[0-9a-f:.]*\] | :: | \blocalhost | \bany | \* | \blisten\stcp[46]?\s ) : (\d{1,5}) \b
    | '[^']*' , \s* (\d{1,5}) \)                                    # ('127.0.0.1', 5005)
    | \bport (?: \s in \s range: )? \W{0,3} (\d{1,5}) \b
    """


def bind_failure(output: bytes, port: int) -> BindFailure | None:
    """Returns what kept the backend from its port; None if the output does not mention it, or names only other ports."""
    nameless: BindFailure | None = None
    foreign = False
    text = output[-_LAST_BYTES:].decode("utf-8", "replace")
    for failures in _failures(text, str(port)):
        for failure, ports in failures:
            if port in ports:
                return failure
            foreign = foreign or bool(ports)
            nameless = nameless or (None if ports else failure)
        if nameless is not None and not foreign:
            return nameless
    return None  # the inner exceptions of a failure on another port name no port


def any_bind_failure(output: str) -> tuple[BindFailure, int | None] | None:
    """Like ``bind_failure``, for any port; also returns the port, None if the output names none."""
    found: tuple[BindFailure, int | None] | None = None
    for failures in _failures(output, r"\d{1,5}"):
        for failure, ports in failures:
            if ports:
                return found[0] if found else failure, max(ports)
            found = found or (failure, None)
    return found


def _failures(text: str, port: str) -> tuple[list[_Failure], list[_Failure]]:
    """Returns the lines that say why, which explain more, and those that only say that it failed; ``port``: a pattern."""
    lines = without_controls(text).splitlines()  # in "Port 3000" a colour may begin before the number
    port_in_use = _PORT_IN_USE.format(port=port)
    reasons: list[_Failure] = []
    attempts: list[_Failure] = []
    for number, line in enumerate(lines):
        lower = line.lower()
        if not any(hint in lower for hint in _HINTS):
            continue
        failure = _reason(line, lines[max(0, number - _LINES_BEFORE) : number], port_in_use)
        if failure is not None or _is_attempt(line):
            ports = {int(next(filter(None, found))) for found in re.findall(_PORTS, line)}
            (attempts if failure is None else reasons).append((failure or "in_use", ports))
    return reasons, attempts


def _reason(line: str, before: list[str], port_in_use: str) -> BindFailure | None:
    if re.search(_FORBIDDEN, line):
        return "forbidden"
    if re.search(_UNIX_SOCKET, line) or re.search(_INSPECTOR, line):
        return None
    if re.search(_IN_USE, line) or re.search(port_in_use, line):
        return "in_use"
    is_denied = re.search(_DENIED, line) and not re.search(_ABOUT_A_FILE, line)
    if is_denied and (re.search(_ABOUT_LISTENING, line) or any(re.search(_CALL, other) for other in before)):
        return "forbidden"
    return None


def _is_attempt(line: str) -> bool:
    is_explained = re.search(_NO_ADDRESS, line) or re.search(_DENIED, line)
    return not is_explained and re.search(_ATTEMPT, line) is not None
