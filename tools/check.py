"""``python -m tools.check [NAME…]``: checks style and documents. Prints one line per finding; exits with 1 if there is any."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

from tools import ROOT
from tools.checks import (
    blocks,
    commands,
    hints,
    layers,
    links,
    names,
    other_pages,
    pictures,
    protocol_page,
    release,
    requirements,
    settings,
    troubleshooting,
    workflows,
)
from tools.generate import drift, generated

CHECKS: dict[str, Callable[[], Iterable[str]]] = {
    "generated": lambda: drift(ROOT, generated(ROOT)),
    "layers": layers.check,
    "hints": hints.check,
    "links": links.check,
    "names": names.check,
    "blocks": blocks.check,
    "commands": commands.check,
    "protocol-page": protocol_page.check,
    "other-pages": other_pages.check,
    "troubleshooting": troubleshooting.check,
    "pictures": pictures.check,
    "settings": settings.check,
    "workflows": workflows.check,
    "requirements": requirements.check,
    "release": release.check,
}


def main(words: list[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.check", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"only these checks: {', '.join(CHECKS)}")
    chosen = parser.parse_args(words).names or list(CHECKS)
    if unknown := set(chosen) - set(CHECKS):
        parser.error(f"no such check: {', '.join(sorted(unknown))}")
    findings = [line for name in chosen for line in CHECKS[name]()]
    sys.stdout.write("".join(f"{line}\n" for line in findings))
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
