"""``python -m tools.generate [--check] [--release]``: writes the generated files, or only compares them (status 1 on drift)."""

from __future__ import annotations

import argparse
import sys

from tools import ROOT

from . import drift, generated, golden, release, write


def main() -> int:
    """Runs the command. Prints one line for each file that differs or was written."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--release", action="store_true", help="also record the schemas as those of this version")
    options = parser.parse_args()
    if not golden.available():
        sys.stderr.write("tests/golden/frames: left out, because Node.js or electron-shim/node_modules is missing\n")
    files = generated(ROOT)
    lines = drift(ROOT, files) if options.check else [f"wrote {path}" for path in write(ROOT, files)]
    failed = options.check and bool(lines)
    if options.release and not options.check:
        mistakes = release.record(ROOT)
        failed = bool(mistakes)
        lines += mistakes
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
