from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from sidecar.dashboard.server import INDEX, PageFile, page_files

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "sidecar" / "dashboard" / "page"
READS_OUR_LICENCE = 77  # setuptools, as pyproject.toml requires it for a build


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if attributes.get("id"):
            self.ids.append(str(attributes["id"]))


@pytest.fixture(scope="module")
def files() -> dict[str, PageFile]:
    return page_files()


@pytest.fixture(scope="module")
def page(files: dict[str, PageFile]) -> Page:
    parsed = Page()
    parsed.feed(files[INDEX].content.decode())
    return parsed


def test_every_file_of_the_folder_can_be_asked_for(files: dict[str, PageFile]) -> None:
    assert set(files) == {path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*") if path.is_file()}
    assert {file.media_type for name, file in files.items() if name.endswith(".js")} == {"text/javascript"}


def test_the_page_refers_to_files_that_are_there_and_to_nothing_elsewhere(
    files: dict[str, PageFile], page: Page
) -> None:
    named = [
        str(a[key]) for tag, a in page.tags for key in ("src", "href") if key in a and not str(a[key]).startswith("#")
    ]
    imported = [
        urljoin(name, target).lstrip("/")
        for name, file in files.items()
        if name.endswith(".js")
        for target in re.findall(r'^import .*?from "([^"]+)";', file.content.decode(), re.MULTILINE)
    ]
    assert "main.js" in named
    assert len(imported) > 10
    for target in named + imported:
        assert not urlsplit(target).scheme
        assert target in files
    for name, file in files.items():
        if name.endswith(".css"):
            assert not re.search(rb"url\(|@import", file.content), name


def test_nothing_in_the_page_needs_an_exception_from_the_policy(page: Page) -> None:
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        assert tag != "style"
        assert tag != "script" or "src" in attributes


def test_every_control_has_a_name_and_every_reference_a_target(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    labelled = {a["for"] for tag, a in page.tags if tag == "label"}
    for tag, attributes in page.tags:
        if tag in {"input", "select"}:
            assert attributes["id"] in labelled
        for name in ("aria-labelledby", "for"):
            if name in attributes:
                assert attributes[name] in page.ids
        if tag == "section":
            assert {"aria-label", "aria-labelledby"} & attributes.keys()
        assert str(attributes.get("tabindex", "0")) in {"0", "-1"}  # the order of the page is the order of the focus


def test_the_scripts_ask_only_for_elements_that_are_there(files: dict[str, PageFile], page: Page) -> None:
    asked = {
        one
        for name, file in files.items()
        if name.endswith(".js") and not name.startswith("vendor/")
        for one in re.findall(r'byId\("([\w-]+)"\)', file.content.decode())
    }
    assert asked
    assert asked <= set(page.ids)


def test_no_script_writes_markup(files: dict[str, PageFile]) -> None:
    for name, file in files.items():
        if name.endswith(".js"):
            assert not re.search(
                rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", file.content
            ), name


def test_the_chart_library_comes_with_its_licence(files: dict[str, PageFile]) -> None:
    assert b"The MIT License" in files["vendor/uplot/LICENSE.txt"].content
    assert b"uPlot" in files["vendor/uplot/uPlot.js"].content[:100]


def test_the_packages_data_are_the_page(files: dict[str, PageFile]) -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = wanted["tool"]["setuptools"]["package-data"]["sidecar.dashboard"]
    found = {path for pattern in patterns for path in PAGE.parent.glob(pattern) if path.is_file()}
    assert {path.relative_to(PAGE).as_posix() for path in found} == set(files)


def test_a_wheel_holds_the_page(files: dict[str, PageFile], tmp_path: Path) -> None:
    """``build_py`` puts into a folder what ``bdist_wheel`` packs."""
    try:
        major = int(version("setuptools").partition(".")[0])
    except PackageNotFoundError:
        major = 0
    if major < READS_OUR_LICENCE:
        pytest.skip(f"no setuptools >= {READS_OUR_LICENCE}, which builds the wheel, is installed here")
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sidecar", source / "sidecar", ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [
        sys.executable,
        "-c",
        "import setuptools; setuptools.setup()",
        "-q",
        "build_py",
        "--build-lib",
        "../built",
    ]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = tmp_path / "built" / "sidecar" / "dashboard" / "page"
    assert {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()} == set(files)
