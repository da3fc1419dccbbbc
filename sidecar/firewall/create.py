"""Creates the rule for the backend: the plan, its execution through one elevated helper, and the result."""

import ntpath
from collections.abc import Callable

from msgspec import Struct

from ..errors import InvalidConfigError, UnsupportedError
from ..process.platform.machine import system_folder
from ..wire.messages import CreatedFirewallRule
from .rules import Profile, Rule, Snapshot
from .verdict import Verdict, judge, rules_in, same_program

# Inside double quotes cmd still expands %…%, PowerShell $ and the backtick, and PowerShell treats typographic double
# quotes as plain ones (about_Quoting_Rules).
_EXPANDED = dict.fromkeys("“”„", "PowerShell treats it as a quotation mark") | {
    "%": "cmd expands it",
    "$": "PowerShell expands it",
    "`": "PowerShell treats it as an escape",
    '"': "it ends the quoted text",
}
_MAX_LENGTH = 8191  # characters of one line in cmd; Microsoft KB 830473


def add_rule(program: str, rule_name: str) -> str:
    """The netsh command, for an administrator, that allows the program on private networks; cmd and PowerShell read it alike.

    InvalidConfigError: the rule's name is invalid. UnsupportedError: the path cannot be quoted for both shells.
    """
    check_name(rule_name)
    line = (
        f'netsh advfirewall firewall add rule name="{rule_name}" dir=in action=allow '
        f'program="{quotable_path(program)}" enable=yes profile=private protocol=TCP'
    )
    if len(line) > _MAX_LENGTH:
        reason = "The firewall command would exceed the maximum length of a command line."
        raise UnsupportedError(reason, hint="Install the backend in a folder with a shorter path.")
    return line


def delete_rules(program: str) -> str:
    """The netsh command that removes every incoming rule of the program, including blocking ones. Raises as add_rule."""
    return f'netsh advfirewall firewall delete rule name=all dir=in program="{quotable_path(program)}"'


def check_name(rule_name: str) -> None:
    """Raises InvalidConfigError if Windows or a shell would not accept the name."""
    faults = {
        "it is empty": not rule_name.strip(),
        "netsh treats “all” as every rule": rule_name.lower() == "all",
        "it contains “|”, which separates the fields of a stored rule": "|" in rule_name,
        "Windows treats a name that starts with “@” as a reference to a resource": rule_name.startswith("@"),
    }
    reason = next((text for text, applies in faults.items() if applies), "") or _trouble(rule_name)
    if reason:
        text = f"The firewall rule cannot have the name from the settings: {reason}."
        raise InvalidConfigError(text, hint="Change firewall.rule_name.")


def quotable_path(program: str) -> str:
    """The path in a form that fits between double quotes. Raises UnsupportedError if there is none."""
    path = program.removeprefix("\\\\?\\")  # the firewall does not match that spelling
    if not ntpath.splitdrive(path)[0] or not ntpath.isabs(path):
        text = f"No firewall command is possible: “{program}” is not the full path of a program."
        raise UnsupportedError(text, hint="Set backend.command to the full path of the backend.")
    if reason := _trouble(path):
        raise UnsupportedError(
            f"No firewall command is possible for “{program}”: {reason}.",
            hint="Install the backend in a folder without that character, or create the rule in “Windows Defender "
            "Firewall with Advanced Security”.",
        )
    return path


def _trouble(text: str) -> str:
    for character in text:
        if character in _EXPANDED:
            return f"it contains “{character}”: {_EXPANDED[character]}"
        if not character.isprintable():
            return f"it contains the character U+{ord(character):04X}, which cannot be shown"
    return "it ends in “\\”, which would escape the quotation mark" if text.endswith("\\") else ""


PROFILE: Profile = "private"  # the only profile that the rule is for
_ATTEMPTS = 20
_PAUSE = 0.1  # seconds; the firewall service writes the registry a moment after netsh has ended


class Plan(Struct, frozen=True):
    """What creating the rule takes on this machine."""

    file: str  # the helper
    parameters: str
    replaced: tuple[Rule, ...]  # deleted first
    obstacle: str  # why not to try it; empty: nothing prevents it


def plan(snapshot: Snapshot, program: str, rule_name: str) -> Plan:
    """Decides what to do; pure. Raises as ``add_rule``."""
    # The helper is Windows' own cmd, because no program of the user can change that file between the prompt and the run. Both texts
    # in the line were checked; ``/d`` skips AutoRun, ``/v:off`` leaves ``!`` alone.
    stale = tuple(rule for rule in _own_rules(snapshot, program) if rule.store == "local")
    add = add_rule(program, rule_name)
    system = system_folder() + "\\"  # never from a variable, which the program that starts the app could set
    commands = [delete_rules(program), add] if stale else [add]
    line = " & ".join(f'"{system}netsh.exe"{text.removeprefix("netsh")}' for text in commands)
    obstacle = _obstacle(judge(snapshot, program, None)[PROFILE], stale)
    return Plan(f"{system}cmd.exe", f'/d /v:off /s /c "{line}"', stale, obstacle)


def _obstacle(verdict: Verdict, stale: tuple[Rule, ...]) -> str:
    """Why not to prompt: the state is unknown, or the rule is not needed or has no effect; empty: prompt."""
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
    """Carries out the plan; blocks during the prompt and for up to 32 s after it. ``preview``: only reports what would be done.

    ``run`` runs a program with a command line as administrator and returns its exit code or None. Raises as ``add_rule`` and ``elevate.run``.
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
