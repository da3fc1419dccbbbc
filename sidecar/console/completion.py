"""Shell completion: click's, kept apart from ``serve``, with support for the colon in a channel's name."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from ..argv import COMPLETION_VARIABLE

# bash cuts words at colons (COMP_WORDBREAKS) and replaces only what follows the last one. So the words are put together
# again, and what stands before the colon is left out of the replies.
_BASH = """\
%(complete_func)s() {
    local IFS=$' \\t\\n' i type value word kept=
    local -a words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $COMP_WORDBREAKS == *:* && $i -gt 0 && ($word == :* || ${words[-1]} == *:) ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
    done
    word=${words[-1]}
    [[ $COMP_WORDBREAKS == *:* ]] && kept=${word%%"${word##*:}"}
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$kept"}") ;;
        esac
    done < <(env COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) %(complete_var)s=bash_complete "$1" < /dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Bash(BashComplete):
    source_template = _BASH


_SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": ZshComplete, "fish": FishComplete}


def script(command: click.Command, shell: str) -> str:
    """What ``bash``, ``zsh`` or ``fish`` has to read once, to complete the words of ``command``."""
    # Not BashComplete.source(), which starts a bash to look at its version: the script may be for another machine.
    return ShellComplete.source(_SHELLS[shell](command, {}, "sidecar", COMPLETION_VARIABLE))
