"""Rules and settings in a real registry, under the test's own key: a machine's firewall is never touched."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator

import pytest

from sidecar.firewall import check
from sidecar.firewall.check import FirewallFacts, check_firewall, find_rule
from sidecar.firewall.rules import PROFILES, RULES_KEY, Key, Snapshot
from sidecar.firewall.verdict import judge
from sidecar.settings.load import load
from tests.support.firewall import PROGRAM, QUERY_USER, in_wine, query_user, rule

winreg = pytest.importorskip("winreg", reason="the registry exists on Windows only")
registry = pytest.importorskip("sidecar.firewall.registry", reason="the registry exists on Windows only")

from tests.support.firewall_registry import Store, only_writer  # noqa: E402  # it needs winreg

SETTINGS = load(profile="aura", environ={}).settings.firewall
NAMES = (SETTINGS.rule_name, *SETTINGS.other_names)
ON = {"EnableFirewall": 1}
Read = Callable[[], Snapshot]


@pytest.fixture
def prefix() -> str:
    return f"Software\\sidecar-test-{os.getpid()}-{time.monotonic_ns()}"


@pytest.fixture
def store(prefix: str) -> Iterator[Store]:
    """A healthy machine without rules: the firewall is on in every profile."""
    made = Store(winreg.HKEY_CURRENT_USER, prefix + "\\")
    for key in ("DomainProfile", "StandardProfile", "PublicProfile"):
        made.settings("local", key, ON)
    made.rules("local", {})
    yield made
    made.delete(prefix)


@pytest.fixture
def read(store: Store, prefix: str) -> Read:
    return lambda: registry.read(prefix, current_user=True)


def rules(found: Snapshot) -> Key:
    return found.key("local", RULES_KEY)


def names(found: Snapshot) -> tuple[str, ...]:
    verdicts = judge(found, PROGRAM, 5005)
    return tuple(verdicts[profile].name for profile in PROFILES)


def test_no_rule(read: Read) -> None:
    assert names(read()) == ("no_rule", "no_rule", "no_rule")


def test_policy_overrides(store: Store, read: Read) -> None:
    store.rules("local", {"a": rule(profiles=())})
    store.rules("policy", {"gp": rule("Block", profiles=["Private"])})
    store.settings("policy", "PublicProfile", {"EnableFirewall": 0})
    assert names(read()) == ("allowed", "blocked", "disabled")


def test_device_management_counts(store: Store, read: Read) -> None:
    store.rules("mdm", {"m": rule("Block", profiles=["Private"])})
    assert names(read()) == ("no_rule", "blocked", "no_rule")


def test_the_pair_that_a_cancelled_prompt_leaves(store: Store, read: Read) -> None:
    store.rules("local", dict(query_user()))
    found = read()
    assert names(found) == ("no_rule", "blocked", "blocked")
    rules = judge(found, PROGRAM, None)["private"].rules
    assert [(rule.store, rule.value_name, rule.raw) for rule in rules] == [("local", *query_user()[0])]


def test_indirect_names_are_found_by_program(store: Store, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    app = PROGRAM.replace("C:\\Windows", "%SystemRoot%")
    store.rules("local", {"a": rule(name="@%ProgramFiles%\\x.dll,-28502", app=app)})
    monkeypatch.setattr(check, "_read", read)
    found = find_rule(NAMES, PROGRAM)
    assert found.exists is True
    assert "@%ProgramFiles%\\x.dll,-28502" in found.details


def test_the_whole_answer_from_the_registry(store: Store, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    store.rules("local", dict(query_user()))
    monkeypatch.setattr(check, "_read", read)
    answer = check_firewall(FirewallFacts(PROGRAM, running=True, port=5005, probe="refused"))
    assert not answer.compatible
    assert "This is not the Windows Firewall" in answer.message
    assert "private, public: blocked by" in answer.message
    assert QUERY_USER in find_rule(NAMES, PROGRAM).details


def test_a_missing_local_store_is_unknown(store: Store, read: Read, prefix: str) -> None:
    store.delete(f"{prefix}\\{registry.STORE_KEYS['local']}\\FirewallRules")
    assert rules(read()).state == "missing"
    assert names(read()) == ("unknown", "unknown", "unknown")


def test_denied_is_distinguished_from_missing(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_hive: int, path: str, *_: object) -> object:
        raise PermissionError(13, "Access is denied", path, 5)

    monkeypatch.setattr(winreg, "OpenKeyEx", denied)
    found = read()
    assert {key.state for key in found.keys.values()} == {"unreadable"}
    assert "denied" in rules(found).error.lower()
    assert names(found) == ("unknown", "unknown", "unknown")


def test_values_of_another_type_are_neither_rules_nor_settings(store: Store, read: Read) -> None:
    store.write(f"{registry.STORE_KEYS['local']}\\FirewallRules", {"number": 7})
    store.write(f"{registry.STORE_KEYS['local']}\\PublicProfile", {"EnableFirewall": "0"})
    assert rules(read()).values == {"number": 7}
    assert names(read())[2] == "no_rule"


def test_rules_that_are_deleted_meanwhile_end_the_list_early(
    store: Store, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.rules("local", {"a": rule(), "b": rule()})
    real = winreg.EnumValue

    def gone(key: object, index: int) -> object:
        if index == 1:
            raise OSError(22, "No more data is available", None, 259)
        return real(key, index)

    monkeypatch.setattr(winreg, "EnumValue", gone)
    assert len(rules(read()).values) == 1


def test_a_thousand_rules_are_read_and_judged_well_within_the_promise(store: Store, read: Read) -> None:
    others = {f"{{{n:08d}}}": rule(app=rf"%ProgramFiles%\Other {n}\other.exe", extra="LPort=80|") for n in range(999)}
    store.rules("local", {**others, "mine": rule()})
    took = []
    for _ in range(5):
        started = time.perf_counter()
        found = read()
        assert names(found) == ("no_rule", "allowed", "no_rule")
        took.append(time.perf_counter() - started)
    assert len(rules(found).values) == 1000
    print(f"1000 rules: read and judged in {statistics.median(took) * 1000:.0f} ms (median of 5)")
    assert statistics.median(took) < 3.0  # the promise of the firewall check


def test_the_machines_own_keys_can_be_read() -> None:
    found = registry.read()
    assert {store for store, _ in found.keys} == {"policy", "mdm", "local"}
    assert len(judge(found, PROGRAM, None)) == 3


@pytest.mark.skipif(not in_wine(), reason="it writes the machine's firewall keys, which only a throw-away one may lose")
@only_writer()
def test_rules_are_read_from_the_machines_own_keys() -> None:
    machine = Store(winreg.HKEY_LOCAL_MACHINE, "")
    before = registry.read()
    assert before.key("policy", RULES_KEY).state == "missing"
    machine.rules("policy", {"sidecar-test": rule("Block", profiles=())})
    try:
        assert registry.read().key("policy", RULES_KEY).values == {"sidecar-test": rule("Block", profiles=())}
    finally:
        machine.delete(registry.STORE_KEYS["policy"])
    local = f"{registry.STORE_KEYS['local']}\\FirewallRules"
    existed = rules(before).state == "read"
    machine.write(local, {"sidecar-test": rule()})
    try:
        assert rules(registry.read()).values["sidecar-test"] == rule()
    finally:
        if existed:
            with winreg.OpenKeyEx(machine.hive, local, 0, winreg.KEY_WRITE | winreg.KEY_WOW64_64KEY) as key:
                winreg.DeleteValue(key, "sidecar-test")
        else:
            machine.delete(local)
