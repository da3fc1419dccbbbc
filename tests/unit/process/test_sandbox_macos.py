"""The profile for sandbox-exec, as far as it can be checked without a Mac."""

from __future__ import annotations

from msgspec import structs

from sidecar.process import sandbox
from sidecar.process.base import SandboxRequest

REQUEST = SandboxRequest("strict", ("/data",), (), (), 8123, (443, 5432), "/app/server", "/app")


def test_deny_rules_come_before_allow_rules() -> None:
    text = sandbox.profile(REQUEST, ["/data"])
    lines = text.splitlines()
    for what in ("file-write*", "signal", "network-bind", "network-outbound"):
        rules = [line.split()[0] for line in lines if line.split()[1].rstrip(")") == what]
        assert rules[0] == "(deny"
        assert set(rules[1:]) == {"(allow"}
    assert all(line.count("(") == line.count(")") for line in lines)
    assert '"*:8123"' in text
    assert '"*:443"' in text


def test_standard_connects_anywhere_and_a_reported_port_binds_any() -> None:
    text = sandbox.profile(structs.replace(REQUEST, level="standard", port=None), ["/data"])
    assert "network-" not in text


def test_a_path_cannot_end_its_rule() -> None:
    text = sandbox.profile(REQUEST, ['/a") (allow file-write* (subpath "/'])
    rule = next(line for line in text.splitlines() if line.startswith("(allow file-write*"))
    assert '\\"' in rule
    assert rule.replace('\\"', "").count('"') % 2 == 0
