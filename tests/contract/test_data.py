"""The tools keep each backend's data separate, list it, and clear it unless it is in use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes
from tests.support.backends import http_backend, script_backend
from tests.support.launch import clean_environment, run, run_sidecar, run_sidecar_here, sidecar_command

FAILING = script_backend("import sys; print('Error: no licence'); sys.exit(3)")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def environment(home: Path, extra: dict[str, str] | None = None) -> dict[str, str | None]:
    share = str(home / "share")
    folders = {"HOME": str(home), "XDG_DATA_HOME": share, "LOCALAPPDATA": share}
    return {**folders, "SIDECAR_PROFILE": None, **(extra or {})}


def sidecar(home: Path, *words: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> Any:
    return run_sidecar_here(*words, env=environment(home, env), cwd=cwd or home)


def test_an_empty_home_is_not_the_root_folder(home: Path) -> None:
    program = "import os; from sidecar.__main__ import main; main(); print(os.path.expanduser('~'))"
    done = run([sys.executable, "-c", program, "--version"], env=environment(home, {"HOME": ""}))
    assert done.stdout.split()[-1] == pytest.importorskip("pwd").getpwuid(os.getuid()).pw_dir  # Windows has no HOME


def states(home: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(sidecar(home, "data", "--json").stdout)
    return found


def crashes(home: Path, *words: str, **how: Any) -> list[Any]:
    done = sidecar(home, "call", "backend:crashReports", *words, **how)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_each_command_and_folder_has_its_own_state(home: Path) -> None:
    (home / "other").mkdir()
    assert sidecar(home, "doctor", "--start", "--", *FAILING).returncode == 1
    assert [crash["code"] for crash in crashes(home, "--", *FAILING)] == [3]
    assert crashes(home, "--", *http_backend()) == []
    assert crashes(home, "--", *FAILING, cwd=home / "other") == []
    listed = states(home)
    assert len({one["name"] for one in listed}) == 3
    assert {one["folder"] for one in listed} == {str(home), str(home / "other")}
    failing = next(one for one in listed if one["command"] == FAILING and one["folder"] == str(home))
    assert failing["name"].startswith(f"{home.name[:20]}")
    assert failing["size"] > 0
    assert not failing["inUse"]
    assert [crash["code"] for crash in crashes(home, "--data", failing["name"])] == [3]


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere it is another folder")
def test_the_same_folder_in_another_spelling_has_the_same_state(home: Path) -> None:
    assert sidecar(home, "doctor", "--start", "--", *FAILING).returncode == 1
    assert [crash["code"] for crash in crashes(home, "--", *FAILING, cwd=Path(str(home).swapcase()))] == [3]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the names of files are Unicode")
@pytest.mark.parametrize("bad", ["folder", *(pytest.param(it, marks=pytest.mark.slow) for it in ("command", "home"))])
def test_a_name_that_is_not_utf_8_is_one_like_others(home: Path, bad: str) -> None:
    latin = home / os.fsdecode(b"M\xfcller")
    latin.mkdir()
    command = [*FAILING, latin.name] if bad == "command" else FAILING
    own = latin if bad == "home" else home
    assert sidecar(own, "doctor", "--start", "--", *command, cwd=latin if bad == "folder" else home).returncode == 1
    (listed,) = states(own)
    shown = " ".join((listed["folder"], *listed["command"], listed["path"]))
    assert ("M\ufffdller" if bad == "home" else "M\\udcfcller") in shown


def test_a_state_that_is_to_be_read_must_be_named(home: Path) -> None:
    done = sidecar(home, "call", "backend:crashReports")
    assert done.returncode == 64
    assert "--data NAME" in done.stderr
    assert sidecar(home, "call", "sidecar:ping").returncode == 0
    mistyped = sidecar(home, "call", "backend:crashReports", "--data", "shop-1a2b3c4d")
    assert (mistyped.returncode, mistyped.stdout) == (64, "")
    assert "No state named 'shop-1a2b3c4d', and no such folder\n" in mistyped.stderr
    assert states(home) == []


@pytest.mark.parametrize(
    "way",
    ["--data", pytest.param("--set", marks=pytest.mark.slow), pytest.param("environment", marks=pytest.mark.slow)],
)
def test_a_data_folder_that_is_set_wins(way: str, home: Path) -> None:
    folder = home / "mine"
    words = {"--data": ["--data", str(folder)], "--set": ["--set", f"paths.data='{folder}'"]}.get(way, [])
    env = {"SIDECAR_PATHS__DATA": str(folder)} if way == "environment" else {}
    sidecar(home, "doctor", "--start", *words, "--", *FAILING, env=env)
    assert len(list((folder / "logs").glob("crash-*.log"))) == 1
    assert states(home) == []
    assert len(crashes(home, *words, env=env)) == 1


def test_clearing_removes_what_is_named_and_nothing_else(home: Path) -> None:
    sidecar(home, "doctor", "--", *FAILING)
    sidecar(home, "doctor", "--", *http_backend())
    name = next(one["name"] for one in states(home) if one["command"] == FAILING)
    base = Path(states(home)[0]["path"]).parent
    (base / "not-ours").mkdir()
    (base / "not-ours" / "file").touch()
    left = ["not-ours"]
    if sys.platform != "win32":  # it asks for a privilege to make a link
        (base / "link").symlink_to(home)
        left.insert(0, "link")
    for wrong in ("nothing", "not-ours", "link", "..", str(home), f"../backends/{name}"):
        done = sidecar(home, "data", "--clear", wrong)
        assert (done.returncode, done.stdout) == (64, ""), wrong
        assert "No state named" in done.stderr
    assert sidecar(home, "data", "--all").returncode == 64
    done = sidecar(home, "data", "--clear", name)
    assert (done.returncode, done.stdout.split(" (")[0]) == (0, f"Removed {name}")
    assert [one["name"] == name for one in states(home)] == [False]
    done = sidecar(home, "data", "--clear", "--all", "--json")
    assert [len(json.loads(done.stdout)[kind]) for kind in ("removed", "inUse")] == [1, 0]
    assert states(home) == []
    assert sorted(path.name for path in base.iterdir()) == left
    assert (base / "not-ours" / "file").exists()
    assert "No state in" in run_sidecar("data", env=environment(home), cwd=home).stdout


def test_what_is_in_use_is_never_cleared(home: Path) -> None:
    command = [*sidecar_command(), "watch", "--", *http_backend()]
    watch = subprocess.Popen(
        command,
        env=clean_environment(environment(home)),
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        processes.wait_until(lambda: bool(states(home)), what="its state")
        (state,) = states(home)
        assert state["inUse"]
        for words in (["--clear", state["name"]], ["--clear", "--all"]):
            done = sidecar(home, "data", *words)
            assert (done.returncode, done.stdout) == (1, "")
            assert "is in use and was kept" in done.stderr
        assert Path(state["path"]).is_dir()
    finally:
        watch.communicate("q", timeout=60)
    assert sidecar(home, "data", "--clear", state["name"]).returncode == 0
    assert not Path(state["path"]).exists()


def test_no_secret_of_the_command_is_kept(home: Path) -> None:
    sidecar(home, "doctor", "--", sys.executable, "-c", "0", "--api-key", "hunter2secret")
    (state,) = states(home)
    assert "hunter2secret" not in json.dumps(state)
    files = [path for path in Path(state["path"]).rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if b"hunter2secret" in path.read_bytes()] == []
