"""The backend is launched before any large import. Checks modules, because a time would say more about the machine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.support.backends import script_backend
from tests.support.launch import ROOT, run

# Runs the program until the backend is launched; then writes the names of all loaded modules to stderr, and stops.
UP_TO_LAUNCH = """
import os, sys
sys.argv = ["sidecar", *sys.argv[1:]]
before = set(sys.modules)
import sidecar.early as early
really, steps = early.launch, early._launch
def explained(start):
    try:
        return steps(start)
    except Exception as error:
        os.write(2, ascii(error).encode())
        raise
early._launch = explained
def look(start):
    run = really(start)
    found = sorted(name for name in set(sys.modules) - before if sys.modules[name])
    os.write(2, ("\\n".join(found) if run else "").encode())
    os._exit(0 if run else 3)
early.launch = look
from sidecar.__main__ import main
main()
"""

# What a socket, the settings and the system's calls need (prctl(2), job objects); all else of the standard library waits.
STANDARD = {"__future__", "_ctypes", "_socket", "errno", "gc", "time"} | (
    {"_struct", "ctypes", "ctypes._endian", "msvcrt", "struct", "types"} if os.name == "nt" else {"grp", "pwd"}
)
MAX_OF_OURS = 39
"""Our own modules. If you add one on this path, raise the number to confirm that it is needed."""


def launched(data: Path, *settings: str, environ: dict[str, str | None] | None = None) -> tuple[int, set[str]]:
    """The status, 0 if it was launched, and the modules; if an error prevented it, the error's text."""
    words = [word for setting in (f"paths.data={json.dumps(str(data))}", *settings) for word in ("--set", setting)]
    done = run(
        [
            sys.executable,
            "-S",
            "-c",
            UP_TO_LAUNCH,
            "serve",
            *words,
            "--",
            *script_backend("import time; time.sleep(30)"),
        ],
        cwd=ROOT,
        env=environ,
        encoding=None,
    )
    return done.returncode, set(done.stderr.decode().split())


def test_the_backend_is_launched_before_the_loop_and_the_codec_are_imported(tmp_path: Path) -> None:
    status, modules = launched(tmp_path)
    assert status == 0, modules
    ours = {name for name in modules if name.partition(".")[0] == "sidecar"}
    assert modules - ours - STANDARD == set()
    assert 20 < len(ours) <= MAX_OF_OURS, sorted(ours)


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("backend.autostart=false", "it is not to be started"),
        ("backend.port=0", "the settings are wrong"),
        ("sandbox.level=standard", "a sandbox is prepared by the layer"),
        ("backend.command=[]", "no mistake: the command follows"),
    ],
)
def test_what_is_unusual_is_left_to_the_supervisor(tmp_path: Path, setting: str, why: str) -> None:
    status, said = launched(tmp_path, setting)
    assert status == (0 if why.startswith("no mistake") else 3), said
    assert (list(tmp_path.glob("sidecar-run-*.json")) == []) is not why.startswith("no mistake")


@pytest.mark.parametrize("name", ["sidecar-run-1-2.json", "sidecar-last-run.json"])
def test_a_folder_that_holds_more_than_a_clean_end_leaves_is_left_to_the_supervisor(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    assert launched(tmp_path)[0] == 3


@pytest.mark.posix(reason="Windows' access lists are not looked at")
def test_a_folder_that_others_can_write_to_is_left_to_the_supervisor(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert launched(tmp_path)[0] == 3
