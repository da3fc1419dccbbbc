from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.cause import Cause
from sidecar.errors import BackendNotFoundError, HttpFailedError
from sidecar.observe import check_backend, check_files, check_network
from sidecar.observe.check_backend import (
    check_clock,
    check_crashes,
    check_firewall,
    check_health,
    check_orphans,
    check_sharing,
    check_shutdown_endpoint,
    run_checks,
)
from sidecar.process.executability import marks
from sidecar.wire.messages import FirewallCheck
from sidecar.wire.observe import Check, Crash


def command(*words: str) -> Callable[[], tuple[str, ...]]:
    return lambda: words


def missing() -> tuple[str, ...]:
    raise BackendNotFoundError("The backend's executable does not exist: /x", hint="Check the path.")


def free(_: int) -> Any:
    return "free"


def no_one(_: int) -> str:
    return ""


# Files


def test_a_program_that_is_there_is_fine() -> None:
    assert check_files.check_executable(command(sys.executable)).status == "ok"


def test_a_program_that_is_not_there_is_reported_with_the_message_of_the_start() -> None:
    check = check_files.check_executable(missing)
    assert (check.status, check.message, check.remedy) == (
        "failed",
        "The backend's executable does not exist: /x",
        "Check the path.",
    )
    assert check_files.check_runtime(missing, {}).status == "unknown"


def test_a_program_for_another_system_is_reported(tmp_path: Path) -> None:
    program = tmp_path / "Aura.Api"
    program.write_bytes(b"\x7fELF\x02\x01" + bytes(12) + b"\x34\x12" + bytes(40))
    program.chmod(0o755)
    check = check_files.check_executable(command(str(program)))
    assert check.status == "failed"
    assert "cannot run here" in check.message


@pytest.mark.posix(reason="Windows' words are in test_formats.py")
def test_a_text_file_with_a_run_bit_cannot_be_executed(tmp_path: Path) -> None:
    program = tmp_path / "run"
    program.write_bytes(b"hi\n")
    program.chmod(0o755)
    check = check_files.check_executable(command(str(program)))
    assert (check.status, check.message) == (
        "failed",
        f"{program} cannot run here: it is neither a program for this system nor a script with a #! line",
    )


def test_a_mark_of_a_download_hides_no_worse_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "mark", lambda _: Cause("is marked", "Unblock it."))
    assert check_files.check_executable(command(sys.executable)).message.endswith("is marked")
    (tmp_path / "run").write_bytes(b"#!/no/such/interpreter\n")
    (tmp_path / "run").chmod(0o755)
    assert check_files.check_executable(command(str(tmp_path / "run"))).status == "failed"


def test_a_script_without_its_interpreter_is_reported(tmp_path: Path) -> None:
    program = tmp_path / "run"
    program.write_bytes(b"#!/no/such/interpreter -x\nhello\n")
    program.chmod(0o755)
    check = check_files.check_executable(command(str(program)))
    assert check.status == "failed"
    assert ("script" if sys.platform == "win32" else "/no/such/interpreter") in check.message


RUNTIME = '{"runtimeOptions": {"tfm": "net8.0", "framework": {"name": "Microsoft.AspNetCore.App", "version": "8.0.0"}}}'


@pytest.mark.parametrize(("installed", "status"), [("8.0.11", "ok"), ("7.0.1", "failed"), (None, "failed")])
def test_a_missing_dotnet_runtime_is_named(tmp_path: Path, installed: str | None, status: str) -> None:
    (tmp_path / "Aura.Api.runtimeconfig.json").write_text(RUNTIME)
    dotnet = tmp_path / "dotnet"
    (dotnet / "shared" / "Microsoft.AspNetCore.App" / (installed or "none")).mkdir(parents=True)
    check = check_files.check_runtime(command(str(tmp_path / "Aura.Api.exe")), {"DOTNET_ROOT": str(dotnet), "PATH": ""})
    assert check.status == status
    if status == "failed":
        assert "Microsoft.AspNetCore.App 8.0.0" in check.message


@pytest.mark.skipif(sys.platform != "win32", reason="folders of Windows")
@pytest.mark.parametrize("folder", ["dotnet", "dotnet\\x64"])
def test_windows_on_arm64_has_a_second_folder_of_runtimes(tmp_path: Path, folder: str) -> None:
    (tmp_path / "Aura.Api.runtimeconfig.json").write_text(RUNTIME)
    (tmp_path / folder / "shared" / "Microsoft.AspNetCore.App" / "8.0.1").mkdir(parents=True)
    environ = {"PROGRAMFILES": str(tmp_path), "PATH": ""}
    assert check_files.check_runtime(command(str(tmp_path / "Aura.Api.exe")), environ).status == "ok"


def test_a_server_that_dotnet_runs_is_looked_at_and_not_dotnet_itself(tmp_path: Path) -> None:
    (tmp_path / "Aura.Api.runtimeconfig.json").write_text(RUNTIME)
    check = check_files.check_runtime(command("/usr/bin/dotnet", str(tmp_path / "Aura.Api.dll")), {"PATH": ""})
    assert check.status == "failed"
    assert "Microsoft.AspNetCore.App 8.0.0" in check.message


@pytest.mark.parametrize(
    ("text", "status"),
    [(None, "ok"), ('{"runtimeOptions": {"includedFrameworks": []}}', "ok"), ("no json", "unknown"), ("[]", "unknown")],
)
def test_a_self_contained_backend_needs_no_runtime(tmp_path: Path, text: str | None, status: str) -> None:
    if text is not None:
        (tmp_path / "Aura.Api.runtimeconfig.json").write_text(text)
    assert check_files.check_runtime(command(str(tmp_path / "Aura.Api")), {}).status == status


def test_a_folder_is_made_and_left_as_it_was(tmp_path: Path) -> None:
    check = check_files.check_folder("data", str(tmp_path / "new" / "data"))
    assert (check.check, check.status) == ("folder_data", "ok")
    assert list((tmp_path / "new" / "data").iterdir()) == []


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_file_in_the_way_of_a_folder_is_reported(tmp_path: Path, below: str) -> None:
    (tmp_path / "data").write_text("a file")
    check = check_files.check_folder("data", str(tmp_path / "data") + below)
    assert check.status == "failed"
    assert "paths.data" in str(check.remedy)


@pytest.mark.parametrize(
    ("error", "words"), [(PermissionError(13, "denied"), "denied"), (FileNotFoundError(2, "not found"), "not found")]
)
def test_a_folder_in_which_no_file_can_be_made_is_reported_after_one_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    attempts = []

    def refuse(path: str, *_: object, **__: object) -> int:
        attempts.append(path)
        raise error

    monkeypatch.setattr(os, "open", refuse)
    check = check_files.check_folder("data", str(tmp_path))
    assert (check.status, check.message) == ("failed", f"{tmp_path} cannot be written: {words}")
    assert len(attempts) == 1
    is_protected = sys.platform == "win32" and isinstance(error, FileNotFoundError)
    assert ("Controlled folder access" in str(check.remedy)) == is_protected


@pytest.mark.posix(reason="on Windows only administrators may make links")
@pytest.mark.parametrize("target", ["nowhere", "data"], ids=["dangling", "a loop"])
def test_a_link_that_leads_to_no_folder_is_not_called_a_file(tmp_path: Path, target: str) -> None:
    (tmp_path / "data").symlink_to(tmp_path / target)
    check = check_files.check_folder("data", str(tmp_path / "data"))
    assert check.message == f"{tmp_path / 'data'} is a link to {tmp_path / target}, where no folder is"
    assert str(check.remedy).startswith("Remove that link.")


@pytest.mark.parametrize(("free_bytes", "status"), [(10**10, "ok"), (100 * 2**20, "warning"), (2**20, "failed")])
def test_little_space_is_reported_before_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int, status: str
) -> None:
    monkeypatch.setattr(check_files.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free_bytes}))
    assert check_files.check_folder("data", str(tmp_path)).status == status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("127.0.0.1 localhost\n::1 localhost ip6-localhost\n", "ok"),
        ("# 10.0.0.1 localhost\n\n", "ok"),
        ("10.0.0.1 example localhost # ours\n", "warning"),
        ("0.0.0.0\tLOCALHOST\n", "warning"),
        ("10.0.0.1 localhost.example\n", "ok"),
    ],
)
def test_a_redirected_localhost_is_reported(text: str, status: str, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    assert check_files.check_hosts(str(file)).status == "unknown"
    file.write_text(text)
    assert check_files.check_hosts(str(file)).status == status


# Network


@pytest.mark.parametrize(
    ("port", "running", "listener", "state", "status", "words"),
    [
        ("auto", None, "unknown", "in_use", "ok", "picked at startup"),
        (5005, None, "unknown", "free", "ok", "5005 is free"),
        (5005, None, "unknown", "in_use", "failed", "in use by nginx (pid 7)"),
        (6000, None, "unknown", "free", "failed", "Chromium refuses every request to port 6000"),
        ("reported", 6667, "own", "in_use", "failed", "Chromium refuses every request to port 6667"),
        (5005, None, "unknown", "lingering", "warning", "earlier program are still closing on port 5005"),
        (80, None, "unknown", "forbidden", "failed", "does not let the backend listen on port 80"),
        (5005, 5005, "own", "in_use", "ok", "The backend listens on port 5005"),
        ("auto", 5005, "foreign", "in_use", "failed", "belongs to nginx (pid 7)"),
    ],
)
def test_the_port_is_judged_by_who_has_it(
    *, port: Any, running: int | None, listener: Any, state: Any, status: str, words: str
) -> None:
    check = check_network.check_port(port, running, listener, lambda _: state, lambda _: "nginx (pid 7)")
    assert check.status == status
    assert words in check.message


def test_a_port_in_a_range_that_windows_reserves_is_reported_with_the_range() -> None:
    check = check_network.check_port(
        5005, None, "unknown", lambda _: "forbidden", no_one, reserved=lambda: [(80, 80), (5000, 5099)]
    )
    assert check.message.startswith("Windows reserves ports 5000 to 5099, including port 5005")


def test_loopback_can_be_reached_here() -> None:
    assert check_network.check_loopback().status == "ok"


def test_a_loopback_that_does_not_work_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise TimeoutError("timed out")

    monkeypatch.setattr(check_network.socket, "create_connection", refuse)
    check = check_network.check_loopback()
    assert check.status == "failed"
    assert "timed out" in check.message


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({}, "ok"),
        ({"http_proxy": ""}, "ok"),
        ({"http_proxy": "http://proxy:3128"}, "warning"),
        ({"ALL_PROXY": "socks5://proxy", "no_proxy": "example.com"}, "warning"),
        ({"HTTP_PROXY": "http://proxy", "NO_PROXY": "example.com, 127.0.0.1"}, "ok"),
        ({"HTTP_PROXY": "http://proxy", "NO_PROXY": "*.example.com"}, "warning"),
        ({"HTTP_PROXY": "http://proxy", "no_proxy": "*"}, "ok"),
    ],
)
def test_a_proxy_that_swallows_loopback_is_reported(environ: dict[str, str], status: str) -> None:
    assert check_network.check_proxy(environ).status == status


@pytest.mark.parametrize(
    ("places", "env", "status"),
    [
        ("", {}, "ok"),
        ("", {"ASPNETCORE_URLS": "http://127.0.0.1:5005"}, "ok"),
        ("", {"ASPNETCORE_URLS": "http://0.0.0.0:5005"}, "warning"),
        ("", {"URLS": "http://*:5005"}, "warning"),
        ("0.0.0.0:5005", {}, "failed"),
    ],
)
def test_a_backend_that_others_can_reach_is_reported(places: str, env: dict[str, str], status: str) -> None:
    assert check_network.check_exposure(places, [], env).status == status


def test_a_known_server_that_others_can_reach_is_given_the_arguments_for_its_address() -> None:
    """npm alone passes only a port on; what its script starts is not known."""
    known = check_network.check_exposure("[::]:3000", ["npx", "next", "start"], {}).remedy
    assert known == "Make it listen on 127.0.0.1 only: append --port {port} --hostname {host} to its command."
    unknown = check_network.check_exposure("[::]:3000", ["npm", "start"], {}).remedy
    assert unknown == "Make it listen on 127.0.0.1 only: check its settings for 0.0.0.0, * or [::]."


@pytest.mark.parametrize(
    ("subsystem", "request_set", "status"), [(2, False, "warning"), (2, True, "ok"), (3, False, "ok")]
)
def test_a_program_that_windows_can_only_kill_is_reported(
    subsystem: int, status: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, request_set: bool
) -> None:
    program = tmp_path / "app.exe"
    program.write_bytes(b"MZ".ljust(60, b"\0") + struct.pack("<I4sH86xH", 64, b"PE\0\0", 0x8664, subsystem))
    program.chmod(0o755)
    monkeypatch.setattr(check_files, "SYSTEM", "win32")
    monkeypatch.setattr(check_files, "unrunnable", lambda *_: None)
    check = check_files.check_executable(command(str(program)), has_request=request_set)
    assert check.status == status
    assert ("a stop kills it at once" in check.message) is (status == "warning")


@pytest.mark.parametrize(
    ("path", "answer", "status"), [("", None, "ok"), ("/x", None, "unknown"), ("/x", 404, "warning"), ("/x", 405, "ok")]
)
def test_a_missing_shutdown_endpoint_is_reported(path: str, answer: int | None, status: str) -> None:
    assert check_shutdown_endpoint(path, answer).status == status


def test_a_signal_that_only_kills_the_backend_is_named() -> None:
    assert "SIGTERM ends the backend at once" in check_shutdown_endpoint("", None, kills="SIGTERM").message
    assert check_shutdown_endpoint("/x", 405, kills="SIGTERM").message == "/x exists"


NOT_FOUND = HttpFailedError("no", kind="status", status=404)
UNAVAILABLE = HttpFailedError("no", kind="status", status=503)
SILENT = HttpFailedError("no", kind="timeout")
HEALTH = {"live_path": "/live", "health_path": "/live", "ready_path": "/ready"}


@pytest.mark.parametrize(
    ("endpoints", "answers", "status", "words"),
    [
        ({}, None, "ok", "No health endpoint"),
        (HEALTH, None, "unknown", "isn't running"),
        (HEALTH, {"/live": None, "/ready": None}, "ok", "/live, /ready"),
        ({"live_path": "auto"}, {"auto": None}, "ok", "healthy: /health or /healthz"),
        ({"live_path": "auto"}, {"auto": UNAVAILABLE}, "failed", "/health or /healthz answers status 503"),
        (HEALTH, {"/live": None, "/ready": UNAVAILABLE}, "warning", "/ready answers status 503"),
        (HEALTH, {"/live": NOT_FOUND, "/ready": None}, "failed", "it has no /live"),
        (HEALTH, {"/live": SILENT, "/ready": None}, "failed", "/live does not answer (no)"),
    ],
)
def test_a_backend_that_is_not_well_is_reported(
    endpoints: dict[str, str], answers: dict[str, HttpFailedError | None] | None, status: str, words: str
) -> None:
    check = check_health(endpoints, answers)
    assert check.status == status
    assert words in check.message


# The rest


def test_a_clock_before_the_installation_is_reported() -> None:
    assert check_clock(1e9, 1.1e9).status == "warning"
    assert check_clock(1.1e9, 1e9).status == "ok"


def test_the_verdict_of_the_firewall_is_passed_on() -> None:
    assert check_firewall(FirewallCheck(True, "fine")).status == "ok"
    assert check_firewall(FirewallCheck(False, "refused", "do this")) == Check(
        "firewall", "warning", "refused", "do this"
    )


def test_orphans_and_a_second_sidecar_are_warnings() -> None:
    assert check_orphans([]).status == "ok"
    assert check_orphans(["They were ended: 5"]).message == "They were ended: 5"
    assert check_sharing([]).status == "ok"
    assert check_sharing([7]).message.startswith("Another sidecar (pid 7) uses the same data folder")
    assert check_sharing([7, 8]).message.startswith("Other sidecars (pids 7, 8) use the same data folder")


CRASH = Crash(
    "crash-x", "T", 1, None, 6, "killed by SIGABRT (6)", "The disk is full.", "Free some.", 1, 3, None, final=True
)


@pytest.mark.parametrize(("state", "status"), [("RUNNING", "ok"), ("STOPPED", "warning"), ("FAILED", "failed")])
def test_the_last_crash_weighs_as_much_as_it_still_matters(state: str, status: str) -> None:
    check = check_crashes([CRASH], state)
    assert check.status == status
    assert "The disk is full." in check.message
    assert check.evidence == "crash-x"
    assert check_crashes([], state).status == "ok"


async def test_a_check_that_breaks_hides_no_other() -> None:
    def broken() -> Check:
        raise RuntimeError("defect")

    first, second = await run_checks({"executable": broken, "loopback": check_network.check_loopback})
    assert (first.check, first.status, second.status) == ("executable", "unknown", "ok")
    assert "defect" in first.message


async def test_a_check_that_times_out_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk or network drive that does not respond is a reason to run the diagnosis."""
    monkeypatch.setattr(check_backend, "LIMIT", 0.5)  # the other check must end within it, on a busy machine too
    over = threading.Event()
    try:
        first, second = await run_checks({"folder_data": lambda: over.wait(60), "x": lambda: Check("x", "ok", "fine")})  # type: ignore[dict-item, return-value]
    finally:
        over.set()
    assert (first.check, first.status, second.status) == ("folder_data", "unknown", "ok")
    assert "no answer" in first.message


async def test_checks_that_may_wait_for_a_disk_run_off_the_loop() -> None:
    threads: list[threading.Thread] = []

    def check() -> Check:
        threads.append(threading.current_thread())
        return Check("x", "ok", "fine")

    await run_checks({"x": check})
    assert threads
    assert threading.main_thread() not in threads


# What the backend is handed


def test_a_port_that_the_sidecar_holds_for_the_backend_is_not_taken() -> None:
    held = check_network.check_port(5005, None, "unknown", lambda _: "in_use", no_one, held=5005)
    assert (held.status, held.message) == ("ok", "The sidecar holds port 5005 for the backend")


@pytest.mark.parametrize(
    ("port", "waiting", "says"),
    [
        (None, None, "as soon as it starts"),
        (5005, None, "listens on port 5005 for the backend"),
        (5005, 1, "for the backend; 1 connection waits to be accepted"),
        (5005, 2, "for the backend; 2 connections wait to be accepted"),
    ],
)
def test_the_passed_socket(port: int | None, waiting: int | None, says: str) -> None:
    check = check_backend.check_passed_socket(port, waiting)
    assert check.status == "ok"
    assert check.message.endswith(says)


@pytest.mark.parametrize(("path", "says"), [("/live", "when /live answers"), ("", "when its port is open")])
def test_notifications_on_a_system_without_them(monkeypatch: pytest.MonkeyPatch, path: str, says: str) -> None:
    monkeypatch.setattr(check_backend, "HAS_NOTIFICATIONS", False)
    check = check_backend.check_notify(path)
    assert check.status == "warning"
    assert says in check.message
