"""Finds what a backend prints about itself: its address if it chose its port, and that it has started or is shutting down."""

import re
from collections.abc import Collection, Sequence

from ..core.terminal_text import without_controls
from ..settings.profiles import PROFILES

ANY_ADDRESS = r"((?i:https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])):\d+)"
"""How servers print where they listen, to find one that uses another port than it was given."""
_MAX_LINE = 64 * 1024  # bytes; of a longer unfinished line only the end is kept
# [::1]:53211, 127.0.0.1:53211, http://name:password@host:53211/path, or the number alone
_ADDRESS = r"(?:\w+://(?:[^\s/@]*@)?)?(?:(?:\[[0-9A-Fa-f:.%]*\]|[^\s:/\[\]]+):)?(\d{1,5})(?!\d|\.\d)"
# As Java's MessageFormat prints a port: 8,080 or 8.080
_GROUPED = r"(?<![\d.,])(\d{1,2})[,.'\u00a0\u202f](\d{3})(?!\d|[,.']\d)"
# Before the address of a page next to the server itself, as Browsersync prints it: "UI: http://localhost:3001"
_SECONDARY = r"(?i)\b(?:ui|admin\w*|dashboard|metrics|prometheus|pprof|profiler|inspector|debugger|live ?reload)\b[^/]{0,24}https?://"
# Delve, and a JVM with JDWP, take the first client for their only one.
_DEBUGGER = (
    r"(?:Debugger listening on wss?://|Listening for transport dt_socket at address: |API server listening at: |Debugger can attach via TCP/IP \(|\bdebugpy\b.*? --listen )"
    r"(?:\S*:)?(\d{1,5})\b"
)
_BEHIND = r"(?i)\bbackend\b[^/]{0,24}https?://"  # before the address behind a page, as Reflex prints it last
_QUOTES = "\"'`<("  # before an address; a pattern such as (\\S+) includes them


def parse_reported(pattern: str, text: str, among: Collection[int] = range(1, 65_536)) -> int | None:
    """The port of the first address in the text with one of the ports (``among``), on whatever host; None if not found.

    ``pattern``: a regular expression whose group 1 is the address, or the port alone. The lines must be complete
    (``ReportedAddress`` ensures that), because a partial line may end within the port.
    """
    for match in re.finditer(pattern, text):
        address = re.match(_ADDRESS, (match.group(1) or "").lstrip(_QUOTES))
        if address and int(address[1]) in among:
            return int(address[1])
    return None


def printed_port(pattern: str | None, output: bytes, among: Collection[int]) -> int | None:
    """Which of the ports ``among``, on all of which the backend listens, its output names as the server's; None if unclear.

    That is the port of the last address that ``pattern`` finds, else of the last HTTP address, else, unless ``pattern`` is None, the
    only one of these numbers that is printed. Addresses of dashboards and metrics, and of a backend, count only if there is no other;
    addresses of other protocols, such as a debugger's (ws) or a database's, never count.
    """
    text = _plain(output)
    lines = re.split(r"[\r\n]+", text)
    lines.reverse()
    lines.sort(key=lambda line: 2 if re.search(_SECONDARY, line) else re.search(_BEHIND, line) is not None)
    for each in (*((pattern,) if pattern is not None else ()), ANY_ADDRESS.replace("s?", ""), ANY_ADDRESS):
        found = (parse_reported(each, line, among) for line in lines)
        if (port := next(filter(None, found), None)) is not None:
            return port
    if pattern is None:
        return None
    text = re.sub(r"(?i)\b(?!https?:|tcp:)\w+://\S+", "", text)
    text += "\n" + re.sub(_GROUPED, r"\1\2", text)
    named = {int(number) for number in re.findall(r"(?<![\d.])\d{1,5}(?!\d|\.\d)", text)} & set(among)
    return named.pop() if len(named) == 1 else None


def debugger_ports(output: str, command: Sequence[str]) -> set[int]:
    """Where the backend listens for a debugger, as Node, Java, Delve and Ruby print it, or as the command of debugpy sets it."""
    text = "\n".join((output, " ".join(command)))
    return {int(port) for port in re.findall(_DEBUGGER, text)}


def other_protocols(output: str, command: Sequence[str]) -> set[int]:
    """Ports that the output names in addresses of other protocols than HTTP: a database's, a debugger's (ws, with a path)."""
    address = r"(?i)\b(?!(?:http|ws)s?:|tcp:)\w+://[^\s/]*:(\d{1,5})\b|\bwss?://[^\s/]*:(\d{1,5})/\S"
    text = _plain(output.encode())
    return {int(one or other) for one, other in re.findall(address, text)} | debugger_ports(text, command)


def prints_only_https(output: str, port: int) -> bool:
    """Whether the output has addresses of this machine with that port, and all of them are HTTPS."""
    addresses = re.findall(ANY_ADDRESS.replace(r"\d+", rf"{port}\b"), _plain(output.encode()))
    return {address.partition(":")[0].lower() for address in addresses} == {"https"}


def lifetime_events(profile: str, output: str) -> list[str]:
    """What the app reported, oldest first, as "started" and "stopping"; a phrase may follow the line's level and category."""
    phrases = PROFILES[profile].lifetime
    if not any(phrase in output for phrase in phrases):
        return []
    pattern = rf"(?m)(?:^|[\]:|>\"-])[ \t]*({'|'.join(map(re.escape, phrases))})"
    return [phrases[found[1]] for found in re.finditer(pattern, _plain(output.encode()))]


def _plain(output: bytes) -> str:
    """The output as text, without colours. ASCII text in UTF-16 has NULs in between, and JSON may escape a slash."""
    return without_controls(output.replace(b"\0", b"").decode("utf-8", "replace")).replace("\\/", "/")


class ReportedAddress:
    """Finds the address in a stream of output that arrives in pieces of any size."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._rest = b""
        self._port: int | None = None

    def feed(self, data: bytes) -> int | None:
        """Takes the next piece; returns the port once a complete line has it. A carriage return also ends a line."""
        if self._port is None:
            whole = self._rest + data
            end = max(whole.rfind(b"\n"), whole.rfind(b"\r")) + 1
            self._rest = whole[end:][-_MAX_LINE:]
            if end:
                self._port = parse_reported(self._pattern, _plain(whole[:end]))
        return self._port

    @property
    def unfinished(self) -> int | None:
        """The port in the unfinished line, which may still lack digits; None if there is none."""
        return parse_reported(self._pattern, _plain(self._rest)) if self._rest else None
