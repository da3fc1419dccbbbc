from __future__ import annotations

import pytest
from msgspec import UNSET

from sidecar.firewall.check import FirewallFacts, Probe, diagnose
from sidecar.firewall.rules import Profile
from sidecar.firewall.verdict import Verdict, judge
from tests.support.firewall import PROGRAM, query_user, rule, snapshot

FAILURES: list[Probe] = ["refused", "timeout", "foreign", "reserved", "in_use", "proxy"]


def blocked() -> dict[Profile, Verdict]:
    found = snapshot([("a", rule()), *query_user()])
    return judge(found, PROGRAM, 5005)


def facts(
    probe: Probe | None = "ok", *, running: bool = True, owner: str = "", listeners: tuple[str, ...] = ()
) -> FirewallFacts:
    return FirewallFacts(PROGRAM, running, 5005, probe, owner, listeners)


def test_a_backend_that_answers_is_compatible_whatever_rules_say() -> None:
    check = diagnose(facts(), blocked())
    assert check.compatible
    assert check.message.startswith("The backend answers on 127.0.0.1:5005.")
    assert check.recommendation is UNSET


@pytest.mark.parametrize("probe", FAILURES)
def test_no_failure_on_loopback_is_blamed_on_the_firewall(probe: Probe) -> None:
    check = diagnose(facts(probe, owner="nginx.exe (pid 7)"), blocked())
    assert not check.compatible
    assert "This is not the Windows Firewall" in check.message
    assert isinstance(check.recommendation, str)
    assert "rule" not in check.recommendation
    assert "advfirewall" not in check.recommendation


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ("refused", "nothing listens on 127.0.0.1:5005 (connection refused)"),
        ("timeout", "did not answer on 127.0.0.1:5005 in time"),
        ("foreign", "Another program listens on 127.0.0.1:5005 instead of the backend: nginx.exe (pid 7)"),
        ("reserved", "port 5005 (error 10013)"),
        ("in_use", "Port 5005 is in use by nginx.exe (pid 7) (error 10048)"),
        ("proxy", "go to a proxy instead of to the backend: nginx.exe (pid 7)."),
    ],
)
def test_the_message_names_the_cause(probe: Probe, words: str) -> None:
    assert words in diagnose(facts(probe, owner="nginx.exe (pid 7)"), blocked()).message


def test_an_owner_that_is_not_known_is_another_program() -> None:
    assert "in use by another program" in diagnose(facts("in_use"), blocked()).message


def test_block_rules_are_mentioned_as_what_they_are() -> None:
    message = diagnose(facts(), blocked()).message
    assert "only affect connections from other machines" in message
    assert "private, public: blocked by “Aura.Api” (local)" in message
    assert "domain: no rule" in message


def test_rules_that_could_not_be_read_are_called_unknown() -> None:
    found = snapshot(states={"local": "unreadable"})
    message = diagnose(facts(), judge(found, PROGRAM, 5005)).message
    assert "domain, private, public: unknown (the local firewall rules cannot be read: Access is denied)" in message


def test_without_a_run_the_rules_alone_are_reported() -> None:
    check = diagnose(facts(None, running=False), blocked())
    assert check.compatible
    assert check.message.startswith("The backend is not running, so only the firewall's rules were checked.")
    assert "private, public: blocked by" in check.message
    assert check.recommendation is UNSET


@pytest.mark.parametrize("probe", ["foreign", "reserved", "in_use"])
def test_what_kept_the_backend_from_running_is_reported(probe: Probe) -> None:
    check = diagnose(facts(probe, running=False), blocked())
    assert not check.compatible
    assert check.message.startswith("The backend is not running. ")


def test_a_refused_connection_without_a_run_is_not_a_finding() -> None:
    assert diagnose(facts("refused", running=False), blocked()).compatible


def test_a_backend_that_was_not_probed_is_not_called_reachable() -> None:
    assert "no request was sent" in diagnose(facts(None), blocked()).message


def test_the_rules_decide_about_a_listener_beyond_loopback() -> None:
    message = diagnose(facts(listeners=("127.0.0.1", "0.0.0.0", "::1")), blocked()).message
    assert "also listens on 0.0.0.0, where the rules decide about other machines" in message


def test_a_program_or_owner_with_braces_is_only_text() -> None:
    assert "{port}" in diagnose(facts("foreign", owner="{port}"), blocked()).message
