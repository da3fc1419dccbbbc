"""``serve --metrics FILE``: what node_exporter finds there, and what happens if the file cannot be written."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest

from tests.support.backends import http_backend, trouble
from tests.support.client import SidecarClient
from tests.support.launch import clean_environment, sidecar_command, toml_value
from tests.support.processes import until
from tests.unit.observe.test_metrics import samples


def client(file: Path | str, **settings: object) -> SidecarClient:
    settings = {"timeouts.restart_delay": 0.1, **settings}
    return SidecarClient(http_backend(), flags=["--metrics", str(file)], settings=settings)


def text_of(file: Path) -> str:
    """Empty while the file does not exist; on Windows it also cannot be opened while it is being replaced."""
    try:
        return file.read_text()
    except (FileNotFoundError, IsADirectoryError, PermissionError, NotADirectoryError):
        return ""


def samples_of(file: Path) -> dict[str, float]:
    return samples(text_of(file))


async def test_the_file_follows_what_happens_and_is_gone_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "aura.prom"
    async with client(file, resources__interval=0.1) as sidecar:
        port = (await sidecar.call("backend:waitForReady"))["port"]
        await until(lambda: samples_of(file).get("healthy") == 1)
        await until(lambda: samples_of(file).get("health_seconds_count", 0) >= 1)
        if sys.platform != "win32":
            assert stat.S_IMODE(file.stat().st_mode) == 0o644  # the collector is another user
        await trouble(port, "crash?kind=3")
        await until(lambda: samples_of(file).get('crashes_by_cause_total{cause="exit_3"}') == 1)
        await until(lambda: samples_of(file).get('state{state="RUNNING"}') == 1)
        found = await until(lambda: samples_of(file))
        assert (found["starts_total"], found["restarts_total"], found["crashes_total"]) == (2, 1, 1)
        await sidecar.call("backend:restart")
        await until(lambda: samples_of(file).get("memory_bytes", 0) > 1_000_000)
        await until(lambda: samples_of(file).get("stop_seconds_count") == 1)
        await until(lambda: 'sidecar="aura"' in text_of(file))
        assert [path.name for path in tmp_path.iterdir() if path.suffix != ".tmp"] == ["aura.prom"]
    assert list(tmp_path.iterdir()) == []


async def test_a_relative_file_is_in_the_folder_where_the_sidecar_was_started(tmp_path: Path) -> None:
    async with client("aura.prom") as sidecar:
        await until((sidecar.cwd / "aura.prom").exists)


@pytest.mark.slow
async def test_watch_takes_the_option_too(tmp_path: Path) -> None:
    file = tmp_path / "aura.prom"
    words = ["watch", "--seconds", "30", "--metrics", str(file), "--set", f"paths.data={toml_value(str(tmp_path))}"]
    watch = await asyncio.create_subprocess_exec(
        *sidecar_command(),
        *words,
        "--",
        *http_backend(),
        env=clean_environment(),
        cwd=tmp_path,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(lambda: samples_of(file).get('state{state="RUNNING"}') == 1)
        watch.stdin.write(b"q")
        assert await asyncio.wait_for(watch.wait(), 60) == 0
    finally:
        if watch.returncode is None:
            watch.kill()
    assert not file.exists()


@pytest.mark.parametrize(
    "obstacle",
    [
        "no folder",
        pytest.param("a file above it", marks=pytest.mark.slow),
        "a folder in its place",
        pytest.param("a read-only folder", marks=pytest.mark.slow),
    ],
)
async def test_a_file_that_cannot_be_written_is_one_warning_and_is_tried_again(tmp_path: Path, obstacle: str) -> None:
    folder = tmp_path / "collected"
    file = folder / "aura.prom"
    if obstacle == "a folder in its place":
        (file / "x").mkdir(parents=True)
    elif obstacle == "a file above it":
        folder.write_text("")
    elif obstacle == "a read-only folder":
        if sys.platform == "win32" or os.geteuid() == 0:
            pytest.skip("a mode stops neither root nor Windows")
        folder.mkdir(mode=0o500)
    async with client(file) as sidecar:
        await sidecar.call("backend:waitForReady")
        warning = f"The metrics cannot be written to {file}"
        await until(lambda: warning in sidecar.stderr_text)
        for _ in range(2):
            await sidecar.call("backend:restart")
        assert (await sidecar.call("backend:status"))["running"] is True
        await until(lambda: not folder.is_dir() or not list(folder.glob(".*")))  # one is there while it is written
        if obstacle in {"no folder", "a file above it"}:
            folder.unlink(missing_ok=True)
            folder.mkdir()
        elif obstacle == "a folder in its place":
            (file / "x").rmdir()
            file.rmdir()
        else:
            folder.chmod(0o700)
        await sidecar.call("backend:restart")
        await until(lambda: samples_of(file).get("starts_total") == 4)
        await until(lambda: "are written to" in (sidecar.data / "logs" / "sidecar.log").read_text())
    assert sidecar.stderr_text.count(warning) == 1
    assert not file.exists()


async def test_a_killed_sidecar_leaves_its_file_and_the_next_one_starts_over(tmp_path: Path) -> None:
    file = tmp_path / "aura.prom"
    async with client(file) as sidecar:
        await sidecar.call("backend:waitForReady")
        await until(lambda: samples_of(file).get("starts_total") == 1)
        sidecar.kill()
        await sidecar.wait_exit()
    assert file.exists()
    async with client(file, backend__autostart=False) as sidecar:
        await until(lambda: samples_of(file).get("starts_total") == 0)


async def test_a_file_that_can_never_be_written_is_one_warning_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with client(tmp_path / "file" / "aura.prom") as sidecar:
        await sidecar.call("backend:waitForReady")
        await until(lambda: "The metrics" in sidecar.stderr_text)
    assert sidecar.stderr_text.count("The metrics") == 1
