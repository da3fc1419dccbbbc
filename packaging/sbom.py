"""Writes a release's bill of materials in CycloneDX JSON: the contents of its packages, with versions and hashes.

    python packaging/sbom.py --out dist

Reads only the lock files and vendored code, so the same checkout gives the same bytes. Standard library only.
Format: https://cyclonedx.org/docs/1.5/json/
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
NAME = "electron-backend-sidecar"
_LOCKED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s\\;]+)(?P<rest>(?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
_VENDORED = CHECKOUT / "sidecar" / "dashboard" / "page" / "vendor"
_VERSION = re.compile(r"\(v(\d+\.\d+\.\d+)\)")

Component = dict[str, Any]


def python_packages(lock: Path, scope: str) -> Iterator[Component]:
    """Yields the packages of a pip lock file; the hashes are those of the files for every platform."""
    for found in _LOCKED.finditer(lock.read_text("utf-8")):
        name = found["name"].lower().replace("_", "-")
        hashes = sorted(set(re.findall(r"--hash=sha256:([0-9a-f]{64})", found["rest"])))
        yield component(f"pkg:pypi/{name}@{found['version']}", name, found["version"], scope, sha256=hashes)


def npm_packages(lock: Path) -> Iterator[Component]:
    """Yields what npm installs with the shim, without its development dependencies."""
    for path, facts in json.loads(lock.read_text("utf-8"))["packages"].items():
        name = path.rpartition("node_modules/")[2]
        if not name or facts.get("dev") or name.startswith(NAME):
            continue
        kind, _, digest = facts.get("integrity", "").partition("-")
        sha512 = [base64.b64decode(digest).hex()] if kind == "sha512" else []
        scope = "optional" if facts.get("optional") else "required"
        yield component(
            f"pkg:npm/{name.replace('@', '%40')}@{facts['version']}", name, facts["version"], scope, sha512=sha512
        )


def vendored() -> Iterator[Component]:
    """Yields third-party code in this repository."""
    for folder in sorted(path for path in _VENDORED.iterdir() if path.is_dir()):
        script = next(folder.glob("*.js"))
        version = _VERSION.search(script.read_text("utf-8")[:200])
        if version is None:
            raise SystemExit(f"{script} does not begin with its version")
        digest = hashlib.sha256(script.read_bytes()).hexdigest()
        purl = f"pkg:npm/{folder.name}@{version[1]}"
        yield component(purl, folder.name, version[1], "required", sha256=[digest])


def component(
    purl: str, name: str, version: str, scope: str, *, sha256: list[str] | None = None, sha512: list[str] | None = None
) -> Component:
    """One entry."""
    hashes = [{"alg": "SHA-256", "content": one} for one in sha256 or []]
    hashes += [{"alg": "SHA-512", "content": one} for one in sha512 or []]
    entry: Component = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "scope": scope,
        "purl": purl,
    }
    return entry | ({"hashes": hashes} if hashes else {})


def bill() -> dict[str, Any]:
    """Returns the complete document."""
    version = json.loads((CHECKOUT / "electron-shim" / "package.json").read_text("utf-8"))["version"]
    packaging = CHECKOUT / "packaging"
    parts = [
        *python_packages(packaging / "requirements.txt", "required"),
        *python_packages(packaging / "packer.txt", "excluded"),
        *npm_packages(CHECKOUT / "electron-shim" / "package-lock.json"),
        *vendored(),
    ]
    parts = sorted({part["bom-ref"]: part for part in parts}.values(), key=lambda part: str(part["bom-ref"]))
    reference = f"pkg:npm/{NAME}@{version}"
    serial = uuid.uuid5(uuid.NAMESPACE_URL, reference + json.dumps(parts, sort_keys=True))
    needed = [part["bom-ref"] for part in parts if part["scope"] != "excluded"]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": reference,
                "name": NAME,
                "version": version,
                "purl": reference,
            }
        },
        "components": parts,
        "dependencies": [{"ref": reference, "dependsOn": needed}],
    }


def main() -> None:
    """Writes the file into the folder that ``--out`` names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    document = bill()
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{NAME}-{document['metadata']['component']['version']}.cdx.json"
    file.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(file)  # noqa: T201 - the tool's output


if __name__ == "__main__":
    main()
