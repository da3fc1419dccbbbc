"""The answers of the firewall channels. On Windows they read the registry, or wait for a person: call these in a thread."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from ..errors import UnsupportedError
from ..wire.messages import CreatedFirewallRule, FirewallCheck, FirewallRule
from . import HAS_FIREWALL
from .diagnosis import FirewallFacts, diagnose
from .rules import PROFILES
from .snapshot import Snapshot
from .verdict import judge, rules_in, same_program


def check_firewall(facts: FirewallFacts) -> FirewallCheck:
    """Says what stands between the app and its backend, and what the firewall's rules mean."""
    if not HAS_FIREWALL:
        return FirewallCheck(True, "Not Windows")
    return diagnose(facts, judge(_read(), facts.program, facts.port))


def find_rule(rule_names: Sequence[str], program: str) -> FirewallRule:
    """Looks for rules by name, in any case, or by program, whatever they do and whether or not they are switched on.

    ``exists`` is null where nothing was found and not everything could be read; ``details`` has a line for each profile and rule.
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
