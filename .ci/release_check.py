"""Holds the parts of a release against one another: version, package versions, changelog, kept schemas and tag.

    python .ci/release_check.py                          the versions agree (the gate)
    python .ci/release_check.py --tag v1.2.3             and this tag may be released
    python .ci/release_check.py --tag v1.2.3 --notes F   and writes the changelog's section to F
    python .ci/release_check.py --repository ADDRESS     and the packages name this repository

Standard library only, and nothing of the product is imported: it runs before anything is installed. Prints the version;
every mismatch is reported on stderr, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What PEP 440 and Semantic Versioning both take: npm and PyPI must be given the same text.
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_HEADING = re.compile(r"^## (\S+)(?: - (\S+))?$", re.MULTILINE)


def version_of(root: Path) -> str:
    """``sidecar.__version__``; empty if missing."""
    found = re.search(r'^__version__ = "([^"]+)"$', read(root / "sidecar" / "__init__.py"), re.MULTILINE)
    return found[1] if found else ""


def read(path: Path) -> str:
    """A file's text; empty if it does not exist."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def sections(changelog: str) -> dict[str, tuple[str, str]]:
    """Version → (date, text) of a changelog, the newest first; the date is empty where the heading has none."""
    found = list(_HEADING.finditer(changelog))
    ends = [*(match.start() for match in found), len(changelog)][1:]
    return {
        match[1]: (match[2] or "", changelog[match.end() : end].strip()) for match, end in zip(found, ends, strict=True)
    }


def disagreements(root: Path, tag: str | None) -> Iterator[str]:
    """One sentence for each.

    Args:
        root: the checkout.
        tag: what is to be released; None: nothing is, only the versions must agree.
    """
    version = version_of(root)
    if not _VERSION.fullmatch(version):
        yield f"sidecar/__init__.py: __version__ is {version!r}; it must be MAJOR.MINOR.PATCH"
        return
    if 'version = { attr = "sidecar.__version__" }' not in read(root / "pyproject.toml"):
        yield "pyproject.toml: the version is not taken from sidecar.__version__"
    package = json.loads(read(root / "electron-shim" / "package.json") or "{}").get("version")
    if package != version:
        yield f"electron-shim/package.json: version is {package!r}, sidecar.__version__ is {version!r}"
    manifest = json.loads(read(root / "electron-shim" / "package.json") or "{}")
    for name, wanted in manifest.get("optionalDependencies", {}).items():
        if wanted != version:
            yield f"electron-shim/package.json: {name} is {wanted!r}, sidecar.__version__ is {version!r}"
    log = sections(read(root / "CHANGELOG.md"))
    if not {"Unreleased", version} & set(log):
        yield f"CHANGELOG.md: it has neither a section Unreleased nor one for {version}"
    if tag is not None:
        yield from _unready(root, tag, version, log)


def misplaced(root: Path, repository: str | None) -> Iterator[str]:
    """Packages that name another repository: npm refuses their provenance, and their pages would lead elsewhere."""
    if repository is None:
        return
    named = json.loads(read(root / "electron-shim" / "package.json"))["repository"]["url"]
    if named != f"git+{repository}.git":
        yield f"electron-shim/package.json: repository is {named!r}; this one is {repository}"
    if f'Repository = "{repository}"' not in read(root / "pyproject.toml"):
        yield f"pyproject.toml: Repository is another one than {repository}"


def _unready(root: Path, tag: str, version: str, log: dict[str, tuple[str, str]]) -> Iterator[str]:
    if tag != f"v{version}":
        yield f"the tag is {tag!r}; version {version} is released from the tag v{version}"
    yield from _unwritten(version, log)
    yield from _unkept(root, version)


def _unwritten(version: str, log: dict[str, tuple[str, str]]) -> Iterator[str]:
    if log.get("Unreleased", ("", ""))[1]:
        yield f"CHANGELOG.md: Unreleased is not empty; what it says belongs to {version} or to a later release"
    if version not in log:
        yield f"CHANGELOG.md: missing section ## {version} - YYYY-MM-DD"
        return
    if next(name for name in log if name != "Unreleased") != version:
        yield f"CHANGELOG.md: {version} is not the newest section"
    day, text = log[version]
    try:
        date.fromisoformat(day)
    except ValueError:
        yield f"CHANGELOG.md: the heading of {version} has no date YYYY-MM-DD"
    if not text:
        yield f"CHANGELOG.md: the section {version} is empty"


def _unkept(root: Path, version: str) -> Iterator[str]:
    """A release keeps its schemas: from then on they may only grow."""
    remedy = "run `python -m tools.generate --release`"
    kept = json.loads(read(root / "schemas" / "released" / f"{version}.json") or "{}")
    if not kept:
        yield f"schemas/released/{version}.json is missing: {remedy}"
    for path, schema in kept.items():
        if json.loads(read(root / "schemas" / f"{path}.json") or "null") != schema:
            yield f"schemas/released/{version}.json differs from schemas/{path}.json: {remedy}"
            return


def main(words: list[str] | None = None, root: Path = ROOT) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tag", help="the tag that is to be released")
    parser.add_argument("--repository", help="the address of the repository that releases")
    parser.add_argument("--notes", type=Path, help="where to write the changelog's section of that release")
    options = parser.parse_args(words)
    wrong = [*disagreements(root, options.tag), *misplaced(root, options.repository)]
    if wrong:
        sys.stderr.write("".join(f"{one}\n" for one in wrong))
        return 1
    version = version_of(root)
    if options.notes:
        notes = sections(read(root / "CHANGELOG.md"))[version if options.tag else "Unreleased"][1]
        options.notes.write_text(f"{notes}\n", encoding="utf-8")
    sys.stdout.write(f"{version}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
