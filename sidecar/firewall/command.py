"""The command that creates the rule, as one line that means the same to cmd and PowerShell."""

from __future__ import annotations

import ntpath

from ..errors import InvalidConfigError, UnsupportedError

# Inside double quotes cmd still expands %…%, PowerShell $ and the backtick, and PowerShell takes the typographic double
# quotes for the plain one (about_Quoting_Rules).
_EXPANDED = dict.fromkeys("“”„", "PowerShell treats it as a quotation mark") | {
    "%": "cmd expands it",
    "$": "PowerShell expands it",
    "`": "PowerShell treats it as an escape",
    '"': "it ends the quoted text",
}
_MAX_LENGTH = 8191  # characters of one line in cmd; Microsoft KB 830473


def add_rule(program: str, rule_name: str) -> str:
    """The netsh command that lets the program in on private networks; to be run as administrator.

    InvalidConfigError: the rule's name cannot be one. UnsupportedError: the path cannot be quoted for both shells.
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
    """The netsh command that removes every incoming rule of the program, the blocking ones too. Raises as add_rule."""
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
    """The path as it can stand between double quotes; raises UnsupportedError where it cannot."""
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
