"""The firewall channels through the real process, which reads the real registry of a Windows that tests may change.

These tests would change the firewall of a real machine, so they run only under Wine; the registry's own
tests (tests/unit/firewall/test_registry.py) write below a key of their own and run on any Windows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sidecar.firewall.check import KEY
from tests.support.backends import http_backend, trouble
from tests.support.client import SidecarClient, failure
from tests.support.firewall import in_wine, rule

winreg = pytest.importorskip("winreg", reason="the registry exists on Windows only")
registry = pytest.importorskip("sidecar.firewall.registry", reason="the registry exists on Windows only")

from tests.support.firewall_registry import Store, only_writer  # noqa: E402  # it needs winreg

if not in_wine():
    pytest.skip("would write rules into this machine's own firewall", allow_module_level=True)

NAME = "Aura Video Studio Backend"


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    with only_writer():
        yield


@pytest.fixture
def store() -> Iterator[Store]:
    """The machine's own stores, where the sidecar reads: the firewall is on and has no rule."""
    made = Store(winreg.HKEY_LOCAL_MACHINE, "")
    for key in ("DomainProfile", "StandardProfile", "PublicProfile"):
        made.settings("local", key, {"EnableFirewall": 1})
    made.rules("local", {})
    yield made
    made.delete(f"{registry.STORE_KEYS['local']}\\FirewallRules")


async def ask(channel: str, *args: Any) -> Any:
    async with SidecarClient(http_backend()) as client:
        await client.call("backend:waitForReady")
        return await client.call(channel, *args)


async def test_a_block_rule_is_reported_as_what_it_is_and_never_as_the_cause(store: Store) -> None:
    store.rules("local", {"{id}": rule("Block", app=sys.executable, profiles=())})
    answer = await ask("backend:checkFirewall")
    assert answer["compatible"] is True
    assert "blocked" in answer["message"]


async def test_a_rule_is_found_by_its_name_and_by_the_program(store: Store) -> None:
    assert (await ask("backend:getFirewallRule"))["exists"] is False
    store.rules("local", {"{named}": rule(app=r"C:\elsewhere.exe", name=NAME)})
    assert (await ask("backend:getFirewallRule"))["exists"] is True
    store.rules("local", {"{named}": rule(app=sys.executable, name="quite another")})
    found = await ask("backend:getFirewallRule")
    assert found["exists"] is True
    assert "quite another" in found["details"]


async def test_the_command_names_the_program_and_private_networks() -> None:
    command = await ask("backend:getFirewallCommand")
    assert f'program="{sys.executable}"' in command
    assert "profile=private" in command


async def test_a_preview_says_which_stale_rules_would_go_and_changes_nothing(store: Store) -> None:
    stale = {"{stale}": rule("Block", app=sys.executable, name="from the prompt")}
    store.rules("local", stale)
    answer = await ask("backend:createFirewallRule", {"preview": True})
    assert answer["created"] is False
    assert "from the prompt" in answer["replaced"][0]
    assert registry.read().key("local", "FirewallRules").values == stale


async def test_what_was_run_is_believed_only_when_the_registry_says_so(store: Store) -> None:
    """Wine's netsh does nothing and exits with 0, like a netsh disabled by a policy."""
    answer = await ask("backend:createFirewallRule")
    assert answer["created"] is False
    assert "not in the registry" in answer["details"]


async def test_no_elevation_prompt_for_a_rule_that_exists(store: Store) -> None:
    store.rules("local", {"{mine}": rule(app=sys.executable, name=NAME, profiles=["Private"])})
    answer = await ask("backend:createFirewallRule")
    assert answer["created"] is False
    assert "Nothing to do" in answer["details"]


async def test_a_rule_name_that_cannot_be_one_is_refused() -> None:
    client = SidecarClient(http_backend(), settings={"firewall.rule_name": 'two"parts'})
    async with client:
        assert (await failure(client.call("backend:getFirewallCommand"))).code == "INVALID_CONFIG"


async def test_a_proxy_that_takes_loopback_is_named_though_the_backend_answers() -> None:
    made = Store(winreg.HKEY_CURRENT_USER, "")
    made.write(KEY, {"ProxyEnable": 1, "ProxyServer": "proxy.example:3128", "ProxyOverride": "<local>;<-loopback>"})
    try:
        answer = await ask("backend:checkFirewall")
    finally:
        made.write(KEY, {"ProxyEnable": 0, "ProxyServer": "", "ProxyOverride": ""})
    assert answer["compatible"] is False
    assert "go to a proxy instead of to the backend: proxy.example:3128." in answer["message"]
    assert "<-loopback>" in answer["recommendation"]


async def test_an_answer_that_only_a_proxy_gives_is_reported_as_one() -> None:
    async with SidecarClient(http_backend()) as client:
        port = (await client.call("backend:waitForReady"))["port"]
        await trouble(port, "health?status=407")
        answer = await client.call("backend:checkFirewall")
    assert answer["compatible"] is False
    assert "go to a proxy" in answer["message"]
