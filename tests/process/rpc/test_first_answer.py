"""What is imported before the first answer. Checks modules, because a time would say more about the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.backends import script_backend
from tests.support.launch import run
from tests.support.pipes import pack

ROOT = Path(__file__).resolve().parents[3]

# Runs the program until it writes the first answer; then writes the names of all loaded modules to stderr, and stops. On a busy
# machine the answer may come later than 0.2 s after the launch, when the late imports begin: they wait here.
UP_TO_FIRST_ANSWER = """
import os, sys
sys.argv = ["sidecar", *sys.argv[1:]]
before = set(sys.modules)
write = os.write
def look(descriptor, data):
    if b"response" in bytes(data):
        write(2, "\\n".join(sorted(name for name in set(sys.modules) - before if sys.modules[name])).encode())
        os._exit(0)
    return write(descriptor, data)
os.write = look
from sidecar.deferred import deferred
leave = deferred.__exit__
def leave_with_patience(self, *error):
    leave(self, *error)
    sys.modules["sidecar.app"]._HEAD_START = 60
deferred.__exit__ = leave_with_patience
from sidecar.__main__ import main
main()
"""

# Packages from elsewhere that may be loaded by then, and why it cannot be without them.
FOREIGN = {
    "msgspec",  # what the protocol is spoken with
}

# What the standard library has that takes long to import, or much memory, and that the way to the first answer does without.
# (ctypes is not among them: prctl and the Windows API are called by it, while the guardian starts the backend.)
HEAVY = {
    "ssl",
    "email",
    "http",
    "json",
    "multiprocessing",
    "concurrent.futures.process",
    "concurrent.futures.thread",
    "shutil",
    "tempfile",
    "tomllib",
    "urllib.request",
    "xml",
    "sqlite3",
    "argparse",
    "unittest",
    "difflib",
    "zipfile",
    "importlib.metadata",
    "pickle",
    "glob",
    "pathlib",
    "hashlib",
    "inspect",
    "ast",
    "tokenize",
    "ipaddress",
    "locale",
    "logging",
    "concurrent.futures",
    "decimal",
    "platform",
    "string",
    "traceback",
    "uuid",
} | ({"subprocess"} if os.name == "posix" else set())  # Windows' event loop is built on it

# Our own modules that are imported only when a request needs them.
LATE = {
    "sidecar.cli",
    "sidecar.commands",
    "sidecar.console",
    "sidecar.dashboard",
    "sidecar.observe.crash",
    "sidecar.observe.check_backend",
    "sidecar.observe.causes",
    "sidecar.firewall",
    "sidecar.supervisor.handover",
    "sidecar.backend.passed_socket",
    "sidecar.process.notify",
    "sidecar.monitor.notifications",
    "sidecar.monitor.socket_use",
    "sidecar.core.notification",
    "sidecar.settings.masking",
}

ASLEEP = "import time; time.sleep(20)"

MAX_OF_OURS = 120
"""Our own modules; each costs some 0.15 ms. If you add one on this path, raise the number to confirm that it is needed."""


def ping_once(words: list[str], folder: Path) -> str:
    """Runs the interpreter with a ping and the end of stdin; returns its stderr."""
    done = run(
        [sys.executable, *words],
        input=pack({"type": "request", "id": 1, "channel": "sidecar:ping", "args": []}),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.decode()


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    data = tmp_path_factory.mktemp("data")
    # A backend that is there and does nothing: what is imported while it boots comes after the answer.
    words = ["-c", UP_TO_FIRST_ANSWER, "serve", "--set", f"paths.data={data}", "--", *script_backend(ASLEEP)]
    return set(ping_once(words, ROOT).split())


def within(modules: set[str], rooms: set[str]) -> list[str]:
    return sorted(name for name in modules if any(name == room or name.startswith(f"{room}.") for room in rooms))


def test_little_from_elsewhere_is_imported(modules: set[str]) -> None:
    packages = {name.partition(".")[0] for name in modules}
    # On a busy Windows the run is up before the answer, and its use of memory is measured with psutil.
    measured = {"psutil"} if "sidecar.process.platform.usage" in modules and sys.platform != "linux" else set()
    assert packages - sys.stdlib_module_names - {"sidecar"} <= FOREIGN | measured
    assert "msgspec" in packages


def test_nothing_heavy_of_the_standard_library_is_imported(modules: set[str]) -> None:
    # From Python 3.14 on msgspec reads annotations with annotationlib, which needs ast.
    assert within(modules, HEAVY - ({"ast"} if sys.version_info >= (3, 14) else set())) == []


def test_a_room_not_requested_is_not_entered(modules: set[str]) -> None:
    assert within(modules, LATE) == []


def test_another_module_of_our_own_is_noticed(modules: set[str]) -> None:
    ours = [name for name in within(modules, {"sidecar"}) if not name.startswith("sidecar.process.windows")]
    assert 50 < len(ours) <= MAX_OF_OURS, ours


def test_no_file_in_the_working_folder_takes_the_place_of_a_module(tmp_path: Path) -> None:
    for name in ("logging", "queue", "selectors", "socket", "typing"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not the standard library')")
    words = ["serve", "--set", f"paths.data={tmp_path / 'data'}", "--set", "backend.autostart=false"]
    ping_once(["-m", "sidecar", *words], tmp_path)
