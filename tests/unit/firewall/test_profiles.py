from __future__ import annotations

from sidecar.firewall.rules import Key, KeyState, Profile, Snapshot, StoreName
from sidecar.firewall.verdict import ProfileSettings, judge, settings_of
from tests.support.firewall import PROGRAM, snapshot

ON = {"EnableFirewall": 1}
OFF = {"EnableFirewall": 0}


def with_key(found: Snapshot, store: StoreName, key: str, state: KeyState) -> Snapshot:
    return Snapshot({**found.keys, (store, key): Key(state, error="Access is denied")})


def private(found: Snapshot) -> ProfileSettings:
    return settings_of(found, "private")


def verdict(found: Snapshot, profile: Profile = "private") -> str:
    return judge(found, PROGRAM, None)[profile].name


def test_policy_comes_before_device_management_and_that_before_the_machine() -> None:
    layers = {("local", "StandardProfile"): ON, ("mdm", "PrivateProfile"): OFF}
    assert not private(snapshot(settings=layers)).enabled
    layers["policy", "PrivateProfile"] = ON
    assert private(snapshot(settings=layers)).enabled


def test_an_unset_value_is_windows_default() -> None:
    found = private(snapshot(settings={("local", "StandardProfile"): {}}))
    assert found == ProfileSettings(enabled=True, shielded=False, local_rules=True, blocks_by_default=True)


def test_windows_ignores_the_case_of_a_values_name() -> None:
    assert not private(snapshot(settings={("local", "StandardProfile"): {"enablefirewall": 0}})).enabled


def test_device_management_may_call_the_private_profile_by_its_old_name() -> None:
    assert verdict(snapshot(settings={("mdm", "StandardProfile"): OFF})) == "disabled"
    assert verdict(snapshot(settings={("mdm", "StandardProfile"): OFF}), "public") == "no_rule"


def test_a_policy_that_cannot_be_read_makes_the_profile_unknown_whatever_the_machine_says() -> None:
    off = snapshot(settings={("local", "StandardProfile"): OFF})
    denied = with_key(off, "policy", "PrivateProfile", "unreadable")
    assert "Access is denied" in private(denied).unknown
    assert verdict(denied) == "unknown"


def test_no_exceptions_under_a_policy_that_cannot_be_read_is_unknown() -> None:
    shielded = snapshot(settings={("local", "StandardProfile"): {**ON, "DoNotAllowExceptions": 1}})
    assert verdict(with_key(shielded, "policy", "PrivateProfile", "unreadable")) == "unknown"


def test_a_policy_that_sets_the_switch_makes_up_for_missing_settings_of_the_machine() -> None:
    found = with_key(snapshot(settings={("policy", "PrivateProfile"): ON}), "local", "StandardProfile", "missing")
    assert private(found).unknown == ""
    assert verdict(found) == "no_rule"


def test_without_merging_rules_of_the_machine_need_not_be_readable() -> None:
    off = {("policy", "PrivateProfile"): {"AllowLocalPolicyMerge": 0}}
    assert verdict(snapshot(settings=off, states={"local": "unreadable"})) == "no_rule"
    assert verdict(snapshot(None, settings=off)) == "no_rule"
    assert verdict(snapshot(None, settings=off), "public") == "unknown"
