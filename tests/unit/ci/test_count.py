from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SUITE = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>'
NODE = "# tests 5\n# suites 1\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n"


@pytest.fixture
def count() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / ".ci" / "count.py"
    spec = importlib.util.spec_from_file_location("ci_count", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_suites_are_added_up_and_the_sum_is_the_last_line(
    count: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "native.xml").write_text(SUITE.format(10, 0, 0, 2))
    (tmp_path / "shim.log").write_text(NODE.replace("fail 1", "fail 0"), encoding="utf-8")
    assert count.main(tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "11 passed, 0 failed, 3 skipped"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("native.xml", SUITE.format(10, 1, 0, 0)),
        ("native.xml", SUITE.format(10, 0, 1, 0)),
        ("native.xml", SUITE.format(0, 0, 0, 0)),
        ("native.xml", SUITE.format(3, 0, 0, 3)),
        ("shim.log", NODE),
        ("shim.log", NODE.replace("fail 1", "fail 0").replace("cancelled 0", "cancelled 2")),
    ],
)
def test_a_failure_or_an_empty_run_closes_the_gate(count: ModuleType, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert count.main(tmp_path) == 1


def test_no_results_at_all_close_the_gate(count: ModuleType, tmp_path: Path) -> None:
    assert count.main(tmp_path) == 1


def test_both_marks_of_nodes_reporters_are_read(count: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "shim.log"
    path.write_text(NODE.replace("#", "ℹ"), encoding="utf-8")  # noqa: RUF001 - the mark of Node's spec reporter
    assert dict(count.of_node(path)) == {"passed": 3, "failed": 1, "skipped": 1}
