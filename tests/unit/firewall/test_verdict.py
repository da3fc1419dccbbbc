from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.firewall.rules import RULES_KEY, Snapshot
from sidecar.firewall.verdict import Verdict, judge
from tests.support.firewall import PROGRAM, QUERY_USER, query_user, rule, snapshot

ALL = ("Domain", "Private", "Public")
# What a fresh Windows brings along, and what stores and shops add: none of it concerns an ordinary program.
BUILT_IN = [
    (
        "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=RPC|App=%systemroot%\\system32\\svchost.exe|Svc=Schedule|"
        "Name=@FirewallAPI.dll,-33253|Desc=@FirewallAPI.dll,-33256|EmbedCtxt=@FirewallAPI.dll,-33252|"
    ),
    "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Private|LPort=445|App=System|Name=@FirewallAPI.dll,-28511|",
    "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=58|ICMP6=1:*|App=System|Name=@FirewallAPI.dll,-25110|",
    (
        "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort2_20=TcpCDPSvc|App=%SystemRoot%\\system32\\svchost.exe|"
        "Svc=CDPSvc|Name=@FirewallAPI.dll,-37405|"
    ),
    (
        "v2.31|Action=Allow|Active=TRUE|Dir=In|Profile=Domain|Profile=Private|Name=@{App_1.0?ms-resource://x}|"
        "PFN=Microsoft.App_8wekyb3d8bbwe|LUOwn=S-1-5-21-1-2-3-1001|EmbedCtxt=x|Platform=2:6:2|Platform2=GTEQ|"
    ),
    "v2.31|Action=Block|Active=TRUE|Dir=In|Name=x|PFN=Microsoft.App_8wekyb3d8bbwe|",
    "v2.31|Action=Allow|Active=TRUE|Dir=Out|Protocol=6|Name=x|TTK2_27=UPnP|",
]
rule_texts = st.builds(
    rule,
    st.sampled_from(["Allow", "Block", "ByPass"]),
    active=st.booleans(),
    direction=st.sampled_from(["In", "Out"]),
    protocol=st.sampled_from([None, 6, 17]),
    profiles=st.lists(st.sampled_from(ALL)),
    app=st.sampled_from([None, PROGRAM, PROGRAM.upper(), r"%ProgramFiles%\other.exe", ""]),
    extra=st.sampled_from(["", "LPort=5005|", "LPort=RPC|", "RA4=LocalSubnet|", "Svc=*|", "Security=Authenticate|"]),
)
stores = st.lists(st.tuples(st.text(max_size=3), rule_texts | st.text()), max_size=8, unique_by=lambda value: value[0])


def verdicts(found: Snapshot, *, program: str = PROGRAM, port: int | None = None) -> dict[str, Verdict]:
    return {**judge(found, program, port)}


def names(found: Snapshot, *, program: str = PROGRAM, port: int | None = None) -> tuple[str, str, str]:
    judged = verdicts(found, program=program, port=port)
    return judged["domain"].name, judged["private"].name, judged["public"].name


def test_no_rule() -> None:
    assert names(snapshot([("a", rule(app=r"C:\other.exe"))])) == ("no_rule", "no_rule", "no_rule")


def test_an_allow_rule_counts_in_its_profile_only() -> None:
    assert names(snapshot([("a", rule(profiles=["Private"]))])) == ("no_rule", "allowed", "no_rule")


def test_a_block_beats_any_allow() -> None:
    found = snapshot([("a", rule("Allow", profiles=ALL)), *query_user(profiles=["Public"])])
    assert names(found) == ("allowed", "allowed", "blocked")


def test_a_block_of_policy_beats_an_allow_of_this_machine_and_the_reverse() -> None:
    allow, block = [("a", rule("Allow"))], [("b", rule("Block"))]
    assert names(snapshot(allow, policy=block))[1] == "blocked"
    assert names(snapshot(block, policy=allow))[1] == "blocked"
    assert names(snapshot(allow, mdm=block))[1] == "blocked"


def test_a_block_names_its_rules() -> None:
    pair = query_user()
    blocked = verdicts(snapshot(pair))["private"]
    assert [(e.store, e.value_name, e.raw) for e in blocked.rules] == [("local", QUERY_USER, pair[0][1])]
    assert "“Aura.Api” (local)" in blocked.reason


@pytest.mark.parametrize(
    "text",
    [
        rule("Block", active=False),
        rule("Block", direction="Out"),
        rule("Block", protocol=17),
        rule("Block", app=r"C:\other.exe"),
        rule("Block", profiles=["Public"]),
        rule("Block", app=None, extra="Svc=Dnscache|"),
        rule("Block", app=None, extra="AppPkgId=S-1-15-2-1|"),
        "no rule at all",
    ],
)
def test_what_does_not_concern_the_program_changes_nothing(text: str) -> None:
    assert names(snapshot([("a", rule()), ("b", text)]))[1] == "allowed"


def test_a_rule_for_every_program_and_protocol_counts() -> None:
    assert names(snapshot([("a", rule("Block", app=None, protocol=None, profiles=()))])) == ("blocked",) * 3


def test_the_path_may_be_spelled_otherwise() -> None:
    app = PROGRAM.upper().replace(r"C:\PROGRAM FILES", "%programfiles%")
    assert names(snapshot([("a", rule(app=app))]))[1] == "allowed"


def test_a_users_variable_in_the_path_is_a_condition() -> None:
    program = r"C:\Users\ada\AppData\Local\Aura\Aura.Api.exe"
    found = snapshot([("a", rule(app=r"%LOCALAPPDATA%\Aura\Aura.Api.exe"))])
    assert names(found, program=program)[1] == "conditional"


@pytest.mark.parametrize("extra", ["RA4=LocalSubnet|", "IFType=Lan|", "Security=Authenticate|", "FutureField=1|"])
def test_what_narrows_a_rule_makes_it_conditional(extra: str) -> None:
    assert names(snapshot([("a", rule(extra=extra))]))[1] == "conditional"
    assert names(snapshot([("a", rule()), ("b", rule("Block", extra=extra))]))[1] == "conditional"
    judged = verdicts(snapshot([("a", rule(extra=extra))]))["private"]
    assert extra.rstrip("|") in judged.reason


def test_a_narrow_allow_next_to_a_plain_one_is_allowed() -> None:
    assert names(snapshot([("a", rule(extra="RA4=LocalSubnet|")), ("b", rule())]))[1] == "allowed"


def test_a_bypass_is_for_authenticated_connections_only() -> None:
    assert names(snapshot([("a", rule("ByPass"))]))[1] == "conditional"


@pytest.mark.parametrize(
    ("port", "expected"), [(5005, "allowed"), (5010, "allowed"), (80, "no_rule"), (None, "conditional")]
)
def test_ports_of_the_programs_own_rule(port: int | None, expected: str) -> None:
    found = snapshot([("a", rule(extra="LPort2_10=5005-5010|"))])
    assert names(found, port=port)[1] == expected


@pytest.mark.parametrize(("port", "expected"), [(5005, "blocked"), (80, "no_rule"), (None, "no_rule")])
def test_ports_of_a_rule_for_every_program(port: int | None, expected: str) -> None:
    assert names(snapshot([("a", rule("Block", app=None, extra="LPort=5005|"))]), port=port)[1] == expected


def test_a_named_port_is_a_condition_for_the_program_and_nothing_for_others() -> None:
    assert names(snapshot([("a", rule(extra="LPort=RPC|"))]), port=5005)[1] == "conditional"
    assert names(snapshot([("a", rule(app=None, extra="LPort=RPC|"))]), port=5005)[1] == "no_rule"


def test_the_firewall_is_off() -> None:
    found = snapshot([("a", rule("Block"))], settings={("local", "StandardProfile"): {"EnableFirewall": 0}})
    assert names(found) == ("no_rule", "disabled", "no_rule")


def test_policy_overrides_the_local_switch() -> None:
    off, on = {"EnableFirewall": 0}, {"EnableFirewall": 1}
    settings = {("local", "PublicProfile"): on, ("policy", "PublicProfile"): off}
    assert names(snapshot(settings=settings))[2] == "disabled"
    settings = {("local", "PublicProfile"): off, ("policy", "PublicProfile"): on}
    assert names(snapshot(settings=settings))[2] == "no_rule"


def test_a_switch_that_is_not_there_is_on() -> None:
    assert names(snapshot(settings={("local", "DomainProfile"): {}}))[0] == "no_rule"


def test_no_exceptions_blocks_whatever_rules_allow() -> None:
    both = {"EnableFirewall": 1, "DoNotAllowExceptions": 1}
    for store in ("local", "mdm", "policy"):
        found = snapshot([("a", rule(profiles=ALL))], settings={(store, "DomainProfile"): both})
        assert names(found) == ("blocked", "allowed", "allowed")
        assert verdicts(found)["domain"].by_setting


def test_no_exceptions_of_this_machine_is_not_undone_by_policy() -> None:
    settings = {
        ("local", "DomainProfile"): {"EnableFirewall": 1, "DoNotAllowExceptions": 1},
        ("policy", "DomainProfile"): {"DoNotAllowExceptions": 0},
    }
    assert names(snapshot(settings=settings))[0] == "blocked"


def test_no_exceptions_means_nothing_if_the_firewall_is_off() -> None:
    settings = {("local", "DomainProfile"): {"EnableFirewall": 0, "DoNotAllowExceptions": 1}}
    assert names(snapshot(settings=settings))[0] == "disabled"


def test_without_merging_the_rules_of_this_machine_do_not_count() -> None:
    settings = {("policy", "PrivateProfile"): {"AllowLocalPolicyMerge": 0}}
    assert names(snapshot([("a", rule())], settings=settings))[1] == "no_rule"
    assert names(snapshot([("a", rule("Block"))], policy=[("b", rule())], settings=settings))[1] == "allowed"
    assert verdicts(snapshot(settings=settings))["private"].by_setting


def test_merging_is_decided_by_policy_alone() -> None:
    settings = {("local", "StandardProfile"): {"EnableFirewall": 1, "AllowLocalPolicyMerge": 0}}
    assert names(snapshot([("a", rule())], settings=settings))[1] == "allowed"


def test_the_old_policy_key_applies_to_private_and_public_if_neither_has_its_own() -> None:
    settings = {("policy", "StandardProfile"): {"EnableFirewall": 0}}
    assert names(snapshot(settings=settings)) == ("no_rule", "disabled", "disabled")
    settings["policy", "PublicProfile"] = {}
    assert names(snapshot(settings=settings)) == ("no_rule", "no_rule", "no_rule")


def test_the_default_action_may_be_to_allow() -> None:
    settings = {("local", "DomainProfile"): {"EnableFirewall": 1, "DefaultInboundAction": 0}}
    assert names(snapshot(settings=settings))[0] == "allowed"
    assert names(snapshot([("b", rule("Block", profiles=ALL))], settings=settings))[0] == "blocked"


def test_missing_policy_stores_are_empty() -> None:
    assert names(snapshot([("a", rule())], policy=None, mdm=None))[1] == "allowed"


def test_a_missing_local_store_is_unknown_and_never_no_rule() -> None:
    assert names(snapshot(None)) == ("unknown", "unknown", "unknown")


@pytest.mark.parametrize("store", ["local", "policy", "mdm"])
def test_a_store_that_cannot_be_read_is_unknown(store: str) -> None:
    found = snapshot([("a", rule(profiles=ALL))], states={store: "unreadable"})
    assert names(found) == ("unknown", "unknown", "unknown")
    assert "Access is denied" in verdicts(found)["private"].reason


def test_a_block_that_was_seen_counts_whatever_else_could_not_be_read() -> None:
    found = snapshot([("a", rule("Block"))], states={"policy": "unreadable"})
    assert names(found)[1] == "blocked"


def test_settings_that_are_missing_are_unknown() -> None:
    found = snapshot([("a", rule(profiles=ALL))])
    keys = {place: key for place, key in found.keys.items() if place[1] == RULES_KEY}
    assert names(Snapshot(keys)) == ("unknown", "unknown", "unknown")


def test_without_a_program_only_rules_for_every_program_say_something() -> None:
    assert names(snapshot([("a", rule())]), program="") == ("unknown", "unknown", "unknown")
    assert names(snapshot([("a", rule("Block", app=None))]), program="")[1] == "blocked"


@pytest.mark.parametrize("text", BUILT_IN)
def test_rules_that_every_windows_has_say_nothing_of_the_backend(text: str) -> None:
    assert names(snapshot([("a", text)]), port=5005) == ("no_rule", "no_rule", "no_rule")


@given(stores, stores, st.none() | st.integers(1, 65535))
def test_whatever_stands_in_the_stores_there_is_a_verdict_for_each_profile(
    local: list[tuple[str, str]], policy: list[tuple[str, str]], port: int | None
) -> None:
    judged = verdicts(snapshot(local, policy=policy), port=port)
    assert list(judged) == ["domain", "private", "public"]
    assert all(verdict.reason for verdict in judged.values())


@given(stores, st.randoms(use_true_random=False))
def test_the_order_of_the_rules_does_not_matter(local: list[tuple[str, str]], random: Random) -> None:
    shuffled = list(local)
    random.shuffle(shuffled)
    assert names(snapshot(local), port=5005) == names(snapshot(shuffled), port=5005)


@given(stores)
def test_a_plain_block_of_the_program_beats_everything(local: list[tuple[str, str]]) -> None:
    assert names(snapshot([*local, ("block", rule("Block", profiles=()))]), port=5005) == ("blocked",) * 3


@given(stores)
def test_a_rule_of_another_program_changes_nothing(local: list[tuple[str, str]]) -> None:
    other = ("other", rule("Block", profiles=(), app=r"C:\another.exe"))
    assert names(snapshot([*local, other]), port=5005) == names(snapshot(local), port=5005)
