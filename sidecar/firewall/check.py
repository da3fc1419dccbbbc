"""Answers the firewall channels. On Windows these functions read the registry or wait for a person: call them in a thread."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from ..errors import UnsupportedError
from ..process.platform.ports import is_loopback
from ..wire.messages import CreatedFirewallRule, FirewallCheck, FirewallRule
from . import HAS_FIREWALL
from .rules import PROFILES, Profile, Snapshot
from .verdict import Verdict, judge, rules_in, same_program

Probe = Literal["ok", "refused", "timeout", "foreign", "reserved", "in_use", "proxy"]

_NOT_THE_FIREWALL = "This is not the Windows Firewall: its rules have no effect on 127.0.0.1."


class FirewallFacts(Struct, frozen=True):
    """What the caller knows.

    ``probe``: the result of a connection to 127.0.0.1 just now; None if it was not tried. ``refused``: nothing listens ·
    ``timeout``: no answer in time · ``foreign``: another program listens · ``reserved``: the system forbids the port (10013) ·
    ``in_use``: the backend could not bind it (10048) · ``proxy``: the request went to a proxy.
    """

    program: str = ""  # absolute path of the backend's executable; empty if unknown
    running: bool = False  # whether there is a run of the backend
    port: int | None = None  # its port, or None
    probe: Probe | None = None
    owner: str = ""  # who holds the port (foreign, in_use), or which proxy it is, for people, e.g. nginx.exe (pid 4711)
    listeners: tuple[str, ...] = ()  # every address on which the backend listens; empty if unknown


def diagnose(facts: FirewallFacts, verdicts: Mapping[Profile, Verdict]) -> FirewallCheck:
    """Combines the facts and the verdicts into one answer; ``compatible`` only concerns app and backend."""
    rules = _rules(facts, verdicts)
    finding = _FINDINGS.get(facts.probe) if facts.probe else None
    if not facts.running and facts.probe not in _WITHOUT_A_RUN:
        return FirewallCheck(True, f"The backend is not running, so only the firewall's rules were checked. {rules}")
    where = f"127.0.0.1:{facts.port}" if facts.port else "127.0.0.1"
    if finding is None:
        seen = f"The backend runs on {where}; no request was sent to it."
        if facts.probe == "ok":
            seen = f"The backend answers on {where}. Nothing blocks it."
        return FirewallCheck(True, f"{seen} {rules}")
    message, recommendation = finding
    owner = facts.owner or "another program"
    cause = message.format(where=where, port=facts.port or "", owner=owner)
    state = "" if facts.running else "The backend is not running. "
    return FirewallCheck(
        False, f"{state}{cause} {_NOT_THE_FIREWALL} {rules}", recommendation.format(port=facts.port, owner=owner)
    )


_WITHOUT_A_RUN = ("foreign", "reserved", "in_use")  # these prevent a run
# Probe → what is seen, what to do
_FINDINGS: dict[Probe, tuple[str, str]] = {
    "refused": ("The backend's process runs, but nothing listens on {where} (connection refused).", "Check the backend's output: it is still starting, failed to listen, or listens on another port."),
    "timeout": ("The backend did not answer on {where} in time.", "Restart the backend. If that does not help, look for security software other than Windows Firewall that filters local connections."),
    "foreign": ("Another program listens on {where} instead of the backend: {owner}.", "End {owner}, or let the app choose the port (backend.port = “auto”)."),
    "reserved": ("Windows does not let the backend listen on port {port} (error 10013): the port is reserved, or held exclusively.", "Let the app choose the port (backend.port = “auto”). Reserved ports are listed by: netsh interface ipv4 show excludedportrange protocol=tcp"),
    "in_use": ("Port {port} is in use by {owner} (error 10048), so the backend cannot listen there.", "End {owner}, or let the app choose the port (backend.port = “auto”)."),
    "proxy": ("Requests for {where} go to a proxy instead of to the backend: {owner}.", "Exclude 127.0.0.1 from the proxy in Windows' proxy settings (an entry <-loopback> does the opposite: remove it) and in the environment variable NO_PROXY. A filter that redirects connections must exclude it too."),
}  # fmt: skip


def _rules(facts: FirewallFacts, verdicts: Mapping[Profile, Verdict]) -> str:
    """What the rules mean: they only concern other machines, whether or not those can reach the backend."""
    beyond = [address for address in facts.listeners if not is_loopback(address)]
    about = "The firewall's rules only affect connections from other machines"
    if beyond:
        about = f"The backend also listens on {', '.join(beyond)}, where the rules decide about other machines"
    where: dict[str, list[Profile]] = {}
    for profile in PROFILES:
        verdict = verdicts[profile]
        reason = f"unknown ({verdict.reason})" if verdict.name == "unknown" else verdict.reason
        where.setdefault(reason, []).append(profile)
    phrases = [f"{', '.join(profiles)}: {reason}" for reason, profiles in where.items()]
    return f"{about}: {'; '.join(phrases)}."


def check_firewall(facts: FirewallFacts) -> FirewallCheck:
    if not HAS_FIREWALL:
        return FirewallCheck(True, "Not Windows")
    return diagnose(facts, judge(_read(), facts.program, facts.port))


def find_rule(rule_names: Sequence[str], program: str) -> FirewallRule:
    """Finds rules by name, ignoring case, or by program, whatever they do and whether or not they are active.

    ``exists`` is null if nothing was found and not everything could be read; ``details`` has a line for each profile and rule.
    """
    if not HAS_FIREWALL:
        return FirewallRule(None, error="Not Windows")
    snapshot = _read()
    names = {name.lower() for name in rule_names}
    found = [
        rule
        for rule in rules_in(snapshot)
        if rule.inbound and (rule.name.lower() in names or same_program(rule, program, snapshot.environment))
    ]
    verdicts = judge(snapshot, program, None)
    lines = [f"{profile}: {verdicts[profile].name} ({verdicts[profile].reason})" for profile in PROFILES]
    for rule in found:
        state = rule.action if rule.active else f"{rule.action}, switched off"
        lines.append(f"{rule.name or rule.value_name} [{state}; {rule.store}; {rule.value_name}] {rule.raw}")
    details = "\n".join(lines)
    unread = snapshot.unread()
    if unread and not found:
        return FirewallRule(None, details=details, error=f"Some facts are unknown: {unread}")
    return FirewallRule(bool(found), details=details)


def create_rule(program: str, rule_name: str, *, preview: bool = False) -> CreatedFirewallRule:
    """Creates the rule after the user confirms the prompt; with ``preview`` only reports what would be deleted and created.

    ElevationRefusedError: the user declined. InvalidConfigError, UnsupportedError: as in ``add_rule``; UnsupportedError also if
    this is not Windows, or Windows shows no prompt.
    """
    if sys.platform == "win32":
        from .create import create
        from .elevate import run

        return create(program, rule_name, preview=preview, read=_read, run=run, pause=time.sleep)
    raise UnsupportedError("Firewall rules are created on Windows only.")


def _read() -> Snapshot:
    if sys.platform == "win32":
        from .registry import read

        return read()
    raise UnsupportedError("The Windows Firewall exists on Windows only.")


# Chromium, and so every Electron page, uses no proxy for loopback addresses, unless the list of exceptions has this entry
# (net/docs/proxy.md, "Implicit bypass rules"). Debugging proxies and some security products put it there.
_TAKES_LOOPBACK = "<-loopback>"
KEY = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"


def proxy_for_loopback(values: Mapping[str, object]) -> str | None:
    """The proxy that gets requests for 127.0.0.1, or None. ``values``: the values of KEY, name → data. Pure."""
    known = {name.lower(): value for name, value in values.items()}  # Windows ignores the case of names
    exceptions = [part.strip().lower() for part in str(known.get("proxyoverride", "")).replace(",", ";").split(";")]
    if _TAKES_LOOPBACK not in exceptions or any(part in {"127.0.0.1", "127.*", "127.0.0.*"} for part in exceptions):
        return None
    script = str(known.get("autoconfigurl") or "")
    server = str(known.get("proxyserver") or "") if known.get("proxyenable") == 1 else ""
    return server or script or None


def read_proxy() -> str | None:
    """The result of ``proxy_for_loopback`` for the current user; None except on Windows."""
    if sys.platform == "win32":
        import winreg

        from .registry import read_key

        return proxy_for_loopback(read_key(winreg.HKEY_CURRENT_USER, KEY).values)
    return None
