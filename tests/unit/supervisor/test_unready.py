"""Why a run was not ready in time: one sentence for each possible observation."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
import psutil
import pytest
from msgspec import structs

from sidecar.backend.probe import ProbeResult
from sidecar.core.cause import Cause
from sidecar.process import tree
from sidecar.process.base import ListeningSocket, ProcessId
from sidecar.settings.model import Backend, Settings
from sidecar.supervisor.run import Run
from sidecar.supervisor.unready import explain_hung, explain_unready

if TYPE_CHECKING:
    from sidecar.errors import HttpFailure


def explain(
    settings: Settings,
    port: int | None,
    listening: list[ListeningSocket] | None,
    last_answer: ProbeResult | None,
    *,
    output: str = "",
) -> Cause:
    seen = None if listening is None else tuple(listening)
    return explain_unready(Run(1, port, 0.0, listening=seen, last_answer=last_answer, output=output), settings)


SETTINGS = msgspec.structs.replace(Settings(), backend=Backend(live_path="/live"))


@pytest.mark.parametrize(
    ("port", "listening", "failure", "cause", "remedy"),
    [
        (None, None, None, "it printed no address", "backend.reported_pattern"),
        (
            None,
            [("127.0.0.1", 80)],
            None,
            "it listens on 127.0.0.1:80 and printed no address that matches backend.reported_pattern",
            "correct backend.reported_pattern",
        ),
        (
            5005,
            None,
            ("unreachable", None, "connect ENETUNREACH 127.0.0.1:5005"),
            "but 127.0.0.1 is unreachable (connect ENETUNREACH",
            "ip link set lo up",
        ),
        (5005, None, None, "nothing listens on port 5005", "timeouts.startup"),
        (5005, [], None, "nothing listens on port 5005", "timeouts.startup"),
        (5005, [("127.0.0.1", 5005)], None, "it listens on port 5005, but began to only now", "timeouts.startup"),
        (5005, [("::1", 5005)], None, "it listens on [::1]:5005, which 127.0.0.1 does not reach", "127.0.0.1"),
        (5005, [("127.0.0.1", 80)], None, "it listens on 127.0.0.1:80 instead of its port 5005", "{port}"),
        (5005, None, ("status", 404, "no"), "has no /live (status 404)", "backend.live_path"),
        (5005, None, ("status", 503, "no"), "last answer to /live was status 503", "timeouts.startup"),
        (
            5005,
            None,
            ("redirected", 307, "no", "https://127.0.0.1:5006/live"),
            "to HTTPS (status 307, https://",
            "UseHttpsRedirection",
        ),
        (5005, None, ("redirected", 308, "no", "HTTPS://localhost/"), "to HTTPS (status 308", "UseHttpsRedirection"),
        (
            5005,
            None,
            ("redirected", 302, "no", "http://127.0.0.1:80/"),
            "to another server (status 302",
            "backend.live_path",
        ),
        (
            5005,
            None,
            ("redirected", 301, "no", ""),
            "status 301, which waiting will not change",
            "backend.live_path",
        ),
        (5005, None, ("status", 407, "no"), "status 407, which waiting will not change", "backend.live_path"),
        (5005, None, ("status", 501, "no"), "status 501, which waiting will not change", "backend.live_path"),
        (5005, None, ("status", 429, "no"), "limits how often /live may be requested (status 429)", "rate limit"),
        (5005, None, ("status", 101, "no"), "status 101, which waiting will not change", "backend.live_path"),
        (5005, None, ("status", 500, "no"), "last answer to /live was status 500", "timeouts.startup"),
        (5005, None, ("status", 400, "no"), "as bad (status 400)", "AllowedHosts"),
        (5005, None, ("status", 401, "no"), "requires a login for /live (status 401)", "needs no login"),
        (5005, None, ("status", 403, "no"), "denies access to /live (status 403)", "accept requests from 127.0.0.1"),
        (5005, None, ("status", 405, "no"), "its /live does not accept GET (status 405)", "accepts GET"),
        (5005, None, ("timeout", None, "too late"), "does not answer /live", "health.probe_timeout"),
        (5005, None, ("refused", None, "connect"), "listened on port 5005 but no longer does", "closed the port"),
        (5005, None, ("hang_up", None, "socket hang up"), "closes the connection before answering", "HTTPS"),
        (5005, None, ("malformed", None, "Parse Error: x"), "is not HTTP (Parse Error: x)", "HTTPS"),
        (
            5005,
            None,
            ("redirected", None, "too many"),
            "/live redirects in a loop (too many)",
            "answers itself",
        ),
    ],
)
def test_the_sentence_says_what_was_seen(
    port: int | None,
    listening: list[tuple[str, int]] | None,
    failure: tuple[HttpFailure, int | None, str] | tuple[HttpFailure, int | None, str, str] | None,
    cause: str,
    remedy: str,
) -> None:
    last_answer = ProbeResult(False, failure[1], None, failure[2], failure[0], *failure[3:]) if failure else None
    sockets = None if listening is None else [ListeningSocket(*place, 1) for place in listening]
    why = explain(SETTINGS, port, sockets, last_answer, output="Now starting\n")
    assert why.cause.startswith("It was not ready within timeouts.startup (60 s): ")
    assert cause in why.cause
    assert remedy in why.remedy


def test_a_backend_that_listens_and_printed_nothing_holds_its_output_back() -> None:
    why = explain(SETTINGS, None, [ListeningSocket("127.0.0.1", 80, 1)], None, output="")
    assert "it listens on 127.0.0.1:80 and printed nothing" in why.cause
    assert why.remedy.index("PYTHONUNBUFFERED=1") < why.remedy.index("backend.reported_pattern")


def test_a_backend_that_printed_the_address_of_another_server_is_not_sent_to_port_reported() -> None:
    reported = msgspec.structs.replace(SETTINGS, backend=Backend(port="reported"))
    why = explain(reported, 81, [ListeningSocket("127.0.0.1", 80, 1)], None)
    assert "it listens on 127.0.0.1:80, and printed port 81" in why.cause
    assert why.remedy == "If its output contains the address, correct backend.reported_pattern."


def test_a_backend_that_listens_nowhere_is_explained_by_its_last_error() -> None:
    why = explain(SETTINGS, 5005, [], None, output="Reading\nError: cannot open data.db\nTrying again\n")
    assert why.cause.endswith("nothing listens on port 5005. Its last error: Error: cannot open data.db")


def test_a_manager_that_outlives_its_program_is_explained_by_what_that_said() -> None:
    """Concurrently, nodemon and others; before, a longer time limit was advised."""
    said = "[0] Error: Cannot find module 'express'\n[0] Require stack:\n[0] node server.js exited with code 1\n"
    why = explain(SETTINGS, 5005, [], None, output=said)
    assert why.cause.endswith("nothing listens on port 5005. Part of the backend is missing: express.")
    assert "install its dependencies" in why.remedy


def test_a_backend_that_tries_again_and_again_on_a_port_that_is_taken() -> None:
    why = explain(SETTINGS, 5005, [], None, output="Port 3000 is in use, retrying...\n" * 3)
    assert "it tried to listen on port 3000, which another program uses, instead of its port 5005" in why.cause
    assert "pass the backend the port" in why.remedy


def test_a_backend_that_may_not_have_the_port_that_it_chose_is_told_to_take_its_own() -> None:
    said = "Error: listen EACCES: permission denied 127.0.0.1:80\n"
    why = explain(SETTINGS, 5005, [], None, output=said)
    assert "it tried to listen on port 80, which the system does not let it use, instead of its port 5005" in why.cause
    assert why.remedy.startswith("Pass the backend the port: ")


@pytest.mark.parametrize("inner", [[], [ListeningSocket("127.0.0.1", 40_001, 1)]])
def test_a_backend_that_waits_for_a_debugger_is_not_told_to_use_another_port(inner: list[ListeningSocket]) -> None:
    said = "Debugger listening on ws://127.0.0.1:9229/0f2c936f-b1cd\n"
    debugger, admin = ListeningSocket("127.0.0.1", 9229, 1), ListeningSocket("127.0.0.1", 8081, 1)
    why = explain(SETTINGS, 5005, [debugger, *inner], None, output=said)
    assert "it listens only for a debugger, on 127.0.0.1:9229, and not on its port 5005" in why.cause
    assert "--inspect-brk" in why.remedy
    assert "instead of its port" in explain(SETTINGS, 5005, [debugger, admin], None, output=said).cause


def test_a_backend_that_listens_on_a_unix_socket_is_distinguished_from_a_slow_one() -> None:
    output = "[INFO] Listening at: unix:/run/app.sock (1)\n"
    assert (
        "Make it listen on TCP instead of a Unix socket: use {port}"
        in explain(SETTINGS, 5005, [], None, output=output).remedy
    )


def test_so_is_one_that_prints_nothing_of_its_unix_socket() -> None:
    why = explain_unready(Run(1, 5005, 0.0, listening=(), unix_socket="/run/app.sock"), SETTINGS)
    assert "nothing listens on port 5005, but it listens on the Unix socket /run/app.sock." in why.cause
    assert why.remedy.startswith("If it serves there, make it listen on TCP instead: use {port}")


def test_an_error_explains_more_than_the_unix_socket_of_a_launcher() -> None:
    output = "Error: Cannot find module './gone'\nRequire stack:\n- /app/server.js\n"
    why = explain_unready(Run(1, 5005, 0.0, listening=(), unix_socket="/tmp/tsx-0/1.pipe", output=output), SETTINGS)
    assert "./gone" in why.cause
    assert "TCP" not in why.remedy


def test_the_report_of_a_start_counts_after_the_stop_that_the_time_out_caused() -> None:
    settings = msgspec.structs.replace(SETTINGS, profile="aspnet")
    output = "info: Microsoft.Hosting.Lifetime[0]\n      Application started. Press Ctrl+C to shut down.\n"
    stopped = output + "      Application is shutting down...\n"
    answer = ProbeResult(False, 404, None, "no", "status")
    for printed in (output, stopped):
        why = explain(settings, 5005, [ListeningSocket("127.0.0.1", 5005, 1)], answer, output=printed)
        assert ": the app reports that it has started, but it listens on port 5005 and has no /live" in why.cause
    notify = msgspec.structs.replace(settings, backend=Backend(socket="pass"))
    why = explain(notify, 5005, [], None, output=output)
    assert "the app reports that it has started, but it has not answered on the socket" in why.cause
    assert "descriptor 3" in why.remedy


@pytest.mark.parametrize("failure", [None, "timeout"])
def test_a_socket_that_was_handed_over_and_never_used(failure: HttpFailure | None) -> None:
    settings = msgspec.structs.replace(SETTINGS, backend=Backend(live_path="/live", socket="pass"))
    answer = failure and ProbeResult(False, None, None, "timeout of 2000ms exceeded", failure)
    why = explain(settings, 5005, [ListeningSocket("127.0.0.1", 5005, 1)], answer)
    assert "it has not answered on the socket that was passed to it (port 5005)" in why.cause
    assert "uvicorn --fd 3" in why.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="only there a backend is listened to")
def test_a_backend_that_was_to_send_ready_and_did_not() -> None:
    settings = msgspec.structs.replace(SETTINGS, backend=Backend(notify=True))
    why = explain(settings, 5005, [ListeningSocket("127.0.0.1", 5005, 1)], None)
    assert "it sent no READY=1" in why.cause


def test_a_run_that_its_own_watchdog_calls_hung() -> None:
    why = explain_hung(Run(1, 5005, 0.0, hung="it sent WATCHDOG=trigger"), SETTINGS)
    assert (why.cause, why.kind) == ("Its own watchdog reports a hang: it sent WATCHDOG=trigger.", "hung")


def test_a_hang_seen_by_automatic_checks_names_the_paths_and_not_the_setting() -> None:
    settings = msgspec.structs.replace(SETTINGS, backend=Backend(live_path="auto"))
    assert "checks of /health or /healthz in a row" in explain_hung(Run(1, 5005, 0.0), settings).cause


def test_a_run_that_lost_its_port_is_not_said_to_have_been_slow() -> None:
    why = explain_hung(Run(1, 5005, 0.0, lost="it no longer listens on port 5005"), SETTINGS)
    assert why.cause == "It could not be reached any more: it no longer listens on port 5005."
    assert "slow" not in why.remedy


def test_a_run_that_was_busy_until_the_timeout_differs_from_one_that_waits() -> None:
    busy = Run(1, 5005, 0.0, listening=(), worked=42.4)
    assert "port 5005, and its processes used 42 s of processor time." in explain_unready(busy, SETTINGS).cause
    waits = structs.replace(busy, worked=0.2)
    assert "port 5005." in explain_unready(waits, SETTINGS).cause


def test_the_time_that_a_run_worked_is_that_of_its_processes() -> None:
    entry = tree.read_entry(os.getpid()) if tree.EXACT else None
    own = ProcessId(os.getpid(), entry.started if entry is not None else psutil.Process().create_time())
    run = Run(1, 5005, 0.0, process=SimpleNamespace(processes=lambda: [own, ProcessId(2**22 + 1, 0.0)]))
    used = sum(os.times()[:2])
    assert used - 1 < run.time_worked() < used + 5
    assert Run(1, 5005, 0.0).time_worked() == 0
