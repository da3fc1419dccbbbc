"""Folders that may not be entered: each error names the folder and what to do, and none counts as a bug."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidecar.backend.command import find_command
from sidecar.console import bundle
from sidecar.errors import BackendNotExecutableError, BackendNotFoundError
from sidecar.observe.crash import CrashReports
from sidecar.settings.load import load

pytestmark = pytest.mark.posix(reason="the mode of a folder keeps its owner out")


@contextmanager
def no_one() -> Iterator[None]:
    """A user whom the mode of a folder keeps out; it does not keep root out."""
    assert sys.platform != "win32"
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    yield folder
    folder.chmod(0o700)


def find(command: list[str] | None, *overrides: str, path: str = "") -> tuple[str, ...]:
    settings = load(environ={}, command=command, overrides=overrides).settings
    return find_command(settings, {"PATH": path}, beside="/", working_directory="/").argv


def test_a_program_in_an_inaccessible_folder_is_not_reported_as_missing(closed: Path) -> None:
    with no_one(), pytest.raises(BackendNotExecutableError, match="is not accessible") as raised:
        find([str(closed / "server")])
    assert raised.value.hint == "Give this user permission to enter each folder on its path."


def test_such_a_folder_on_the_path_hides_no_program_behind_it(closed: Path) -> None:
    with no_one():
        assert Path(find(["sh"], path=f"{closed}:/bin")[0]).name == "sh"
        with pytest.raises(BackendNotFoundError, match="was not found on PATH"):
            find(["no-such-program"], path=f"{closed}:/bin")


def test_such_a_working_folder_is_named(closed: Path) -> None:
    with no_one(), pytest.raises(BackendNotExecutableError, match="working folder is not accessible") as raised:
        find(["/bin/sh"], f"backend.cwd='{closed / 'folder'}'")
    assert "backend.cwd" in raised.value.hint


def test_a_packaged_backend_that_cannot_be_seen_is_not_found(closed: Path) -> None:
    settings = load(profile="aura", environ={}).settings
    with no_one(), pytest.raises(BackendNotFoundError, match="Searched"):
        find_command(settings, {}, beside=str(closed / "sidecar"), working_directory=str(closed))


async def test_there_are_no_reports_in_an_unreadable_folder(closed: Path) -> None:
    with no_one():
        assert await CrashReports(closed / "logs", lambda _: None).summaries() == []


def test_a_bundle_goes_without_logs_that_may_not_be_read(closed: Path) -> None:
    with no_one():
        assert list(bundle._logs(closed / "logs")) == []
