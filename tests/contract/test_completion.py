"""Shell completion, run by real shells."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.support.launch import clean_environment, run, run_sidecar_here, sidecar_command

if sys.platform != "win32":
    from tests.support.terminal import Terminal

posix = pytest.mark.posix(reason="a pseudo-terminal with a shell of POSIX systems in it")


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"there is no {shell} on this machine")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A folder on PATH in which ``sidecar`` is the one under test, a home without settings, and a file to complete."""
    tmp_path = tmp_path_factory.mktemp("home")
    program = tmp_path / "bin" / "sidecar"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(sidecar_command())} "$@"\n')
    program.chmod(0o755)
    (tmp_path / "settings-of-mine.toml").touch()
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    return clean_environment({"PATH": path, "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path), "PS1": "ready> "})


if sys.platform != "win32":

    @pytest.fixture(scope="module")
    def bash(environment: dict[str, str]) -> Iterator[Terminal]:
        with Terminal(["bash", "--norc", "--noprofile", "-i"], environment, columns=200) as terminal:
            terminal.wait_for("ready> ")
            terminal.press('cd ~; eval "$(sidecar completion bash)"; echo go$((40+2))\n')
            terminal.wait_for("go42")
            yield terminal
            terminal.kill_session()


@posix
@needs("bash")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("sidecar wat", "sidecar watch "),
        pytest.param("sidecar watch --sec", "sidecar watch --seconds ", marks=pytest.mark.slow),
        ("sidecar call sidecar:sh", "sidecar call sidecar:shutdown "),
        pytest.param("sidecar call runt", "sidecar call runtime:get", marks=pytest.mark.slow),
        ("sidecar watch --config settings-of", "sidecar watch --config settings-of-mine.toml "),
        pytest.param("sidecar completion f", "sidecar completion fish ", marks=pytest.mark.slow),
        ("sidecar frames settings-of", "sidecar frames settings-of-mine.toml "),
        pytest.param("sidecar watch --profile gen", "sidecar watch --profile generic ", marks=pytest.mark.slow),
        ("sidecar watch --set timeouts.startu", "sidecar watch --set timeouts.startup="),
    ],
    ids=lambda text: text,
)
def test_bash_completes(typed: str, completed: str, bash: Terminal) -> None:
    mark = len(bash.written)
    bash.press(f"\x15{typed}\t")  # Ctrl+U removes what the test before typed
    bash.wait_for(re.escape(completed), since=mark)


@posix
@needs("bash")
def test_bash_lists_the_channels(bash: Terminal) -> None:
    mark = len(bash.written)
    bash.press("\x15sidecar call backend:st\t\t")
    found = bash.wait_for(r"(\w+) +(\w+) +(\w+) *\r\n", since=mark)
    assert set(found.groups()) == {"start", "status", "stop"}


@posix
@needs("zsh")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        pytest.param("sidecar wat", "sidecar watch ", marks=pytest.mark.slow),
        pytest.param("sidecar call sidecar:sh", "sidecar call sidecar:shutdown ", marks=pytest.mark.slow),
        pytest.param("sidecar watch --profile gen", "sidecar watch --profile generic ", marks=pytest.mark.slow),
        ("sidecar watch --set timeouts.startu", "sidecar watch --set timeouts.startup="),
    ],
    ids=lambda text: text,
)
def test_zsh_completes(typed: str, completed: str, environment: dict[str, str]) -> None:
    with Terminal(["zsh", "-f", "-i"], environment, columns=200) as terminal:
        terminal.wait_for("ready> ")
        terminal.press('eval "$(sidecar completion zsh)"; echo go$((40+2))\n')
        terminal.wait_for(r"go42\s+.*ready> ")
        mark = len(terminal.written)
        terminal.press(f"{typed}\t")
        terminal.wait_for(re.escape(completed), since=mark)
        terminal.kill_session()


@posix
@needs("fish")
def test_fish_completes(environment: dict[str, str]) -> None:
    typed = ["wat", "call sidecar:sh", "watch --profile gen", "watch --set timeouts.startu"]
    script = "; ".join(["sidecar completion fish | source", *(f"complete -C 'sidecar {words}'" for words in typed)])
    done = run(["fish", "--no-config", "-c", script], env=environment)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [
        "watch",
        "sidecar:shutdown",
        "generic",
        "timeouts.startup=",
    ], done.stderr


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["wat"], ["plain\twatch\t"]),
        (["call", "sidecar:sh"], ["plain\tsidecar:shutdown\tsidecar:shutdown"]),
        (["watch", "--profile", ""], [f"plain\t{name}\t{name}" for name in ("generic", "aspnet", "aura")]),
        (["frames", ""], ["file\t"]),
    ],
)
def test_powershell_gets_type_word_and_tooltip(words: list[str], found: list[str]) -> None:
    """Tests only what the script requests: the script was never run, because PowerShell is not available here."""
    asked = {"_SIDECAR_COMPLETE": "powershell_complete", "COMP_WORDS": "\n".join(["sidecar", *words])}
    done = run_sidecar_here(env=asked)
    lines = done.stdout.splitlines()
    assert [line.startswith(start) for line, start in zip(lines, found, strict=True)] == [True] * len(found), done


def test_the_powershell_script_names_program_and_variable() -> None:
    done = run_sidecar_here("completion", "powershell")
    assert "Register-ArgumentCompleter -Native -CommandName sidecar" in done.stdout
    assert "$env:_SIDECAR_COMPLETE = 'powershell_complete'" in done.stdout
    assert done.stdout.count("{") == done.stdout.count("}")
