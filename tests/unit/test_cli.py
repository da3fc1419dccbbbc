from __future__ import annotations

import os

import pytest

from sidecar import __version__, cli


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
        (["demo", "--seconds", "many"], "'many'"),
        (["demo", "--seconds", "1"], "--seconds"),
        (["demo", "--", "backend"], "after '--'"),
        (["call"], "CHANNEL"),
        (["call", "sidecar:ping", "{"], "Argument 1"),
        (["call", "sidecar:ping", "--set"], "--set"),
        (["watch", "my-backend"], "after --"),
        (["record"], "FILE"),
        (["record", "a", "other"], "after --"),
        (["frames", "/nonexistent/file"], os.path.normpath("/nonexistent/file")),
        (["frames", "a", "--", "backend"], "after '--'"),
        (["replay"], "FILE"),
        (["completion", "cmd"], "'cmd'"),
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
    assert "Traceback" not in captured.err
