"""Tools for contributors, in a checkout only: write the generated files, and check style and documents."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sidecar"
SHIM = ROOT / "electron-shim"


def read(path: str) -> str:
    """Returns the text of a file in the checkout."""
    return (ROOT / path).read_text(encoding="utf-8")
