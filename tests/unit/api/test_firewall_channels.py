from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sidecar.api import firewall_channels
from sidecar.api.firewall_channels import FirewallChannels
from sidecar.process.base import ProcessId
from sidecar.settings.model import Backend, Settings


def channels(command: str, server: int | None, *pids: int) -> FirewallChannels:
    """``server``: the pid that was seen listening; None: none was. ``pids``: the run's processes now."""
    process = SimpleNamespace(processes=lambda: [ProcessId(pid, 0.0) for pid in pids])
    supervisor: Any = SimpleNamespace(current=SimpleNamespace(server=server, process=process))
    client: Any = None
    return FirewallChannels(Settings(backend=Backend(command=(command,))), supervisor, client)


@pytest.mark.posix(reason="on Windows only administrators may make links")
def test_a_rule_is_about_the_program_itself_and_not_a_link_to_it(tmp_path: Path) -> None:
    program, link = tmp_path / "server", tmp_path / "link"
    program.write_bytes(Path(sys.executable).read_bytes()[:64])
    program.chmod(0o700)
    link.symlink_to(program)
    assert channels(str(link), None)._program() == str(program.resolve())


def test_a_rule_is_about_the_program_that_listens_and_not_its_launcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows npm.cmd and uvicorn.exe only start Node and Python, and the firewall goes by the listening program."""
    server = str((tmp_path / "node.exe").resolve())
    monkeypatch.setattr(firewall_channels, "program_of", {7: server}.get)
    assert channels(sys.executable, 7, 6, 7)._program() == server
    assert channels(sys.executable, 7, 6)._program() != server  # it ended, and another program has its pid
    monkeypatch.setattr(firewall_channels, "program_of", lambda _pid: "")
    assert channels(sys.executable, 7, 7)._program() == channels(sys.executable, None)._program() != server
