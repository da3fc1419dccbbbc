"""The firewall channels: gathers what the firewall package needs, and runs it in a thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from .. import errors
from ..backend.client import BackendClient
from ..backend.command import find_command
from ..core.events import Conflict
from ..process import program_of
from ..settings.model import Settings
from ..supervisor import Supervisor
from ..threads import in_thread
from ..wire.channels import CreateFirewallRuleArgs
from ..wire.messages import CreatedFirewallRule, FirewallCheck, FirewallRule

if TYPE_CHECKING:
    from ..firewall.check import FirewallFacts

# Proxy Authentication Required: only a proxy answers this (RFC 9110, 15.5.8), and ours was asked directly, so a filter
# in between has redirected the connection.
_PROXY_WANTS_A_PASSWORD = 407
_CONFLICTS = {Conflict.FORBIDDEN: "reserved", Conflict.IN_USE: "in_use"}
_PROBE = 1.0  # seconds, of the three that a check may take


class FirewallChannels(Struct, frozen=True):
    """Imports the firewall package at the first request: no other part of serve needs it."""

    settings: Settings
    supervisor: Supervisor
    client: BackendClient

    def table(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "backend:checkFirewall": self.check,
            "backend:getFirewallRule": self._find_rule,
            "backend:getFirewallCommand": self._command,
            "backend:createFirewallRule": self._create_rule,
        }

    async def check(self) -> FirewallCheck:
        from ..firewall.check import check_firewall

        facts = await self._facts()
        return await in_thread(lambda: check_firewall(facts))

    async def _find_rule(self) -> FirewallRule:
        from ..firewall.check import find_rule

        firewall, program = self.settings.firewall, self._program()
        names = [name for name in (firewall.rule_name, *firewall.other_names) if name]
        return await in_thread(lambda: find_rule(names, program))

    def _command(self) -> str | None:
        from ..firewall import HAS_FIREWALL
        from ..firewall.create import add_rule

        program = self._program()
        return add_rule(program, self._rule_name(program)) if HAS_FIREWALL else None

    async def _create_rule(self, args: CreateFirewallRuleArgs | None = None) -> CreatedFirewallRule:
        from ..firewall.check import create_rule

        program = self._program()
        name = self._rule_name(program)
        preview = args is not None and args.preview
        return await in_thread(lambda: create_rule(program, name, preview=preview))

    def _rule_name(self, program: str) -> str:
        from pathlib import Path

        return self.settings.firewall.rule_name or Path(program).stem or "backend"

    def _program(self) -> str:
        """Returns the program that listens, else the backend's executable, which may be a launcher (npm.cmd, uvicorn.exe); empty if none."""
        # Resolves links and drives of subst, which exist in one session only (DefineDosDevice).
        run = self.supervisor.current
        server = run.server if run is not None else None
        tree = run.process.processes() if run is not None and run.process is not None else ()
        # Another program may have its pid by now.
        listening = program_of(server) if server is not None and any(one.pid == server for one in tree) else ""
        try:
            return os.path.realpath(listening or find_command(self.settings, os.environ).argv[0])
        except errors.SidecarError:
            return ""

    async def _facts(self) -> FirewallFacts:
        from ..firewall.check import FirewallFacts

        supervisor = self.supervisor
        run = supervisor.run
        current = supervisor.current
        running = current is not None and current.alive
        probe: Any = None
        owner = ""
        if current is not None and running:
            probe = "foreign" if current.listener == "foreign" else await self._probe()
        elif run is not None:
            probe = _CONFLICTS.get(run.conflict) if run.conflict else None
        if run is not None and run.owner_pid is not None:
            owner = run.owner_text
        if probe in {"ok", "proxy"}:
            from ..firewall.check import read_proxy

            proxy = await in_thread(read_proxy)
            if proxy or probe == "proxy":
                probe, owner = "proxy", proxy or "one that is not configured here"
        sockets = current.listeners() if current is not None else None
        return FirewallFacts(
            program=self._program(),
            running=running,
            port=run.port if run is not None else None,
            probe=probe,
            owner=owner,
            listeners=tuple(socket.address for socket in sockets or ()),
        )

    async def _probe(self) -> str:
        backend = self.settings.backend
        try:
            await self.client.get(backend.live_path or "/", timeout=_PROBE)
        except errors.HttpFailedError as error:
            if error.status == _PROXY_WANTS_A_PASSWORD:
                return "proxy"
            return error.kind if error.kind in {"refused", "timeout"} else "ok"
        return "ok"
