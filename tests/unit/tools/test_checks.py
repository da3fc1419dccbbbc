"""Each check that is more than a comparison finds the mistakes that it is for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import ROOT, check, pages
from tools.checks import (
    blocks,
    commands,
    facts,
    hints,
    layers,
    links,
    missing,
    names,
    protocol_page,
    release,
    requirements,
    unknown,
    workflows,
)
from tools.pages import Block, Page


@pytest.fixture
def page() -> Callable[[str], Page]:
    def of(text: str) -> Page:
        one = Page(ROOT / "docs" / "README.md")
        one.text = text
        return one

    return of


def block(language: str, text: str, *mark: str, page: str = "docs/x.md") -> Block:
    return Block(page, 3, language, text, (mark[0], mark[1]) if mark else ("", ""))


def test_the_command_prints_a_line_for_each_finding_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "CHECKS", {"good": list, "bad": lambda: ["a: x", "b: y"], "other": lambda: ["c: z"]})
    assert check.main(["good", "bad"]) == 1
    assert capsys.readouterr().out == "a: x\nb: y\n"
    assert check.main(["good"]) == 0
    with pytest.raises(SystemExit):
        check.main(["no-such"])


def test_a_dead_link_is_found_and_one_in_code_or_elsewhere_is_not(page: Callable[[str], Page]) -> None:
    text = (
        "[a](gone.md) [b](https://example.org) [e](#no-heading) [f](#a-heading)\n```sh\n[d](d.md)\n```\n## A heading\n"
    )
    assert list(links.dead(page(text))) == [
        "docs/README.md: gone.md does not exist in this repository",
        "docs/README.md: #no-heading: heading not found",
    ]


def test_names_that_do_not_exist_are_found(page: Callable[[str], Page]) -> None:
    text = "`backend:getUrl` `backend:getUrn` `timeouts.startup` `timeouts.startled` `backend.getUrl()` `backend.urn()`"
    found = [line.split(": ")[1].split(" is ")[0] for line in names.unknown_names(page(text), {"getUrl"})]
    assert found == ["backend:getUrn", "timeouts.startled", "urn"]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (block("json", "{,}"), "Expecting"),
        (block("python", "def"), "invalid syntax"),
        (block("toml", "[backend]\nnothing = 1\n"), "nothing"),
        (block("toml", "# nothing\n"), "sets nothing"),
        (block("mermaid", "pie\n  a"), "not a known diagram"),
        (block("mermaid", "stateDiagram-v2\n  STOPPED --> DREAMING"), "DREAMING"),
        (block("cobol", "x"), "nothing checks cobol"),
        (block("cobol", "x", "not run", "because"), "not a sentence"),
        (block("sh", "ls"), "where it can be run"),
        (block("js", "x", "run", "no-such.js"), "does not run no-such.js"),
        (block("js", "x", "file", "backend.py"), "reads only"),
    ],
)
def test_a_block_that_is_wrong_is_found(one: Block, words: str) -> None:
    assert any(words in text for text in blocks.mistakes(one)), list(blocks.mistakes(one))


@pytest.mark.parametrize(
    "one",
    [
        block("json", '"a": 1'),
        block("toml", 'profile = "generic"\n'),
        block("sh", "ls", "in", "my-backend"),
        block("cobol", "x", "not run", "no compiler is at hand"),
        block("text", "x"),
    ],
)
def test_a_block_that_is_right_is_not(one: Block) -> None:
    assert list(blocks.mistakes(one)) == []


def test_a_name_that_the_package_does_not_export_is_found_without_what_npm_installs() -> None:
    text = 'const { connect, open } = require("electron-backend-sidecar/client");\n'
    text += 'const { x } = require("electron-backend-sidecar/gone");\n'
    assert list(blocks.unknown_exports(block("js", text))) == [
        "electron-backend-sidecar/client does not export open",
        "electron-backend-sidecar/gone does not export x",
    ]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("sidecar call backend:status", ""),
        ("sidecar demo --seconds 5", ""),
        ("python -m tools.generate --check", ""),
        ("python -m tests.benchmarks", ""),
        ("sidecar dream", "unknown command dream"),
        ("sidecar demo --colour", "unknown option --colour"),
        ("sidecar call backend:dream", "unknown channel backend:dream"),
        ("python -m tools.dream", "unknown module tools.dream"),
    ],
)
def test_a_command_that_does_not_exist_is_found(code: str, words: str) -> None:
    text = commands.mistake(code)
    assert words in text
    assert bool(text) == bool(words)


def test_a_hint_that_is_not_a_sentence_is_found() -> None:
    source = 'E(hint="Do this.")\nE(hint="do that")\nE(hint=f"run {x}")\nE(hint=f"{x} it")\n'
    assert [line for line, _ in hints.unfinished(source)] == [2, 4]


def test_shown_messages_that_the_schemas_refuse_are_found() -> None:
    request = {"type": "request", "id": 1, "channel": "backend:logs", "args": [{"lines": 0}]}
    response = {"type": "response", "id": 1, "result": "no list"}
    error = {"type": "error", "id": 1, "error": {"code": "NO_SUCH", "message": "x"}}
    found = list(protocol_page.invalid([request, response, error], {"INTERNAL"}))
    for words in ("no message of type hello", "the shown request: ", "the shown response: ", "NO_SUCH has no row"):
        assert any(words in line for line in found), words


def test_a_file_that_is_too_long_is_found() -> None:
    path = ROOT / "sidecar" / "x.py"
    assert list(layers.too_long(path, "x\n" * layers.MAX_LINES)) == []
    assert list(layers.too_long(path, "x\n" * (layers.MAX_LINES + 1))) == ["sidecar/x.py: 401 lines; at most 400"]


def test_pins_are_read_with_and_without_hashes_and_compared_with_the_bounds() -> None:
    text = '# x\nA_b==1.2 ; os_name == "nt" --hash=sha256:00\nc==3.0.1 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02\nd==4\n'
    pins = requirements.pins(text)
    assert {name: (pin.version, len(pin.hashes)) for name, pin in pins.items()} == {
        "a-b": ("1.2", 1),
        "c": ("3.0.1", 2),
        "d": ("4", 0),
    }
    assert list(requirements.unlocked("p", text)) == ["p: d has no hash"]
    assert list(requirements.unlocked("p", "# https://127.0.0.1/\n")) == ["p: names an address"]
    assert list(requirements.misfit("c>=3,<4", pins)) == []
    wrong = {"c>=3": "no upper bound", "c>=2,<3": "is outside", "c>=3.1,<4": "is outside", "e>=1,<2": "is missing"}
    for requirement, words in wrong.items():
        assert any(words in line for line in requirements.misfit(requirement, pins)), requirement


def test_a_lock_file_with_an_address_without_a_hash_or_out_of_date_is_found() -> None:
    package = '{"name": "x", "dependencies": {"a": "^1"}, "optionalDependencies": {"x-os": "1"}}'
    good = json.loads(f'{{"packages": {{"": {package}}}}}')
    good["packages"] |= {"node_modules/a": {"integrity": "sha512-x"}, "node_modules/x-os": {}}
    assert list(requirements.unlocked_packages(json.dumps(good), package)) == []
    address = "https://127.0.0.1/a"
    good["packages"]["node_modules/a"] = {"resolved": address}
    assert len(list(requirements.unlocked_packages(json.dumps(good), package))) == 2
    stale = '{"packages": {"": {"dependencies": {"a": "^1"}}, "node_modules/a": {"integrity": "sha512-x"}}}'
    assert list(requirements.unlocked_packages(stale, package)) == [
        "optionalDependencies differ from package.json; run nox -s lock",
        "x-os is missing",
    ]


def test_a_changelog_that_cannot_be_released_from_is_found() -> None:
    assert (
        list(
            release.changelog(
                {"Unreleased": ("", ""), "1.1.0": ("2026-02-01", "x"), "1.0.0": ("2026-01-01", "y")}, "1.1.0"
            )
        )
        == []
    )
    assert len(list(release.changelog({"1.0.0": ("2026-01-01", ""), "1.1.0": ("soon", "")}, "1.1.0"))) == 4


def test_workflows_with_unpinned_actions_no_limit_or_too_many_rights_are_found() -> None:
    pinned = f"uses: a/b@{'0' * 40} # v1.0.0"
    assert list(workflows.unpinned({"x.yml": f"{pinned}\nuses: ./c\n"})) == []
    assert len(list(workflows.unpinned({"x.yml": f"uses: a/b@v1\n{pinned}\n"}))) == 2
    text = "on: x\njobs:\n  one:\n    timeout-minutes: 5\n    permissions:\n      contents: read\n  two:\n    permissions:\n      contents: write\n"
    assert list(workflows.jobs(text)) == ["one", "two"]
    found = {
        name: list(workflows.unbounded(name, body, [("contents", "read")]))
        for name, body in workflows.jobs(text).items()
    }
    assert found["one"] == []
    assert len(found["two"]) == 2


def test_the_small_helpers_find_what_is_not_so() -> None:
    assert list(unknown("p", "colour", {"red", "loud"}, {"red"})) == ["p: loud is not a colour"]
    assert list(facts("p", (True, "x"), (False, "y"))) == ["p: y"]
    assert list(missing("p", "a b", "a", "c")) == ["p: does not say 'c'"]


def test_an_examples_installed_packages_are_no_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples" / "express" / "node_modules" / "qs").mkdir(parents=True)
    for folder in ("", "express", "express/node_modules/qs"):
        (tmp_path / "examples" / folder / "README.md").touch()
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    read: list[Path] = []
    monkeypatch.setattr(pages, "Page", read.append)
    pages.pages()
    found = {path.relative_to(tmp_path).as_posix() for path in read}
    assert {path for path in found if path.startswith("examples/")} == {
        "examples/README.md",
        "examples/express/README.md",
    }
