from __future__ import annotations

import os
import sys

import pytest

from sidecar import __version__, cli

PROGRAM = "cmd" if sys.platform == "win32" else "env"  # that is found in the PATH


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable names a profile or a backend."""
    for name in [name for name in os.environ if name.startswith(("SIDECAR_", "AURA_"))]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("command", [[], *([name] for name, one in cli.sidecar.commands.items() if not one.hidden)])
def test_the_help_of_every_command_shows_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Usage: {' '.join(['sidecar', *command])}" in out
    assert "Example" in out


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_the_version_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"sidecar {__version__}"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["nope"], "'nope'"),
        (["wach", "--", "backend"], "Did you mean 'watch'?"),
        (["--nope"], "--nope"),
        (["demo", "--seconds", "many"], "'many' is not a valid number of seconds"),
        (["demo", "--seconds", "1"], "--seconds"),
        (["demo", "--", "backend"], "after '--'"),
        (["call"], "CHANNEL"),
        (["call", "sidecar:ping", "{"], "Argument 1"),
        (["call", "sidecar:ping", "--set"], "--set"),
        (["call", "sidecar:ping", "--set", "x"], "'x'"),
        (["call", "sidecar:ping", "--nope"], "--nope"),
        (["doctor", "--set", "x"], "'x'"),
        (["watch", "--"], "Nothing follows '--'"),
        (["watch", "--seconds", "nan"], "nan"),
        (["watch", "--seconds", "0"], "x>0"),
        (["watch", "my-backend"], "after --"),
        (["dashboard", "my-backend"], "after --"),
        (["record"], "FILE"),
        (["record", "a", "other"], "after --"),
        (["frames", "/nonexistent/file"], os.path.normpath("/nonexistent/file")),
        (["frames", "a", "--", "backend"], "after '--'"),
        (["replay"], "FILE"),
        (["completion", "cmd"], "'cmd'"),
        (["completion"], "Choose from: bash, zsh"),
        (["doctor", "--bundle"], "requires an argument"),
    ],
)
def test_a_usage_error_is_one_clear_message_and_status_64(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 64
    captured = capsys.readouterr()
    assert captured.out == ""
    first, *rest = captured.err.splitlines()
    assert first.startswith("sidecar: ")
    assert named in first
    assert len(rest) <= 1
    assert "serve --help" not in captured.err
    if rest and words[0] in cli.sidecar.commands and "See:" in rest[0]:
        assert rest[0] == f"  See: sidecar {words[0]} --help"
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    "words",
    [
        ["watch"],
        ["dashboard", "--no-open"],
        ["doctor", "--start"],
        ["record", "FILE"],
        ["call", "backend:status"],
        ["call", "backend:start"],
        ["call", "backend:version", "--set", "timeouts.startup=5"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("unset")
def test_a_tool_without_a_command_to_start_is_a_usage_error_that_says_what_to_write(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 64
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "No backend command given" in captured.err
    named = words[:2] if words[0] in {"doctor", "call", "record"} else words[:1]
    assert f"sidecar {' '.join(named)} -- " in captured.err


@pytest.mark.parametrize(
    ("words", "correct"),
    [
        ("watch ./app --port 5", "watch -- ./app --port 5"),
        ("watch ./app", "watch -- ./app"),
        ("watch --seconds 5 ./app --port {port}", "watch --seconds 5 -- ./app --port '{port}'"),
        ("doctor --start --set a.b=1 node server.js", "doctor --start --set a.b=1 -- node server.js"),
        ("dashboard ./app --host x", "dashboard -- ./app --host x"),
        ("record x.frames serve ./app --port 5", "record x.frames serve -- ./app --port 5"),
        (f"call backend:version {PROGRAM} A=b ./app", f"call backend:version -- {PROGRAM} A=b ./app"),
    ],
)
def test_a_forgotten_separator_is_answered_with_the_right_command_line(
    words: str, correct: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words.split()) == 64
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"sidecar: The backend's command goes after --\n  Write: sidecar {correct}\n"


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["help"], "Write: sidecar --help"),
        (["start", "--", "npm", "start"], "Write: sidecar watch -- COMMAND"),
        (["watch", "--port", "3000", "--", "npm", "start"], "--set backend.port=NUMBER"),
        (["watch", "--env", "A=1", "--", "npm", "start"], "--set backend.env.NAME=VALUE"),
        (["dashboard", "--port", "many"], "'many' is not a valid port number"),
        (["call", "backend:crashReport", "crash-1"], "as in '\"crash-1\"'"),
    ],
)
def test_words_of_other_tools_are_answered_with_what_does_it_here(
    words: list[str], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 64
    assert remedy in capsys.readouterr().err


def test_each_line_of_the_list_of_commands_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--help"])
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]
