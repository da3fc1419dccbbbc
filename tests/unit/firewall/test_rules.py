from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.firewall.rules import PROFILES, expand, parse, program_key
from tests.support.firewall import ENVIRONMENT, NAME, PROGRAM, QUERY_USER, query_user, rule

ACTIONS = {"Allow": "allow", "Block": "block", "ByPass": "bypass"}
# What may stand in a field: anything but the separator.
texts = st.text(st.characters(blacklist_characters="|", blacklist_categories=("Cs",)), min_size=1, max_size=30)
field_names = st.text(st.characters(min_codepoint=65, max_codepoint=122, whitelist_categories=("Lu", "Ll")), min_size=1)
ports = st.integers(0, 65535)


@given(st.text())
def test_any_text_is_a_rule_or_none_and_never_an_error(text: str) -> None:
    found = parse("local", "id", text)
    assert found is None or found.raw == text


@given(st.lists(st.one_of(texts, st.builds("{}={}".format, field_names, texts))))
def test_any_fields_are_a_rule_or_none_and_never_an_error(fields: list[str]) -> None:
    text = "v2.10|Action=Allow|Dir=In|" + "".join(field + "|" for field in fields)
    found = parse("local", "id", text)
    assert found is None or found.raw == text


@given(
    action=st.sampled_from(sorted(ACTIONS)),
    active=st.booleans(),
    inbound=st.booleans(),
    protocol=st.none() | st.integers(0, 255),
    profiles=st.lists(st.sampled_from(["Domain", "Private", "Public"]), unique=True),
    app=st.none() | texts,
    name=texts,
)
def test_every_field_is_read_back_as_it_was_written(
    *, action: str, active: bool, inbound: bool, protocol: int | None, profiles: list[str], app: str | None, name: str
) -> None:
    direction = "In" if inbound else "Out"
    text = rule(action, active=active, direction=direction, protocol=protocol, profiles=profiles, app=app, name=name)
    found = parse("policy", "id", text)
    assert (found.store, found.value_name, found.raw) == ("policy", "id", text)
    assert (found.action, found.active, found.inbound) == (ACTIONS[action], active, inbound)
    assert (found.protocol, found.program, found.name) == (protocol, app, name)
    assert found.profiles == (frozenset(profile.lower() for profile in profiles) or frozenset(PROFILES))
    assert found.conditions == ()


@given(
    st.permutations(["Action=Block", "Dir=In", "Active=TRUE", "Protocol=6", "App=x", "Name=n", "LPort=80", "LPort=81"])
)
def test_the_order_of_the_fields_does_not_matter(fields: list[str]) -> None:
    found = parse("local", "id", "v2.10|" + "".join(field + "|" for field in fields))
    assert (found.action, found.active, found.protocol, found.program, found.name) == ("block", True, 6, "x", "n")
    assert sorted(found.ports) == [(80, 80), (81, 81)]


@given(field_names, texts)
def test_a_field_that_is_not_known_is_a_condition(name: str, value: str) -> None:
    found = parse("local", "id", f"v2.10|Action=Allow|Dir=In|Zz{name}={value}|")
    assert found.conditions == (() if value.lower() == "false" else (f"Zz{name}={value}",))


@given(st.lists(st.tuples(ports, ports), min_size=1))
def test_ports_are_single_numbers_and_ranges_and_may_be_repeated(ranges: list[tuple[int, int]]) -> None:
    fields = "".join(f"LPort={a}|" if a == b else f"LPort2_10={a}-{b}|" for a, b in ranges)
    found = parse("local", "id", rule(extra=fields))
    assert found.ports == tuple(ranges)


def test_a_named_port_is_a_keyword() -> None:
    found = parse("local", "id", rule(extra="LPort=RPC-EPMap|"))
    assert (found.ports, found.port_keywords) == ((), ("RPC-EPMap",))


def test_a_rule_that_does_not_say_it_is_active_is_off() -> None:
    found = parse("local", "id", "v2.10|Action=Allow|Dir=In|")
    assert not found.active


def test_a_rule_without_a_profile_is_for_all() -> None:
    found = parse("local", "id", rule(profiles=()))
    assert found.profiles == frozenset(PROFILES)


def test_the_prompts_rules_are_read_as_they_stand() -> None:
    name, text = query_user()[0]
    found = parse("local", name, text)
    assert (found.value_name, found.action, found.program) == (QUERY_USER, "block", PROGRAM.lower())
    assert found.profiles == {"private", "public"}
    assert found.conditions == ()


def test_an_indirect_name_stays_as_it_is() -> None:
    found = parse("local", "id", rule(name="@FirewallAPI.dll,-28502"))
    assert found.name == "@FirewallAPI.dll,-28502"


def test_a_value_may_contain_an_equals_sign() -> None:
    found = parse("local", "id", rule(name="a=b"))
    assert found.name == "a=b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Action=Allow|Dir=In|",
        "v2|Action=Allow|Dir=In|",
        "v2.10",
        "v2.10|Dir=In|",
        "v2.10|Action=Allow|",
        "v2.10|Action=Maybe|Dir=In|",
        "v2.10|Action=Allow|Dir=Up|",
        "v2.10|Action=Allow|Action=Block|Dir=In|",
        "v2.10|Action=Allow|Action=Allow|Dir=In|",
        "v2.10|Action=Allow|Dir=In|Protocol=tcp|",
        "v2.10|Action=Allow|Dir=In|Protocol=999|",
        "v2.10|Action=Allow|Dir=In|Protocol=²|",
        "v2.10|Action=Allow|Dir=In|Profile=Home|",
        "v2.10|Action=Allow|Dir=In|nonsense|",
    ],
)
def test_text_that_breaks_the_grammar_is_not_a_rule(text: str) -> None:
    assert parse("local", "id", text) is None


@pytest.mark.parametrize(
    "spelling",
    [
        PROGRAM,
        PROGRAM.upper(),
        PROGRAM.replace("\\", "/"),
        f'"{PROGRAM}"',
        "\\\\?\\" + PROGRAM,
        PROGRAM.replace("resources\\", "resources\\..\\resources\\.\\"),
    ],
)
def test_spellings_of_one_file_have_one_key(spelling: str) -> None:
    assert program_key(spelling) == program_key(PROGRAM)


def test_an_empty_path_has_an_empty_key() -> None:
    assert program_key("  ") == ""


def test_variables_of_the_machine_are_resolved() -> None:
    assert expand(r"%SystemRoot%\x.exe", ENVIRONMENT) == (r"C:\Windows\x.exe", ())


def test_program_files_is_the_64_bit_folder_as_for_the_firewall_service() -> None:
    seen_by_32_bits = {"PROGRAMFILES": r"C:\Program Files (x86)", "PROGRAMW6432": r"C:\Program Files"}
    assert expand(r"%ProgramFiles%\x.exe", seen_by_32_bits) == (r"C:\Program Files\x.exe", ())


def test_variables_of_the_user_are_resolved_and_doubted() -> None:
    assert expand(r"%LocalAppData%\x.exe", ENVIRONMENT) == (
        r"C:\Users\ada\AppData\Local\x.exe",
        ("%LocalAppData%",),
    )


def test_unknown_variables_stay() -> None:
    assert expand(r"%Nothing%\x.exe", ENVIRONMENT) == (r"%Nothing%\x.exe", ())


def test_the_name_is_what_people_see() -> None:
    found = parse("local", "id", rule())
    assert found.name == NAME


def test_an_unset_flag_is_not_a_condition() -> None:
    found = parse("local", "id", rule(extra="LOM=FALSE|PCross=TRUE|"))
    assert found.conditions == ("PCross=TRUE",)
