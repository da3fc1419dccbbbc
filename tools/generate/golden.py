"""tests/golden/frames/*.json: the bytes that the product's two encoders write. A changed byte changes the wire format."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib import import_module
from typing import Any

from tools import ROOT, SHIM

_ENCODER = ROOT / "tests" / "golden" / "encode.js"


def available() -> bool:
    """Whether the shim's encoder can run here."""
    return shutil.which("node") is not None and (SHIM / "node_modules" / "msgpackr").is_dir()


def frames() -> dict[str, dict[str, Any]]:
    """Returns name → the contents of the case's file; empty if the shim's encoder cannot run."""
    if not available():
        return {}
    cases: dict[str, tuple[str, Any]] = import_module("tests.golden.cases").CASES
    encoded = import_module("tests.golden.frames").encoded
    values = json.dumps({name: value for name, (_, value) in cases.items()})
    answer = subprocess.run(["node", str(_ENCODER)], input=values, capture_output=True, text=True, check=True)  # noqa: S607 - found on PATH
    javascript: dict[str, str] = json.loads(answer.stdout)
    return {
        name: {"meaning": meaning, "value": value, "python": encoded(value).hex(), "javascript": javascript[name]}
        for name, (meaning, value) in cases.items()
    }
