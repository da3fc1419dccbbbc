"""The packed folder in the places and states in which users have it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar import __version__
from tests.support.backends import http_backend
from tests.support.client import RemoteError, SidecarClient
from tests.support.launch import clean_environment
from tests.support.packed import CONTENTS, MISSING, copy_to, packed_folder
from tests.support.processes import until

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING or "it is there")
SUFFIX = ".pyd" if sys.platform == "win32" else ".so"
LIBRARY = "python311.dll" if sys.platform == "win32" else "libpython"


def run(program: Path, *words: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *words],
        input="",
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        check=False,
        env=clean_environment(),
        **more,  # type: ignore[call-overload]
    )


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "sidecar"
    yield copy_to(folder)
    shutil.rmtree(folder, ignore_errors=True)  # 17 MB each


def one(program: Path, pattern: str) -> Path:
    found = sorted(program.parent.rglob(pattern))
    assert found, pattern
    return found[0]


# What is inside


def test_the_list_of_contents_is_the_folder() -> None:
    folder = packed_folder()
    contents = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
    there = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    there.pop(CONTENTS.as_posix())
    assert contents["files"] == there
    assert sum(there.values()) <= 40e6


def test_every_licence_is_there_and_no_development_tool_inside() -> None:
    folder = packed_folder()
    assert folder is not None
    text = (folder / "LICENSES.txt").read_text(encoding="utf-8")
    head = text.split("=" * 20)[0]
    for name in (
        "electron-backend-sidecar",
        "CPython",
        "PyInstaller",
        "aiohttp",
        "msgspec",
        "psutil",
        "loguru",
        "click",
        "rich",
    ):
        assert name in head
    for file in (folder / "_internal" / "sidecar").rglob("LICEN*"):
        assert f"  {file.parent.name} " in head
        assert file.read_text(encoding="utf-8").strip() in text
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in text.upper()
    assert "GENERAL PUBLIC LICENSE" in text.upper()
    for name in ("pytest", "hypothesis", "mypy", "pip", "setuptools", "pygments"):
        assert not list(folder.rglob(f"{name}*")), name
        assert f"  {name} " not in head


@pytest.mark.skipif(sys.platform != "win32", reason="the resource and the subsystem are Windows' own")
def test_the_windows_program_has_a_version_and_a_console() -> None:
    folder = packed_folder()
    assert folder is not None
    program = (folder / "sidecar.exe").read_bytes()
    header = int.from_bytes(program[0x3C:0x40], "little")
    assert program[header : header + 4] == b"PE\0\0"
    assert int.from_bytes(program[header + 92 : header + 94], "little") == 3  # IMAGE_SUBSYSTEM_WINDOWS_CUI
    for text in ("FileVersion", __version__, "OriginalFilename", "sidecar.exe"):
        assert text.encode("utf-16-le") in program, text


# Commands


def test_the_commands_run(program: Path) -> None:
    assert run(program, "--version").stdout.startswith("sidecar ")
    info = run(program, "call", "sidecar:info")
    assert info.returncode == 0, info.stderr
    assert json.loads(info.stdout)["version"]
    checks = run(program, "doctor", "--json")
    assert json.loads(checks.stdout), checks.stderr
    shown = run(program, "--help").stdout
    for command in ("serve", "call", "watch", "doctor", "dashboard", "record"):
        assert command in shown
        assert run(program, command, "--help").returncode == 0, command


# Bad input


def test_a_missing_module_is_named_with_the_remedy_after_hello(program: Path) -> None:
    gone = one(program, f"msgspec/_core*{SUFFIX}")
    gone.unlink()
    done = run(program, "serve", "--set", "backend.autostart=false")
    assert done.returncode == 70
    assert f"missing or incomplete: {gone.relative_to(program.parent).as_posix()}. Reinstall the app" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_module_is_named_by_the_other_commands_too(program: Path) -> None:
    for path in program.parent.rglob(f"_struct*{SUFFIX}" if sys.platform != "win32" else f"_ctypes*{SUFFIX}"):
        path.unlink()  # Debian's Python has it built in
    one(program, f"msgspec/_core*{SUFFIX}").unlink()
    done = run(program, "call", "sidecar:info")
    assert done.returncode != 0
    assert "_core" in done.stderr or "_struct" in done.stderr or "_ctypes" in done.stderr


def test_a_missing_interpreter_is_named_by_the_loader(program: Path) -> None:
    gone = one(program, f"{LIBRARY}*")
    gone.unlink()
    done = run(program, "serve")
    assert done.returncode != 0
    assert gone.name in done.stderr


async def serves(program: Path, data: Path) -> None:
    """A whole life: start, answer, stop, and nothing left."""
    async with SidecarClient(http_backend(), command=[str(program)], data=data, cwd=data) as client:
        assert client.hello["pid"] == client.process.pid, "one process, so that a kill leaves no other"
        await client.call("backend:waitForReady")
        await client.call("backend:stop")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the reads of another process")
async def test_a_start_reads_its_modules_together(tmp_path: Path) -> None:
    async with SidecarClient(http_backend(), command=[str(copy_to(tmp_path / "sidecar"))], data=tmp_path) as client:
        await client.call("sidecar:ping")
        counters = Path(f"/proc/{client.process.pid}/io").read_text(encoding="ascii").split()
    assert int(counters[counters.index("syscr:") + 1]) < 200  # some 100; 270 with each module by itself


async def test_a_path_with_spaces_and_umlauts(tmp_path: Path) -> None:
    folder = tmp_path / "Müllers Größe (x86) & Söhne"
    program = copy_to(folder)
    data = tmp_path / "Daten für alle"
    data.mkdir()
    await serves(program, data)
    assert run(program, "--version").returncode == 0


@pytest.mark.posix(reason="Windows' read-only flag means nothing for a folder")
async def test_a_folder_that_is_read_only(program: Path, tmp_path: Path) -> None:
    folder = program.parent
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    try:
        data = tmp_path / "data"
        data.mkdir()
        await serves(program, data)
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before  # root may write it all the same
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


async def test_the_folder_is_copied_while_it_runs_and_free_at_the_end(program: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    async with SidecarClient(http_backend(), command=[str(program)], data=data) as client:
        await client.call("backend:waitForReady")
        copy = tmp_path / "copy"
        shutil.copytree(program.parent, copy)
        assert run(copy / program.name, "--version").returncode == 0
        await client.call("backend:restart")
    # What an installer does next: no file of it may be held by anybody.
    os.rename(program.parent, tmp_path / "old")  # noqa: PTH104 - the very call
    shutil.rmtree(tmp_path / "old")


@pytest.mark.posix(reason="Windows removes no program that runs")
@pytest.mark.parametrize("replaced", [False, True])
async def test_an_update_removes_or_replaces_the_folder_while_it_runs(
    program: Path, tmp_path: Path, replaced: bool
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    settings = {"limits.open_files": 256, "sandbox.level": "standard"}
    async with SidecarClient(http_backend(), command=[str(program)], data=data, settings=settings) as client:
        started = await client.call("backend:waitForReady")
        await until((data / "logs" / "sidecar.log").exists)  # what is imported late is there then
        shutil.rmtree(program.parent)
        if replaced:
            program.parent.mkdir()
            program.write_bytes(b"#!/bin/sh\n" * 1_000_000)
        os.kill(started["pid"], signal.SIGSEGV)
        crash = await client.event("backend:crash")
        assert "SIGSEGV" in crash["text"]
        assert len(crash["fingerprint"]) == 16
        await client.call("backend:waitForReady")
        await client.call("backend:restart")
        (report,) = await client.call("backend:crashReports")
        whole = await client.call("backend:crashReport", {"name": report["name"]})
        assert "a file of the sidecar is missing" in whole["report"]
        with pytest.raises(RemoteError, match="No channel named 'nope'"):
            await client.call("nope")
