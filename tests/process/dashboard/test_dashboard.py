"""The dashboard over real sockets: who is let in, what passes through, and what is left after its end."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.conftest import is_wine
from tests.support import processes
from tests.support.backends import free_port, http_backend, script_backend
from tests.support.dashboard import LIMIT, PROTOCOL, Dashboard, dashboard

GONE_WITHIN = 60.0  # seconds; e2e/test_no_orphan.py holds the promise


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as one:
        yield one


def is_state(state: str) -> Any:
    return lambda message: message.get("channel") == "backend:stateChanged" and message["payload"]["state"] == state


async def test_it_listens_on_loopback_alone_and_lets_in_only_the_page_with_its_token(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with dashboard(tmp_path, [], settings={"backend.autostart": False}) as running:
        origin, port = running.origin, int(running.origin.rpartition(":")[2])
        headers = {"Authorization": f"Bearer {running.token}"}
        if not is_wine():  # which reports no pids, so whose sockets these are is unknown
            sockets = psutil.Process(running.process.pid).net_connections()
            assert {one.laddr for one in sockets if one.status == "LISTEN"} == {("127.0.0.1", port)}

        # Another host name that leads here (DNS rebinding), for whatever is asked.
        for host in (f"localhost:{port}", f"evil.example:{port}", "127.0.0.1"):
            for path in ("/", "/main.js", "/session", "/socket"):
                async with session.get(origin + path, headers={**headers, "Host": host, "Origin": origin}) as answer:
                    assert answer.status == 403, (host, path)
                    assert "script" not in await answer.text()

        # Another page's requests, and those without an origin where a browser sends one.
        for wrong in ("http://evil.example", f"http://localhost:{port}", "null", None):
            reported = {} if wrong is None else {"Origin": wrong}
            async with session.post(f"{origin}/session", headers={**headers, **reported}) as answer:
                assert answer.status == 403
            async with session.get(f"{origin}/socket", headers=reported) as answer:
                assert answer.status == 403
        async with session.get(origin, headers={"Origin": "http://evil.example"}) as answer:
            assert answer.status == 403

        # Wrong tokens and keys.
        for value in ("", "Bearer ", "Bearer x", f"Basic {running.token}", running.token):
            async with session.post(f"{origin}/session", headers={"Authorization": value, "Origin": origin}) as answer:
                assert (answer.status, await answer.json()) == (401, {"used": False})
        for protocols in ((), (PROTOCOL,), (PROTOCOL, "key.x"), (PROTOCOL, f"key.{running.token}")):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
                await session.ws_connect(f"{origin}/socket", protocols=protocols, origin=origin)

        # None of that used the token up; the exchange does.
        token, key = running.token, await running.key(session)
        assert running.token != token
        async with session.post(f"{origin}/session", headers={**headers, "Origin": origin}) as answer:
            assert (answer.status, await answer.json()) == (401, {"used": True})
        for value, status in ((key, 204), (token, 401), (running.token, 401), (key[:-1], 401)):
            async with session.get(f"{origin}/session", headers={"Authorization": f"Bearer {value}"}) as answer:
                assert answer.status == status


async def test_the_files_are_served_at_the_port_asked_for_under_a_strict_policy_and_nothing_else_is(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    port = free_port()
    async with dashboard(tmp_path, [], "--port", str(port), settings={"backend.autostart": False}) as running:
        assert running.origin == f"http://127.0.0.1:{port}"
        async with session.get(running.origin) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cache-Control"] == "no-store"
        for path, status in (
            ("/main.js", 200),
            ("/views/logs.js", 200),
            ("/vendor/uplot/LICENSE.txt", 200),
            ("/run.py", 404),
            ("/..%2Frun.py", 404),
            ("/%2e%2e/run.py", 404),
            ("/views/", 404),
            ("/views", 404),
        ):
            async with session.get(running.origin + path) as answer:
                assert answer.status == status, path
                assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_two_tabs_talk_with_one_sidecar_each_under_its_own_ids(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with dashboard(tmp_path, http_backend(say="\x1b[31mred\x1b[0m words")) as running:
        key = await running.key(session)
        async with running.page(session, key) as one, running.page(session, key) as other:
            await one.until(is_state("RUNNING"))
            await other.until(is_state("RUNNING"))
            answers = await asyncio.gather(
                one.ask("backend:status", number=7), other.ask("backend:logs", {"lines": 5}, number=7)
            )
            assert answers[0]["result"]["state"] == "RUNNING"
            assert "red words" in [line["text"] for line in answers[1]["result"]]
            for channel in ("sidecar:shutdown", "sidecar:power", "sidecar:info", "backend:createFirewallRule"):
                assert (await one.ask(channel))["error"]["code"] == "UNSUPPORTED"

            # A tab hears what another one does, and only the one that asked for resources gets them.
            assert await one.result("sidecar:subscribe", ["backend:resourceUpdate"])
            pid = (await one.result("backend:status"))["pid"]
            await one.forget().result("backend:restart")
            await other.forget().until(is_state("RUNNING"))
            assert (await other.result("backend:status"))["pid"] != pid
            await one.until(lambda message: message.get("channel") == "backend:resourceUpdate")
            assert not [message for message in other.seen if message.get("channel") == "backend:resourceUpdate"]

        # A reload: the key is still good, and the timeline is sent again.
        async with running.page(session, key) as again:
            hello = await again.hello()
            assert "sidecar:shutdown" not in hello["channels"]
            await again.until(is_state("STOPPING"))
            moves = [m["payload"]["state"] for m in again.seen if m.get("channel") == "backend:stateChanged"]
            assert moves[:2] == ["STARTING", "RUNNING"]


async def test_a_sidecar_that_dies_is_reported_and_replaced_until_that_is_hopeless(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with dashboard(tmp_path, http_backend()) as running:
        async with running.page(session, await running.key(session)) as page:
            for attempt in range(4):
                hello = await page.hello()
                await page.until(is_state("RUNNING"))
                backend = (await page.result("backend:status"))["pid"]
                page.forget()
                psutil.Process(hello["pid"]).kill()
                lost = await page.until(lambda message: message["type"] == "error")
                assert (lost["id"], lost["error"]["code"]) == (None, "SIDECAR_EXITED")
                assert lost["error"]["data"] == {"final": attempt == 3}
                assert "exit status" in lost["error"]["message"]
                await processes.until(lambda pid=backend: not processes.is_alive(pid), GONE_WITHIN)
            answer = await page.ask("backend:status")
            assert answer["error"]["code"] == "SIDECAR_EXITED"
        async with running.page(session, await running.key(session)) as later:
            lost = await later.until(lambda message: message["type"] == "error")
            assert lost["error"]["data"] == {"final": True}


@pytest.mark.slow
@pytest.mark.posix(reason="Windows has no SIGSTOP")
async def test_a_sidecar_that_hangs_is_ended_and_replaced(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with (
        dashboard(tmp_path, http_backend()) as running,
        running.page(session, await running.key(session)) as page,
    ):
        pid = (await page.hello())["pid"]
        await page.until(is_state("RUNNING"))
        os.kill(pid, signal.SIGSTOP)
        lost = await page.forget().until(lambda message: message["type"] == "error")
        assert "did not answer and was killed" in lost["error"]["message"]
        assert (await page.hello())["pid"] != pid
        await page.until(is_state("RUNNING"))
        await processes.until(lambda: not processes.is_alive(pid), GONE_WITHIN)


async def test_a_backend_that_is_not_there_still_has_a_page(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with (
        dashboard(tmp_path, ["/nonexistent/backend"]) as running,
        running.page(session, await running.key(session)) as page,
    ):
        await page.until(is_state("FAILED"))
        assert (await page.ask("backend:start"))["error"]["code"] == "BACKEND_NOT_FOUND"
        checks = await page.result("backend:diagnose")
        assert {"executable": "failed"}.items() <= {one["check"]: one["status"] for one in checks}.items()


async def test_a_slow_tab_delays_no_other_and_learns_what_it_missed(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    flood = 200 * 1024 * 1024
    async with dashboard(tmp_path, http_backend(flood=flood)) as running:
        key = await running.key(session)
        async with running.page(session, key) as slow, running.page(session, key) as quick:
            await slow.hello()
            await slow.result("sidecar:subscribe", ["backend:log"])
            transport = slow.socket._response.connection.transport  # type: ignore[union-attr]
            transport.pause_reading()  # from here on it reads nothing, and its kernel's buffers fill
            for _ in range(50):
                await asyncio.wait_for(quick.ask("backend:status"), LIMIT)
            memory = psutil.Process(running.process.pid).memory_info().rss
            assert memory < 250 * 1024 * 1024
            transport.resume_reading()
            late = await slow.until(lambda message: message.get("channel") == "backend:log" and message.get("dropped"))
            assert late["dropped"] > 0
            assert (await slow.result("backend:status"))["managed"] is True


async def test_what_a_closed_tab_asked_for_is_cancelled(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    backend = http_backend(live_delay=600)
    async with dashboard(tmp_path, backend, settings={"timeouts.startup": 300, "backend.autostart": False}) as running:
        key = await running.key(session)
        async with running.page(session, key) as page:
            await page.say(type="request", id=1, channel="backend:start", args=[])
            await page.until(is_state("STARTING"))
            await page.say(type="cancel", id=1)
            answer = await page.until(lambda message: message.get("id") == 1)
            assert answer["error"]["code"] == "CANCELLED"
            await page.socket.send_str("no JSON")
            assert (await page.until(lambda m: m["type"] == "error" and m["id"] is None))["error"][
                "code"
            ] == "INVALID_MESSAGE"
            await page.say(type="request", id=2, channel="backend:start", args=[])
        async with running.page(session, key) as page:
            assert (await page.result("backend:status"))["state"] == "STARTING"
            await page.result("backend:stop")


async def family(running: Dashboard, session: aiohttp.ClientSession) -> list[int]:
    """The sidecar, the backend and their helpers, by pid."""
    async with running.page(session, await running.key(session)) as page:
        hello = await page.hello()
        await page.until(is_state("RUNNING"))
        status = await page.result("backend:status")
    return [hello["pid"], status["pid"], *processes.descendants(running.process.pid)]


@pytest.mark.posix(reason="Windows sends no signal to a process without its own console")
@pytest.mark.parametrize(
    "number",
    ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow), pytest.param("SIGHUP", marks=pytest.mark.slow)],
)
async def test_ctrl_c_ends_everything(tmp_path: Path, session: aiohttp.ClientSession, number: str) -> None:
    async with dashboard(tmp_path, http_backend(children="plain")) as running:
        pids = await family(running, session)
        async with running.page(session, await running.key(session)) as open_tab:
            await open_tab.hello()
            os.kill(running.process.pid, getattr(signal, number))
            # An open page gets the backend's stop, and is then closed.
            await open_tab.until(is_state("STOPPED"))
            assert await running.ended() == 0
            assert running.err == []
        await processes.until(lambda: not [pid for pid in pids if processes.is_alive(pid)], GONE_WITHIN)


@pytest.mark.posix(reason="Windows sends no signal to a process without its own console")
async def test_ctrl_c_twice_does_not_wait_for_the_backend(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    slow = http_backend(ignore_sigterm=True, ignore_shutdown=True)
    async with dashboard(
        tmp_path, slow, settings={"timeouts.graceful_shutdown": 60, "timeouts.total_shutdown": 90}
    ) as running:
        pids = await family(running, session)
        os.kill(running.process.pid, signal.SIGINT)
        await running.until(lambda: "Stopping the backend." in running.out)
        os.kill(running.process.pid, signal.SIGINT)
        await asyncio.wait_for(running.ended(), GONE_WITHIN)
        assert running.err == []
        await processes.until(lambda: not [pid for pid in pids if processes.is_alive(pid)], GONE_WITHIN)


async def test_a_dashboard_that_is_killed_leaves_no_process(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with dashboard(tmp_path, http_backend(children="plain", ignore_sigterm=True)) as running:
        pids = await family(running, session)
        running.process.kill()
        await running.ended()
        await processes.until(lambda: not [pid for pid in pids if processes.is_alive(pid)], GONE_WITHIN)


async def test_a_port_that_is_taken_is_a_usage_error(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        async with dashboard(tmp_path, script_backend(""), "--port", str(port), ready=False) as running:
            assert await running.ended() == 64
            assert running.out == []
            assert running.err[0].startswith(f"sidecar: Port {port} of 127.0.0.1 is not available")
            assert len(running.err) == 2


@pytest.mark.posix(reason="BROWSER is Python's own, and a script is the browser")
async def test_the_browser_is_opened_at_the_address(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}"\n')
    browser.chmod(0o755)
    settings = {"backend.autostart": False}
    async with dashboard(tmp_path / "data", [], settings=settings, browser=f"{browser} %s") as running:
        await running.until(lambda: opened.is_file() and opened.read_text().endswith("\n"))
        assert opened.read_text() == running.addresses[0] + "\n"


async def test_wrong_settings_end_it_in_words(tmp_path: Path) -> None:
    async with dashboard(tmp_path, [], settings={"timeouts.startup": "soon"}, ready=False) as running:
        status = await running.ended()
    assert status == 78
    assert "timeouts.startup" in "\n".join(running.err)
    assert "Traceback" not in "\n".join(running.err)


async def test_the_bundle_is_for_the_page_alone_and_masked(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    code = "import time; print('password=hunter2secret', flush=True); time.sleep(600)"
    async with dashboard(tmp_path, script_backend(code)) as running:
        key = await running.key(session)
        address = f"{running.origin}/bundle"
        for headers in ({}, {"Authorization": f"Bearer {running.token}"}, {"Authorization": "Bearer x"}):
            async with session.get(address, headers=headers) as answer:
                assert answer.status == 401
        async with session.get(
            address, headers={"Authorization": f"Bearer {key}", "Origin": "http://evil.example"}
        ) as answer:
            assert answer.status == 403
        async with session.get(address, headers={"Authorization": f"Bearer {key}"}) as answer:
            assert (answer.status, answer.content_type) == (200, "application/zip")
            content = await answer.read()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"diagnosis.json", "info.json", "system.txt", "masked.txt"} <= set(texts)
    assert [name for name, text in texts.items() if "hunter2secret" in text] == []
