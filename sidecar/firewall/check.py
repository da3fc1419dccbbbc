"""The answers of the firewall channels. On Windows they read the registry, or wait for a person: call these in a thread."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from ..errors import UnsupportedError
from ..wire.messages import CreatedFirewallRule, FirewallCheck, FirewallRule
from .command import add_rule
from .diagnosis import FirewallFacts, diagnose
from .rules import PROFILES, Rule
from .snapshot import Snapshot
from .verdict import judge, rules_in, same_program

__all__ = ["FirewallFacts", "check_firewall", "command_for", "create_rule", "find_rule"]


def check_firewall(facts: FirewallFacts) -> FirewallCheck:
    """Says what stands between the app and its backend, and what the firewall's rules mean."""
    if facts.platform != "win32":
        return FirewallCheck(True, "Not Windows")
    return diagnose(facts, judge(_read(), facts.program, facts.port))


def find_rule(rule_names: Sequence[str], program: str, *, platform: str = sys.platform) -> FirewallRule:
    """Looks for rules by name, in any case, or by program, whatever they do and whether or not they are switched on.

    ``exists`` is null where nothing was found and not everything could be read; ``details`` has a line for each profile and rule.
    """
    if platform != "win32":
        return FirewallRule(None, error="Not Windows")
    return describe(_read(), rule_names, program)


def describe(snapshot: Snapshot, rule_names: Sequence[str], program: str) -> FirewallRule:
    """The answer of ``find_rule`` from what was read; pure."""
    names = {name.lower() for name in rule_names}
    found = [
        rule
        for rule in rules_in(snapshot)
        if rule.inbound and (rule.name.lower() in names or same_program(rule, program, snapshot.environment))
    ]
    verdicts = judge(snapshot, program, None)
    lines = [f"{profile}: {verdicts[profile].name} ({verdicts[profile].reason})" for profile in PROFILES]
    details = "\n".join(lines + [_line(rule) for rule in found])
    unread = snapshot.unread()
    if unread and not found:
        return FirewallRule(None, details=details, error=f"Some facts are unknown: {unread}")
    return FirewallRule(bool(found), details=details)


def command_for(program: str, rule_name: str, *, platform: str = sys.platform) -> str | None:
    """The command that creates the rule, one line for cmd and PowerShell; None off Windows. Raises as ``add_rule``."""
    return add_rule(program, rule_name) if platform == "win32" else None


def create_rule(program: str, rule_name: str, *, preview: bool = False) -> CreatedFirewallRule:
    """Creates the rule after the system asked the user; with ``preview`` says what would be deleted and created.

    ElevationRefusedError: declined. InvalidConfigError, UnsupportedError: as ``add_rule``; not Windows; Windows would not ask.
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


def _line(rule: Rule) -> str:
    state = rule.action if rule.active else f"{rule.action}, switched off"
    return f"{rule.name or rule.value_name} [{state}; {rule.store}; {rule.value_name}] {rule.raw}"
