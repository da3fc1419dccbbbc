"""For contributors, in a checkout only: writes what is generated, and checks style and documents."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sidecar"
SHIM = ROOT / "electron-shim"


def read(path: str) -> str:
    """The text of a file of the checkout."""
    return (ROOT / path).read_text(encoding="utf-8")
