from __future__ import annotations

import pytest

from sidecar.argv import asks_for_help, parse, wants_serve
from sidecar.errors import UsageError


def test_nothing_but_serve_gives_the_defaults() -> None:
    for argv in (["serve"], []):
        boot = parse(argv)
        assert (boot.max_frame, boot.max_in_flight) == (16 * 1024 * 1024, 256)
        assert (boot.config, boot.profile, boot.overrides, boot.command) == (None, None, [], None)


def test_every_option_in_both_forms() -> None:
    apart = "serve --config c.toml --profile generic --set backend.port=5 --set log.level=debug --max-frame 4096 --max-in-flight 1"
    joined = "--config=c.toml --profile=generic --set=backend.port=5 --set=log.level=debug --max-frame=4096 --max-in-flight=1"
    for line in (apart, joined):
        boot = parse([*line.split(), "--", "cmd", "--config", "--", "x"])
        assert (boot.config, boot.profile, boot.max_frame, boot.max_in_flight) == ("c.toml", "generic", 4096, 1)
        assert boot.overrides == ["backend.port=5", "log.level=debug"]
        assert boot.command == ["cmd", "--config", "--", "x"]


def test_a_value_may_hold_equals_signs_and_be_empty() -> None:
    assert parse(["--set", "backend.url=http://127.0.0.1/?a=b"]).overrides == ["backend.url=http://127.0.0.1/?a=b"]
    assert parse(["--set=backend.cwd=", "--set", "profile=aspnet"]).overrides == ["backend.cwd=", "profile=aspnet"]
    assert parse(["--metrics=/a=b.prom"]).metrics == "/a=b.prom"


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["--confg", "x"], "'--confg'"),
        (["-x"], "'-x'"),
        (["run"], "'run'"),
        (["serve", "serve"], "'serve'"),
        (["--config"], "--config needs a value"),
        (["--config="], "--config needs a value"),
        (["--config", "--", "x"], "--config needs a value"),
        (["--set", "port=5"], "SECTION.NAME=VALUE"),
        (["--set", "backend.port"], "SECTION.NAME=VALUE"),
        (["--set", ".port=5"], "SECTION.NAME=VALUE"),
        (["--max-frame", "x"], "'x'"),
        (["--max-frame", "4095"], "4096"),
        (["--max-frame", str(1024**3 + 1)], "1073741824"),
        (["--max-frame", "-5"], "'-5'"),
        (["--max-frame", "٤٠٩٦٠"], "whole number"),
        (["--max-frame", "9" * 5000], "whole number"),
        (["--max-in-flight=0"], "from 1 to"),
        (["--metrics", "a.txt"], "FILE.prom"),
        (["--"], "Nothing follows"),
    ],
)
def test_what_cannot_be_understood_is_named(argv: list[str], named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(argv)
    assert named in caught.value.message
    assert caught.value.hint is not None
    assert "serve --help" in caught.value.hint
    assert caught.value.exit_status == 64


def test_help_belongs_to_the_command_line_library_unless_it_is_the_backends() -> None:
    assert asks_for_help(["--help"])
    assert asks_for_help(["--config", "x", "-h"])
    assert not asks_for_help(["--", "dotnet", "--help"])
    assert wants_serve(["serve", "--", "dotnet", "--help"])
    assert not wants_serve(["serve", "--help"])
    assert not wants_serve(["demo"])


def test_no_subcommand_means_serve_when_stdin_is_not_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal in (False, True):
        monkeypatch.setattr("sidecar.argv.has_terminal", lambda terminal=terminal: terminal)
        assert wants_serve([]) is not terminal
        assert wants_serve(["--config", "x"]) is not terminal
        assert wants_serve(["serve"])
        assert not wants_serve(["--version"])
