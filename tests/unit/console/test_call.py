from __future__ import annotations

import datetime

import msgspec
import pytest

from sidecar.console.call import arguments, check_arguments, needs_backend
from sidecar.console.sentences import as_json
from sidecar.errors import InvalidArgsError, UsageError
from sidecar.wire.channels import CHANNELS


def test_arguments_are_json_values() -> None:
    assert arguments(['"suspend"', "1.5", '{"lines": 3}', "null"]) == ["suspend", 1.5, {"lines": 3}, None]


def test_an_argument_that_is_not_json_is_named_with_the_remedy() -> None:
    with pytest.raises(UsageError, match=r"Argument 2 .* suspend") as caught:
        arguments(["1", "suspend"])
    assert "quotes" in (caught.value.hint or "")


def test_bytes_and_times_become_text() -> None:
    noon = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)
    assert msgspec.json.decode(as_json({"a": b"\x00\xff", "b": noon})) == {"a": "AP8=", "b": "2026-01-02T12:00:00Z"}


def test_only_what_is_about_a_running_backend_starts_one() -> None:
    needing = {name for name in CHANNELS if needs_backend(name)}
    assert {"backend:version", "backend:health", "backend:status", "backend:logs"} <= needing
    assert not needing & {"backend:start", "backend:getFirewallCommand", "sidecar:ping", "runtime:getBootstrap"}


@pytest.mark.parametrize(
    ("channel", "argument", "right"),
    [
        ("backend:crashReport", {"nam": "x"}, "did you mean name?"),
        ("sidecar:power", "suspnd", "did you mean suspend?"),
        ("backend:waitForReady", {"timeout": "5s"}, "takes timeout"),
    ],
)
def test_the_right_one_is_named_for_a_typo(channel: str, argument: object, right: str) -> None:
    with pytest.raises(InvalidArgsError) as caught:
        check_arguments(channel, [argument])
    assert right in f"{caught.value.message} {caught.value.hint}"
