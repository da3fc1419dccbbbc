from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.api.firewall_channels import FirewallChannels
from sidecar.settings.model import Backend, Settings


@pytest.mark.posix(reason="on Windows only administrators may make links")
def test_a_rule_is_about_the_program_itself_and_not_a_link_to_it(tmp_path: Path) -> None:
    program, link = tmp_path / "server", tmp_path / "link"
    program.write_bytes(Path(sys.executable).read_bytes()[:64])
    program.chmod(0o700)
    link.symlink_to(program)
    unused: Any = None
    channels = FirewallChannels(Settings(backend=Backend(command=(str(link),))), unused, unused)
    assert channels._program() == str(program.resolve())
