from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
CHANGELOG = "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-11-23\n\n- Better.\n\n## 1.2.2 - 2026-01-01\n\n- Good.\n"


@pytest.fixture
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_release_check", ROOT / ".ci" / "release_check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that may be released as 1.2.3."""
    files = {
        "sidecar/__init__.py": '"""About."""\n\n__version__ = "1.2.3"\n',
        "pyproject.toml": (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
        "electron-shim/package.json": '{"name": "x", "version": "1.2.3"}',
        "CHANGELOG.md": CHANGELOG,
        "schemas/messages/hello.json": '{"type": "object"}',
        "schemas/released/1.2.3.json": '{"messages/hello": {"type": "object"}}',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_release_whose_parts_agree_passes_and_has_its_notes(
    check: ModuleType, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = tmp_path / "notes.md"
    assert check.main(["--tag", "v1.2.3", "--notes", str(notes)], checkout) == 0
    assert capsys.readouterr().out == "1.2.3\n"
    assert notes.read_text(encoding="utf-8") == "- Better.\n"


@pytest.mark.parametrize(
    ("tag", "edit", "words"),
    [
        ("v1.2.4", None, "released from the tag v1.2.3"),
        ("1.2.3", None, "released from the tag v1.2.3"),
        ("v1.2.3", ("sidecar/__init__.py", "1.2.3", "1.2"), "must be MAJOR.MINOR.PATCH"),
        ("v1.2.3", ("sidecar/__init__.py", "1.2.3", "1.2.4"), "package.json: version is '1.2.3'"),
        ("v1.2.3", ("electron-shim/package.json", "1.2.3", "1.2.4"), "package.json: version is '1.2.4'"),
        ("v1.2.3", ("pyproject.toml", 'version = { attr = "sidecar.__version__" }', ""), "is not taken from"),
        ("v1.2.3", ("CHANGELOG.md", "## 1.2.3 - 2026-11-23", "## 1.2.4 - 2026-11-23"), "missing section ## 1.2.3"),
        ("v1.2.3", ("CHANGELOG.md", "## 1.2.3 - 2026-11-23", "## 1.2.3"), "has no date"),
        ("v1.2.3", ("CHANGELOG.md", "2026-11-23", "2026-13-23"), "has no date"),
        ("v1.2.3", ("CHANGELOG.md", "- Better.", ""), "1.2.3 is empty"),
        ("v1.2.3", ("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n- Later.\n"), "Unreleased is not empty"),
        ("v1.2.3", ("CHANGELOG.md", "## Unreleased", "## 1.3.0 - 2026-12-01\n\n- New."), "not the newest"),
        ("v1.2.3", ("schemas/messages/hello.json", "object", "array"), "differs from schemas/messages/hello.json"),
        ("v1.2.3", ("schemas/released/1.2.3.json", '"messages/hello": {"type": "object"}', ""), "is missing"),
    ],
)
def test_each_disagreement_is_reported(
    check: ModuleType, checkout: Path, tag: str, edit: tuple[str, str, str] | None, words: str
) -> None:
    if edit:
        file, old, new = edit
        path = checkout / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
    assert [one for one in check.disagreements(checkout, tag) if words in one]


def test_every_disagreement_is_reported_at_once_and_the_status_is_1(
    check: ModuleType, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "CHANGELOG.md").write_text("# Changelog\n", encoding="utf-8")
    shutil.rmtree(checkout / "schemas")
    assert check.main(["--tag", "v9.9.9"], checkout) == 1
    assert len(capsys.readouterr().err.splitlines()) >= 4


def test_between_releases_only_the_versions_must_agree(check: ModuleType, checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- Soon.\n", encoding="utf-8")
    shutil.rmtree(checkout / "schemas")
    assert list(check.disagreements(checkout, None)) == []


def test_packages_that_name_another_repository_are_not_released(check: ModuleType, checkout: Path) -> None:
    address = "https://example.org/o/r"
    (checkout / "electron-shim" / "package.json").write_text(f'{{"repository": {{"url": "git+{address}.git"}}}}')
    (checkout / "pyproject.toml").write_text(f'Repository = "{address}"\n')
    assert list(check.misplaced(checkout, address)) == []
    assert list(check.misplaced(checkout, None)) == []
    assert len(list(check.misplaced(checkout, "https://example.org/fork/r"))) == 2


def test_a_platform_package_of_another_version_is_reported(check: ModuleType, checkout: Path) -> None:
    (checkout / "electron-shim" / "package.json").write_text(
        '{"version": "1.2.3", "optionalDependencies": {"a": "1.2.3", "b": "1.2.2"}}'
    )
    assert [one for one in check.disagreements(checkout, None) if "package.json: b is '1.2.2'" in one]
