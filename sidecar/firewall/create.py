"""Creates the rule for the backend: the plan, its execution through one elevated helper, and the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..process.platform.machine import system_folder
from ..wire.messages import CreatedFirewallRule
from .command import add_rule, delete_rules
from .rules import Profile, Rule
from .snapshot import Snapshot
from .verdict import Verdict, judge, rules_in, same_program

PROFILE: Profile = "private"  # the only profile that the rule is for
_ATTEMPTS = 20
_PAUSE = 0.1  # seconds; the firewall service writes the registry a moment after netsh has ended


@dataclass(frozen=True, slots=True)
class Plan:
    """What creating the rule means on this machine.

    ``file`` and ``parameters`` of the helper; ``replaced``: deleted first; ``obstacle``: why it must not be tried, empty: it may.
    """

    file: str
    parameters: str
    replaced: tuple[Rule, ...]
    obstacle: str


def plan(snapshot: Snapshot, program: str, rule_name: str) -> Plan:
    r"""Decides what to do; pure. Raises as ``command.add_rule``.

    The helper is Windows' own cmd: no file that a program of the user's could change between the prompt and the run. Both texts
    in the line have passed ``command``'s checks; ``/d`` leaves AutoRun out, ``/v:off`` leaves ``!`` alone.
    """
    stale = tuple(rule for rule in _own_rules(snapshot, program) if rule.store == "local")
    add = add_rule(program, rule_name)
    system = system_folder() + "\\"  # never by a variable, which the program that starts the app could set
    commands = [delete_rules(program), add] if stale else [add]
    line = " & ".join(f'"{system}netsh.exe"{text.removeprefix("netsh")}' for text in commands)
    obstacle = _obstacle(judge(snapshot, program, None)[PROFILE], stale)
    return Plan(f"{system}cmd.exe", f'/d /v:off /s /c "{line}"', stale, obstacle)


def _obstacle(verdict: Verdict, stale: tuple[Rule, ...]) -> str:
    """No prompt for something unknown, without need, or without effect."""
    if verdict.name == "unknown":
        return f"The firewall's state is unknown: {verdict.reason}."
    if verdict.name == "allowed":
        return f"Nothing to do on private networks: {verdict.reason}."
    if verdict.name in {"blocked", "no_rule"} and (verdict.by_setting or not set(verdict.rules) <= set(stale)):
        return f"A rule for the backend would have no effect on private networks: {verdict.reason}."
    return ""


def create(
    program: str,
    rule_name: str,
    *,
    preview: bool,
    read: Callable[[], Snapshot],
    run: Callable[[str, str], int | None],
    pause: Callable[[float], None],
) -> CreatedFirewallRule:
    """Carries the plan out; blocks while the user is asked and for up to 32 s after. ``preview``: only says what would be done.

    ``run`` runs a program with a command line as administrator and gives its exit code or None. Raises as ``command.add_rule`` and ``elevate.run``.
    """
    snapshot = read()
    todo = plan(snapshot, program, rule_name)
    replaced = [_line(rule) for rule in todo.replaced]
    if todo.obstacle:
        return CreatedFirewallRule(False, _exists(snapshot, program), todo.obstacle, [])
    if preview:
        text = f"Would create “{rule_name}” for {program} on private networks"
        text += f", after deleting {len(replaced)} rules of the same program." if replaced else "."
        return CreatedFirewallRule(False, bool(replaced), text, replaced)
    code = run(todo.file, todo.parameters)
    # The exit code proves nothing either way: only the registry does.
    for attempt in range(_ATTEMPTS):
        if attempt:
            pause(_PAUSE)
        snapshot = read()
        new = _new(snapshot, program, rule_name, todo)
        if new is not None:
            break
    else:
        ended = "is still running" if code is None else f"ended with exit code {code}"
        text = f"The rule is not in the registry although netsh was run as administrator (it {ended})."
        return CreatedFirewallRule(False, _exists(snapshot, program), text, replaced)
    verdict = judge(snapshot, program, None)[PROFILE]
    text = f"Created {_line(new)}. On private networks: {verdict.reason}."
    return CreatedFirewallRule(True, True, text, replaced)


def _own_rules(snapshot: Snapshot, program: str) -> list[Rule]:
    """The incoming rules that name the program."""
    return [rule for rule in rules_in(snapshot) if rule.inbound and same_program(rule, program, snapshot.environment)]


def _new(snapshot: Snapshot, program: str, rule_name: str, todo: Plan) -> Rule | None:
    before = {rule.value_name for rule in todo.replaced}
    for rule in _own_rules(snapshot, program):
        fits = rule.store == "local" and rule.name == rule_name and rule.action == "allow" and rule.active
        if fits and rule.value_name not in before:
            return rule
    return None


def _exists(snapshot: Snapshot, program: str) -> bool | None:
    if _own_rules(snapshot, program):
        return True
    return None if snapshot.unread() else False


def _line(rule: Rule) -> str:
    return f"{rule.action} “{rule.name}” ({rule.store}, {rule.value_name}): {rule.raw}"
