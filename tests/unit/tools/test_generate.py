from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from msgspec import Struct

from tools import ROOT
from tools.generate import docstrings, drift, manifests, protocol_page, write

FILES = {"schemas/index.json": "a", "schemas/messages/hello.json": "b"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "schemas/channels").mkdir(parents=True)
    (tmp_path / "schemas/index.json").write_text("other")
    (tmp_path / "schemas/channels/gone.args.json").write_text("{}")
    return tmp_path


def test_drift_is_found_where_a_file_differs_is_missing_or_is_left_over(checkout: Path) -> None:
    assert [line.partition(";")[0] for line in drift(checkout, FILES)] == [
        "schemas/index.json: is out of date",
        "schemas/messages/hello.json: is missing",
        "schemas/channels/gone.args.json: belongs to nothing in the tables",
    ]


def test_after_writing_there_is_no_drift_and_nothing_more_to_write(checkout: Path) -> None:
    assert set(write(checkout, FILES)) == {*FILES, "schemas/channels/gone.args.json"}
    assert drift(checkout, FILES) == []
    assert write(checkout, FILES) == []


def test_a_new_version_reaches_the_shim_and_its_lock_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """npm looks the platform packages up, finds none before the release, and drops them; "npm ci" then refuses the lock file."""
    manifest, lock = ((ROOT / path).read_text(encoding="utf-8") for path in manifests.FILES)
    assert (manifests.filled(manifest), manifests.filled(lock)) == (manifest, lock)
    published = re.sub(r'(-sidecar-[\w-]+": \{\n\s+"version": "[^"]+",)', r'\1\n      "integrity": "x",', lock)
    assert '"integrity": "x"' in published
    monkeypatch.setattr(manifests, "__version__", "9.8.7")
    package, locked = json.loads(manifests.filled(manifest)), json.loads(manifests.filled(published))
    assert package["version"] == locked["version"] == "9.8.7"
    assert set(package["optionalDependencies"].values()) == {"9.8.7"}
    own = {name: one for name, one in locked["packages"].items() if "electron-backend-sidecar-" in name}
    assert len(own) == len(package["optionalDependencies"])
    assert {(one["version"], one.get("integrity")) for one in own.values()} == {("9.8.7", None)}
    assert locked["packages"][""]["optionalDependencies"] == package["optionalDependencies"]
    assert locked["packages"]["node_modules/msgpackr"] == json.loads(lock)["packages"]["node_modules/msgpackr"]


def test_a_region_with_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError, match="colours"):
        protocol_page.filled("<!-- generated: colours -->\n<!-- end -->\n")


def test_a_region_is_filled_and_the_text_around_it_stays() -> None:
    filled = protocol_page.filled("before\n<!-- generated: failures -->\nold\n<!-- end -->\nafter\n")
    assert filled.startswith("before\n<!-- generated: failures -->\n| channel |")
    assert filled.endswith("<!-- end -->\nafter\n")
    assert "old" not in filled


class Odd(Struct):
    """Odd."""

    known: int  # (seconds) How long.
    unknown: int


def test_a_field_without_a_comment_has_no_entry() -> None:
    assert docstrings.entries(Odd) == {"known": docstrings.Entry("seconds", "How long.")}


def test_an_entry_may_run_over_several_lines() -> None:
    assert docstrings.entries(docstrings.section_kind("backend"))["command"].meaning.endswith(
        "Empty: the program that the profile finds."
    )
