"""Guardians with changed behaviour."""

from __future__ import annotations

import pytest

from sidecar.process import guardian


def change_guardians(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """Makes each new guardian execute the statement first, with ``tree`` and ``killing`` of sidecar.process imported."""
    *python, code, flag = guardian._command()
    code = code.replace("; from ", f"; from sidecar.process import killing, tree; {statement}; from ", 1)
    monkeypatch.setattr(guardian, "_command", lambda: [*python, code, flag])
