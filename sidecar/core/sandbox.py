"""What a sandbox protects against, and how much of that a system enforces. Pure."""

from collections.abc import Callable
from typing import Literal, NamedTuple

Level = Literal["off", "standard", "strict"]
PRIVILEGES = "privileges"
PROTOCOLS = "protocols"


class Protection(NamedTuple):
    """One thing that the backend's tree cannot do."""

    name: str  # stable, for programs
    text: str  # what it cannot do, for people
    abi: int  # the first version of Landlock that enforces it; 0: prctl(2) does
    strict_only: bool = False  # not part of level standard


PROTECTIONS = (
    Protection("write", "creates, changes and removes files only in its own folders", 1),
    Protection("trace", "cannot trace processes outside its tree, nor read or write their memory", 1),
    Protection("mount", "cannot mount, unmount or swap file systems", 1),
    Protection("truncate", "cannot empty files outside its folders", 3),
    Protection("bind", "binds only its own TCP port", 4),
    Protection("devices", "cannot control devices that it opens", 5),
    Protection("signals", "cannot signal processes outside its tree", 6),
    Protection("abstract_sockets", "cannot connect to abstract Unix sockets outside its tree", 6),
    Protection(PRIVILEGES, "cannot gain privileges and has none of root's", 0),
    Protection("read", "reads only its own folders and the system's libraries", 1, strict_only=True),
    Protection("connect", "connects only to the TCP ports in sandbox.connect", 4, strict_only=True),
    Protection(PROTOCOLS, "uses only TCP, plus UDP if sandbox.connect has 53 (DNS); no io_uring", 0, strict_only=True),
)


class Missing(NamedTuple):
    """A protection that the level asks for and this system does not enforce."""

    name: str
    reason: str


class Enforcement(NamedTuple):
    """What a level means on this system."""

    level: Level  # as configured
    mechanism: str = ""  # what enforces it, such as "Landlock ABI 7"; empty if nothing does
    enforced: tuple[str, ...] = ()  # names of protections
    missing: tuple[Missing, ...] = ()  # the rest of what the level asks for


def describe_missing(found: Enforcement) -> str:
    texts = {each.name: each.text for each in PROTECTIONS}
    reasons: dict[str, list[str]] = {}
    for each in found.missing:
        reasons.setdefault(each.reason, []).append(texts[each.name])
    return "; ".join(f'"{", ".join(group)}" ({reason})' for reason, group in reasons.items())


def enforcement(
    level: Level, abi: int, *, port_known: bool, privileges: bool = True, filters: bool = True
) -> Enforcement:
    """Returns what Landlock of version ``abi`` (0: none) and prctl enforce; ``privileges`` can be dropped, ``filters``: system calls filtered."""

    def why_missing(each: Protection) -> str:
        if abi < each.abi:
            return f"needs Landlock ABI {each.abi}; this kernel has " + (f"ABI {abi}" if abi else "no Landlock")
        if each.name == "bind" and not port_known:
            return 'the backend chooses its port (backend.port = "reported")'
        if each.name == PRIVILEGES and not privileges:
            return "the sidecar runs as root without the capability CAP_SETPCAP"
        if each.name == PROTOCOLS and not filters:
            return "needs seccomp, on a 64-bit processor of Intel, AMD or ARM"
        return ""

    return _enforcement(level, f"Landlock ABI {abi}" if abi else "no_new_privs", why_missing)


def partly(level: Level, system: str, *, mechanism: str = "", provided: frozenset[str] = frozenset()) -> Enforcement:
    """Returns the enforcement of a system that has only the ``provided`` protections, whatever its version."""
    return _enforcement(level, mechanism, lambda each: "" if each.name in provided else f"not available on {system}")


def _enforcement(level: Level, mechanism: str, why_missing: Callable[[Protection], str]) -> Enforcement:
    reasons = {each.name: why_missing(each) for each in PROTECTIONS if level == "strict" or not each.strict_only}
    enforced = tuple(name for name, reason in reasons.items() if not reason)
    return Enforcement(level, mechanism, enforced, tuple(Missing(*each) for each in reasons.items() if each[1]))
