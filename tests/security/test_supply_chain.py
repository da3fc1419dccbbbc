"""Third-party code is pinned by name, version and hash, and vendored code is compared with its package."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.launch import ROOT


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("sbom")
    texts = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, str(ROOT / "packaging" / "sbom.py"), "--out", str(out)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        texts.append(Path(done.stdout.strip()).read_text("utf-8"))
    assert texts[0] == texts[1], "the same checkout gives the same bytes"
    document: dict[str, Any] = json.loads(texts[0])
    return document


def test_the_bill_is_cyclonedx(bill: dict[str, Any]) -> None:
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    references = [part["bom-ref"] for part in bill["components"]]
    assert len(references) == len(set(references)) > 20
    assert set(bill["dependencies"][0]["dependsOn"]) <= set(references)
    for part in bill["components"]:
        assert part["type"] == "library"
        assert re.fullmatch(r"pkg:(pypi|npm)/[%\w./-]+@[\w.+-]+", part["purl"])
        assert part["scope"] in {"required", "optional", "excluded"}
        assert all(re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{128}", one["content"]) for one in part["hashes"])


def test_the_bill_names_what_is_packed_installed_and_vendored(bill: dict[str, Any]) -> None:
    names = {part["name"]: part for part in bill["components"]}
    assert {
        "aiohttp",
        "click",
        "loguru",
        "msgspec",
        "psutil",
        "rich",
        "msgpackr",
        "uplot",
        "pyinstaller",
    } <= set(names)
    assert names["pyinstaller"]["scope"] == "excluded"  # it packs, and is not packed but for its bootloader
    lock = (ROOT / "packaging" / "requirements.txt").read_text("utf-8")
    assert f"aiohttp=={names['aiohttp']['version']}" in lock
    development = json.loads((ROOT / "electron-shim" / "package.json").read_text("utf-8"))["devDependencies"]
    assert not set(development) & set(names) - {"uplot"}


@pytest.mark.skipif(
    not (ROOT / "electron-shim" / "node_modules" / "uplot").exists(), reason="the shim's packages are not installed"
)
def test_the_vendored_chart_library_is_that_of_its_package() -> None:
    subprocess.run(["node", "scripts/vendor.js", "--check"], cwd=ROOT / "electron-shim", check=True, timeout=60)
