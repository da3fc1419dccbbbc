"""No tool runs code from the working directory or the environment, or changes what its backend sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.backend.command import candidates
from sidecar.console.client import serve_command
from sidecar.process.platform import SYSTEM, machine
from sidecar.settings.model import App, Settings
from sidecar.settings.sources import from_environment
from tests.support.launch import ROOT, clean_environment, run, sidecar_command
from tests.support.processes import wait_until

MODULES = ("msgspec", "json", "asyncio", "loguru", "psutil", "aiohttp", "sitecustomize", "usercustomize")
SHOW = """
import json, os, sys
path = os.environ["SHOWN_IN"]
with open(path + ".new", "w") as file:
    json.dump({"env": dict(os.environ), "path": sys.path, "version": sys.version_info[:2]}, file)
os.replace(path + ".new", path)
sys.exit(3)
"""


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder with modules that our imports would find, each of which leaves a trace."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    for name in MODULES:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    for name in ("sidecar", "click", "rich"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    return folder


TOOLS = {
    "doctor": ["doctor", "--start"],
    "record": ["record", "{folder}/x.rec"],
    "call": ["call", "backend:waitForReady"],
    "watch": ["watch"],
    "demo": ["demo", "--seconds", "2"],
}


def run_tool(name: str, tmp_path: Path, *, cwd: Path, env: dict[str, str], python: str = sys.executable) -> None:
    """Runs a tool that is itself started safely, to check what it starts."""
    words = [word.format(folder=tmp_path) for word in TOOLS[name]]
    backend = [] if name == "demo" else ["--set", "restart.attempts=0", "--", python, "-c", SHOW]
    data = [] if name == "demo" else ["--set", f"paths.data={json.dumps(str(tmp_path / 'data'))}"]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from sidecar.__main__ import main; sys.exit(main())"
    run_until_shown(
        [sys.executable, "-P", "-c", code, *words, *data, *backend], tmp_path, cwd, env, wait=name != "demo"
    )


def run_until_shown(command: list[str], tmp_path: Path, cwd: Path, env: dict[str, str], *, wait: bool) -> None:
    """Keeps the client's end open until the backend has run: if it is closed at once, the start may be cancelled."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd, env=env
    )
    try:
        if wait:
            wait_until((tmp_path / "shown").exists, 60)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif("SIDECAR_COMMAND" in os.environ, reason="a packed sidecar has no interpreter to isolate")
@pytest.mark.parametrize(
    "tool", [tool if tool == "record" else pytest.param(tool, marks=pytest.mark.slow) for tool in TOOLS]
)
def test_no_tool_runs_what_lies_in_the_working_directory(tool: str, trap: Path, tmp_path: Path) -> None:
    env = clean_environment({"PYTHONPATH": None, "SHOWN_IN": str(tmp_path / "shown")})
    run_tool(tool, tmp_path, cwd=trap, env=env)
    assert not (tmp_path / "ran").exists()
    assert tool == "demo" or (tmp_path / "shown").exists()


def test_a_sidecar_of_a_tool_takes_no_code_from_the_environment(trap: Path, tmp_path: Path) -> None:
    startup = tmp_path / "startup.py"
    startup.write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('startup')\n")
    done = run(
        [*serve_command(), "--set", f"paths.data={json.dumps(str(tmp_path / 'data'))}", "--profile", "generic"],
        input=b"",
        cwd=trap,
        env={"PYTHONPATH": str(trap), "PYTHONSTARTUP": str(startup), "PYTHONHOME": None},
    )
    assert b"hello" in done.stdout
    assert not (tmp_path / "ran").exists()


def shown(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    path.unlink()
    for name in [name for name in found["env"] if name.startswith("SIDECAR_MARKER")]:
        del found["env"][name]  # each sidecar's own
    return found


def other_pythons() -> list[Any]:
    """Another version where there is one; a virtual environment is made from it or from ours."""
    others = [path for path in ("/usr/bin/python3",) if Path(path).exists()]
    return [sys.executable, *(pytest.param(path, marks=pytest.mark.slow) for path in others)]


@pytest.mark.skipif("SIDECAR_COMMAND" in os.environ, reason="the tools are compared with this interpreter's serve")
@pytest.mark.posix(reason="virtual environments have other paths on Windows")
@pytest.mark.parametrize("base", other_pythons())
@pytest.mark.slow
def test_a_backend_meets_the_same_under_every_tool(base: str, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    subprocess.run([base, "-m", "venv", "--without-pip", str(foreign)], check=True, timeout=120)
    env = clean_environment(
        {"SHOWN_IN": str(tmp_path / "shown"), "VIRTUAL_ENV": str(foreign), "PYTHONPATH": str(tmp_path / "theirs")}
    )
    python = str(foreign / "bin" / "python")
    data = f"paths.data={json.dumps(str(tmp_path / 'data'))}"
    settings = ["--set", data, "--set", "restart.attempts=0", "--set", "backend.port=45671"]
    serve = [*sidecar_command(), "serve", *settings, "--", python, "-c", SHOW]
    ours = env | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path / "theirs")])}
    run_until_shown(serve, tmp_path, tmp_path, ours, wait=True)
    expected = shown(tmp_path / "shown")
    expected["env"]["PYTHONPATH"] = env["PYTHONPATH"]
    expected["path"] = [path for path in expected["path"] if path != str(ROOT)]
    ports = {name for name, value in expected["env"].items() if "45671" in value}
    for tool in ("doctor", "record", "call", "watch"):
        run_tool(tool, tmp_path, cwd=tmp_path, env=env, python=python)
        found = shown(tmp_path / "shown")
        assert found["path"] == expected["path"], tool
        assert {name: value for name, value in found["env"].items() if name not in ports} == {
            name: value for name, value in expected["env"].items() if name not in ports
        }, tool


@pytest.mark.parametrize("packaged", [True, False])
def test_an_installed_app_takes_no_backend_from_the_folder_where_it_is_started(packaged: bool, tmp_path: Path) -> None:
    settings = Settings(profile="aura", app=App(is_packaged=packaged, resources=str(tmp_path / "app")))
    here = tmp_path / "downloads"
    for place in candidates(settings, str(tmp_path / "app" / "sidecar"), str(here), SYSTEM):
        assert not (packaged and place.startswith(str(here)))
    assert packaged or place.startswith(str(here))


def test_programs_of_windows_are_found_by_its_own_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert str(tmp_path) not in machine.system_folder()
    assert machine.system_folder().lower().endswith(r"\system32")


@pytest.mark.parametrize(
    "name",
    ["\u017fIDECAR_BACKEND__COMMAND", "SIDECAR_BAC\u212aEND__COMMAND"],
    ids=ascii,
)
def test_a_variable_that_only_unicode_takes_for_a_setting_is_none(name: str) -> None:
    """What filters the environment of an installed app knows SIDECAR_BACKEND__COMMAND in any case, and not its look-alikes."""
    given = from_environment({name: '["/tmp/evil"]'}).given
    assert [one for one in given if one.name == "backend.command"] == []
