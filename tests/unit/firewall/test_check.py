from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import pytest
from msgspec import UNSET

from sidecar.errors import UnsupportedError
from sidecar.firewall import check
from sidecar.firewall.check import FirewallFacts, check_firewall, create_rule, find_rule
from sidecar.firewall.rules import Snapshot
from sidecar.settings.load import load
from sidecar.wire.messages import FirewallCheck, FirewallRule
from tests.support.firewall import NAME, PROGRAM, query_user, rule, snapshot

SETTINGS = load(profile="aura", environ={}).settings.firewall
Describe = Callable[[Snapshot, Sequence[str], str], FirewallRule]
NAMES = (SETTINGS.rule_name, *SETTINGS.other_names)


@pytest.fixture
def describe(monkeypatch: pytest.MonkeyPatch) -> Describe:
    """``find_rule`` on a Windows whose registry holds what is given first."""

    def found(read: Snapshot, names: Sequence[str], program: str) -> FirewallRule:
        monkeypatch.setattr(check, "HAS_FIREWALL", True)
        monkeypatch.setattr(check, "_read", lambda: read)
        return find_rule(names, program)

    return found


def test_off_windows_the_answers_are_the_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "HAS_FIREWALL", False)
    assert check_firewall(FirewallFacts(PROGRAM)) == FirewallCheck(True, "Not Windows")
    assert find_rule(NAMES, PROGRAM) == FirewallRule(None, error="Not Windows")


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows it would ask for elevation")
def test_off_windows_no_rule_can_be_created() -> None:
    with pytest.raises(UnsupportedError):
        create_rule(PROGRAM, NAME)


@pytest.mark.parametrize(
    "name", ["Aura Video Studio Backend", "aura video studio", "Aura Video Studio Backend (Public)"]
)
def test_any_name_that_installers_gave_counts(name: str, describe: Describe) -> None:
    found = describe(snapshot([("a", rule(name=name, app=r"C:\other.exe"))]), NAMES, PROGRAM)
    assert found.exists is True


def test_the_program_counts_under_any_name(describe: Describe) -> None:
    assert describe(snapshot(query_user()), NAMES, PROGRAM).exists is True
    app = PROGRAM.replace(r"C:\Program Files", "%ProgramFiles%").upper()
    assert describe(snapshot([("a", rule(name="@x.dll,-1", app=app))]), NAMES, PROGRAM).exists is True


def test_the_program_may_be_unknown(describe: Describe) -> None:
    assert describe(snapshot([("a", rule(app=None))]), NAMES, "").exists is True
    assert describe(snapshot([("a", rule(app=None, name="b"))]), NAMES, "").exists is False


def test_exists_is_false_only_if_everything_was_read(describe: Describe) -> None:
    assert describe(snapshot(), NAMES, PROGRAM).exists is False
    assert describe(snapshot(None), NAMES, PROGRAM).exists is None
    denied = describe(snapshot(states={"policy": "unreadable"}), NAMES, PROGRAM)
    assert denied.exists is None
    assert denied.error == "Some facts are unknown: the policy firewall rules cannot be read: Access is denied"


def test_a_rule_that_was_seen_exists_whatever_else_could_not_be_read(describe: Describe) -> None:
    found = describe(snapshot([("a", rule())], states={"policy": "unreadable"}), NAMES, PROGRAM)
    assert found.exists is True
    assert found.error is UNSET


def test_the_details_are_text_with_verdicts_and_evidence(describe: Describe) -> None:
    raw = rule(active=False)
    details = describe(snapshot([("the-id", raw)]), NAMES, PROGRAM).details
    assert details.split("\n") == [
        "domain: no_rule (no rule)",
        "private: no_rule (no rule)",
        "public: no_rule (no rule)",
        f"Aura Video Studio Backend [allow, switched off; local; the-id] {raw}",
    ]


def test_outgoing_rules_do_not_count(describe: Describe) -> None:
    assert describe(snapshot([("a", rule(direction="Out"))]), NAMES, PROGRAM).exists is False


def test_on_windows_the_check_reads_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "HAS_FIREWALL", True)
    monkeypatch.setattr(check, "_read", lambda: snapshot(query_user()))
    answer = check_firewall(FirewallFacts(PROGRAM, running=True, port=5005, probe="timeout"))
    assert not answer.compatible
    assert "private, public: blocked by “Aura.Api” (local)" in answer.message
