"""Configures the suite: workers, options, the tests this platform can run, and the check that no process is left behind."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support import processes

# Machines are shared: how long an example takes to generate or to run says nothing about the program.
_SHARED = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("shared", _SHARED, max_examples=40)
hypothesis.settings.register_profile("gate", _SHARED, max_examples=100)
hypothesis.settings.load_profile("shared")

# Every process that a test starts inherits this variable, so a process that has it after the last test was left behind. The
# workers of pytest-xdist inherit it from the process that distributes the tests and checks at the end. The name does not start
# with SIDECAR_, which tests strip from environments.
_NAME = "TEST_SESSION_OF"
_TIMEOUT = 30.0  # seconds that an exiting process may take
_FIRST_RUN = "TEST_SESSION_IS_FIRST"  # in the environment: no earlier run has left files with rewritten assertions
_left_behind = pytest.StashKey[list[processes.Found]]()
# Folders, files and functions of tests/ whose decisions and texts are the same on every platform: --platform-only skips
# them. Tests that touch processes, files, paths, streams, consoles or the firewall are not among them.
SAME_EVERYWHERE = (
    # Messages about a wrong command line.
    "contract/test_console.py::test_call_names_the_right_one_for_a_typo",
    "unit/test_cli.py::test_a_forgotten_separator_is_answered_with_the_right_command_line",
    "unit/test_cli.py::test_a_tool_without_a_command_to_start_is_a_usage_error_that_says_what_to_write",
    # Messages about requests that are wrong or fail: process/test_backend_client.py tests the HTTP client.
    "contract/test_failures.py",
    "contract/test_misuse.py",
    "contract/test_fuzz.py",
    "contract/test_golden.py",
    # The handling of a recording's bytes once they are read.
    "contract/test_record.py::test_a_client_can_be_played_to_without_sidecar_and_backend",
    "contract/test_record.py::test_a_damaged_recording_is_shown_up_to_the_damage",
    "contract/test_record.py::test_another_backend_is_distinguished",
    "contract/test_record.py::test_frames_reads_as_a_conversation",
    "contract/test_record.py::test_the_recorded_pace_is_kept",
    "contract/test_record.py::test_what_is_not_a_recording_is_reported",
    "contract/test_schemas.py",
    # Decisions about an ASP.NET Core server's answers; the tests of its process and signals stay.
    "e2e/test_aspnet.py::test_a_not_ready_endpoint_is_not_a_failed_start",
    "e2e/test_aspnet.py::test_a_slow_start_without_a_listening_line_is_followed_to_its_end",
    "e2e/test_aspnet.py::test_a_started_app_without_its_health_path_is_quoted_with_the_status",
    # The contents of a bundle; e2e/test_doctor.py tests that Windows writes one.
    "e2e/test_bundle.py",
    "e2e/test_failure_causes.py",
    # Messages about a start; those that differ name the owner of a socket, which Wine does not know.
    "e2e/test_reasons.py",
    # Decisions about names and limits; the tests of a report and of a tree's samples stay.
    "e2e/test_observed.py::test_a_report_that_does_not_exist_is_refused",
    "e2e/test_observed.py::test_a_limit_that_is_passed_is_reported_and_taken_back_when_the_run_ends",
    "security/test_masking.py",
    "security/test_supply_chain.py",
    "unit/api",
    "unit/backend/test_probe_policy.py",
    "unit/backend/test_reported.py",
    "unit/benchmarks",
    "unit/ci",
    "unit/console/test_call.py",
    "unit/console/test_recording.py",
    "unit/console/test_sentences.py",
    "unit/console/test_story.py",
    "unit/core",
    "unit/dashboard",
    "unit/monitor",
    "unit/observe/test_causes.py",
    "unit/observe/test_causes_at_the_end.py",
    "unit/observe/test_crash.py",
    "unit/observe/test_frames.py",
    "unit/observe/test_limit.py",
    "unit/observe/test_lines.py",
    "unit/rpc/test_outbox.py",
    "unit/rpc/test_router.py",
    "unit/settings/test_legacy.py",
    "unit/settings/test_settings_masking.py",
    "unit/supervisor",
    "unit/tools",
    "unit/wire",
)
_WORKERS_PER_CORE = 3  # a test waits for processes more than it computes


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-frames", type=int, default=10_000, help="frames of the fuzz test; the gate's are 220 000")
    parser.addoption("--platform-only", action="store_true", help="leave out what cannot differ between platforms")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignores the path, or returns None to let another hook decide."""
    if not config.getoption("platform_only"):
        return None
    return _below_tests(collection_path) in SAME_EVERYWHERE or None


def _below_tests(path: Path) -> str:
    return path.relative_to(Path(__file__).parent).as_posix()


def _heavy_lock() -> Path:
    return Path(tempfile.gettempdir()) / f"heavy-tests-{os.environ[_NAME]}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """Runs tests that keep a core busy one at a time: together they would exceed the limits that they check."""
    if not item.get_closest_marker("heavy") or sys.platform == "win32":
        return (yield)
    import fcntl

    with _heavy_lock().open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return (yield)


def _rewritten() -> Path:
    return Path(tempfile.gettempdir()) / f"rewritten-tests-{os.environ[_NAME]}"


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[object]:
    """On a first run one worker rewrites the assertions while the others wait; otherwise each would spend 5 s of CPU on it.

    No worker looks for garbage among what is collected, then or later: all of it stays, and the search takes a second of CPU.
    """
    worker = getattr(session.config, "workerinput", {}).get("workerid")
    first = worker is not None and _FIRST_RUN in os.environ
    if first and worker != "gw0":
        with contextlib.suppress(AssertionError):
            processes.wait_until(_rewritten().exists, _TIMEOUT)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        if first and worker == "gw0":
            _rewritten().touch()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Undoes PR_SET_CHILD_SUBREAPER, set by a process layer: this process would collect the orphans of all later tests."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(36, *map(ctypes.c_ulong, (0, 0, 0, 0)))  # PR_SET_CHILD_SUBREAPER, linux/prctl.h


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return _WORKERS_PER_CORE * (os.cpu_count() or 1)


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    # If it were set, each worker of each run would rewrite the assertions of every file again: 7 s of CPU.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    gone = [name for name in SAME_EVERYWHERE if not _is_there(*name.split("::"))]
    if gone:
        raise pytest.UsageError(f"SAME_EVERYWHERE names what is not there: {', '.join(gone)}")
    # Started with & or nohup, the suite would pass on that these signals are ignored; some tests send them.
    for name in ("SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    if not is_worker(config):
        os.environ[_NAME] = f"{uuid.uuid4()}"
        caches = Path(__file__).parent.glob(f"unit/*/__pycache__/*.{sys.implementation.cache_tag}-pytest-*.pyc")
        if next(caches, None) is None:
            os.environ[_FIRST_RUN] = "1"
    config.stash[_left_behind] = []


def _is_there(file: str, function: str = "") -> bool:
    path = Path(__file__).parent / file
    return path.exists() and (not function or f"def {function}(" in path.read_text(encoding="utf-8"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("platform_only"):
        same = [item for item in items if f"{_below_tests(item.path)}::{item.originalname}" in SAME_EVERYWHERE]  # type: ignore[attr-defined]
        config.hook.pytest_deselected(items=same)
        items[:] = [item for item in items if item not in same]
    wine = sys.platform == "win32" and is_wine()
    for item in items:
        for name, applies in (("posix", sys.platform == "win32"), ("not_wine", wine)):
            marker = item.get_closest_marker(name)
            if marker is not None and applies:
                item.add_marker(pytest.mark.skip(reason=str(marker.kwargs.get("reason", f"marked {name}"))))


def is_wine() -> bool:
    import ctypes

    return sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    # On Windows a job object ends leftover processes, and Wine shows no environments.
    if sys.platform == "win32" or is_worker(session.config):
        return
    _heavy_lock().unlink(missing_ok=True)
    _rewritten().unlink(missing_ok=True)
    marker = f"{_NAME}={os.environ[_NAME]}"
    try:
        processes.wait_until(lambda: not processes.marked(marker), _TIMEOUT)
    except AssertionError:
        left = processes.marked(marker)
        session.config.stash[_left_behind] = left
        for found in left:
            os.kill(found.pid, 9)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for found in config.stash[_left_behind]:
        terminalreporter.write_line(f"LEFT BEHIND by a test, and killed: {found.pid} {found.command}", red=True)
