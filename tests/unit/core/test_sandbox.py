"""What each version of Landlock enforces of a level."""

from __future__ import annotations

import pytest

from sidecar.core.sandbox import PROTECTIONS, Level, describe_missing, enforcement, partly

STANDARD = {each.name for each in PROTECTIONS if not each.strict_only}
ALL = {each.name for each in PROTECTIONS}


@pytest.mark.parametrize("abi", range(9))
@pytest.mark.parametrize(("level", "wanted"), [("standard", STANDARD), ("strict", ALL)])
def test_each_protection_is_enforced_from_its_version_on(level: Level, wanted: set[str], abi: int) -> None:
    found = enforcement(level, abi, port_known=True)
    expected = {each.name for each in PROTECTIONS if each.name in wanted and each.abi <= abi}
    assert set(found.enforced) == expected
    assert {each.name for each in found.missing} == wanted - expected
    assert found.mechanism == (f"Landlock ABI {abi}" if abi else "no_new_privs")
    for each in found.missing:
        assert ("this kernel has no Landlock" if abi == 0 else f"this kernel has ABI {abi}") in each.reason


def test_a_reported_port_leaves_binding_open() -> None:
    missing = enforcement("standard", 7, port_known=False).missing
    assert [each.name for each in missing] == ["bind"]
    assert 'backend.port = "reported"' in missing[0].reason


def test_root_without_a_capability_keeps_the_others() -> None:
    missing = enforcement("standard", 7, port_known=True, privileges=False).missing
    assert [each.name for each in missing] == ["privileges"]


def test_a_system_without_any_lists_all_in_one_sentence() -> None:
    found = partly("strict", "Windows")
    assert {each.name for each in found.missing} == ALL
    assert describe_missing(found).count("not available on Windows") == 1


def test_a_system_with_some_lists_both() -> None:
    found = partly("standard", "macOS", mechanism="sandbox-exec", provided=frozenset({"write", "connect"}))
    assert found.enforced == ("write",)
    assert {each.name for each in found.missing} == STANDARD - {"write"}
