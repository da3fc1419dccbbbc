"""One process layer per test, with its own guardian."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest

if sys.platform == "win32":
    collect_ignore_glob = [
        "test_*.py"
    ]  # fork, signals, sessions and wait statuses: Windows has its own layer and tests
else:
    from sidecar.process.guardian import spawn_guardian
    from sidecar.process.posix import PosixProcessLayer

    @pytest.fixture
    def reports() -> list[str]:
        """The layer's log messages."""
        return []

    @pytest.fixture
    async def layer(reports: list[str]) -> AsyncIterator[PosixProcessLayer]:
        # Executed, not forked: the test process is big, and may have threads.
        layer = PosixProcessLayer(spawn_guardian(), reports.append, "/nowhere")
        yield layer
        assert await layer.close() == []
