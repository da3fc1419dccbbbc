from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

SUITE = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>'
NODE = "# tests 5\n# suites 1\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n"


@pytest.fixture
def count() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / ".ci" / "count.py"
    spec = importlib.util.spec_from_file_location("ci_count", path)
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


def test_what_a_second_attempt_repeated_is_named(
    count: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shim.log").write_text("# pass 3\n# fail 0\nrepeated: a.test.js: it scrolls\n", encoding="utf-8")
    assert count.main(tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "  repeated: a.test.js: it scrolls",
        "3 passed, 0 failed, 0 skipped",
    ]


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
@pytest.mark.slow
def test_a_file_that_failed_runs_once_more_and_one_that_fails_again_stays_failed(tmp_path: Path) -> None:
    marker = json.dumps(str(tmp_path / "marker"))
    flaky = f"if (!fs.existsSync({marker})) {{ fs.writeFileSync({marker}, ''); throw new Error('once'); }}"
    tests = {"flaky": flaky, "fails": "throw new Error('always')", "good": "", "gone": "process.exit(3)"}
    files = []
    for name, body in tests.items():
        files.append(tmp_path / f"{name}.test.js")
        script = f"const fs = require('node:fs'); require('node:test').test('{name}', () => {{ {body} }});"
        files[-1].write_text(script, encoding="utf-8")
    script = Path(__file__).resolve().parents[3] / ".ci" / "node_tests.cjs"
    done = subprocess.run(["node", script, tmp_path / "r.log", *files], capture_output=True, timeout=120, check=False)
    first, *repeated = (tmp_path / "r.log").read_text(encoding="utf-8").split("repeated: ")
    assert done.returncode == 1
    assert first == "# pass 2\n# fail 2\n# skipped 0\n"
    assert sorted(one.partition(":")[0] for one in repeated) == ["fails.test.js", "flaky.test.js", "gone.test.js"]


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
