"""Shell completion by click, with support for the colon in channel names."""

import os

import click
from click import shell_completion as completion

from ..argv import COMPLETION_VARIABLE

# bash splits words at colons (COMP_WORDBREAKS) and replaces only what follows the last one. So the words are joined again,
# and the replies omit what precedes the colon.
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
            plain)
                COMPREPLY+=("${value#"$kept"}")
                [[ $value == *= ]] && compopt -o nospace
                ;;
        esac
    done < <(env COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) %(complete_var)s=bash_complete "$1" < /dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

# If nothing is returned, as for files, PowerShell completes paths by itself.
_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
    $env:%(complete_var)s = 'powershell_complete'
    $env:COMP_WORDS = ($words + $wordToComplete) -join "`n"
    try {
        & $words[0] | ForEach-Object {
            $type, $value, $help = $_ -split "`t", 3
            if ($type -eq 'plain') {
                [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
            }
        }
    } finally {
        Remove-Item Env:%(complete_var)s, Env:COMP_WORDS
    }
}
"""

# compdef exists only after compinit, which a new .zshrc does not call (macOS has no .zshrc). -i: no question about insecure folders.
_ZSH = completion.ZshComplete.source_template.replace(
    "    compdef", "    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i; }\n    compdef"
)


class _Bash(completion.BashComplete):
    source_template = _BASH


class _Zsh(completion.ZshComplete):
    source_template = _ZSH


class _PowerShell(completion.ShellComplete):
    name = "powershell"
    source_template = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        words = os.environ["COMP_WORDS"].split("\n")
        return words[1:-1], words[-1]

    def format_completion(self, item: completion.CompletionItem) -> str:
        return f"{item.type}\t{item.value}\t{item.help or item.value}"


def register() -> None:
    """Registers the shells that click does not support."""
    completion.add_completion_class(_PowerShell)
    completion.add_completion_class(_Bash)
    completion.add_completion_class(_Zsh)


def script(command: click.Command, shell: str) -> str:
    register()
    kind = completion.get_completion_class(shell)
    assert kind is not None
    # Not BashComplete.source(), which starts bash to check its version: the script may be for another machine.
    return completion.ShellComplete.source(kind(command, {}, "sidecar", COMPLETION_VARIABLE))
