from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sidecar.errors import HttpFailedError, NotRunningError
from sidecar.rpc.router import Router

encode = msgspec.msgpack.encode


class Caller:
    """Sends messages to a router and keeps its answers."""

    def __init__(self, max_in_flight: int = 4) -> None:
        self.answers: list[dict[str, Any]] = []
        self.defects: list[tuple[str, BaseException]] = []
        self.idle = 0
        self.calls: list[str] = []
        self.started = asyncio.Event()
        self.cancelled = False
        self.shared: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.router = Router(
            {
                "sidecar:ping": lambda value=None: value,
                "backend:status": lambda: "status",
                "backend:getUrl": lambda: self.calls.append("getUrl"),
                "backend:start": self._hang,
                "backend:restart": lambda: self.shared,
                "backend:info": self._raise(HttpFailedError("no", kind="status", status=503, hint="do")),
                "backend:version": self._raise_later(NotRunningError("none")),
                "backend:health": self._raise(ZeroDivisionError("secret")),
                "backend:ping": self._raise_later(ZeroDivisionError("secret")),
                "backend:stop": self._quickly,
                "backend:checkFirewall": object,
                "backend:logs": lambda args=None: b"x" * 5000,
                "backend:waitForReady": lambda args=None: Odd(),
            },
            lambda body: self.answers.append(msgspec.msgpack.decode(body)),
            max_frame=4096,
            max_in_flight=max_in_flight,
            defect=lambda where, error: self.defects.append((where, error)),
            on_idle=self._count_idle,
        )

    def _count_idle(self) -> None:
        self.idle += 1

    async def _hang(self) -> None:
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True

    async def _quickly(self) -> str:
        await asyncio.sleep(0)
        return "done"

    @staticmethod
    def _raise(error: Exception) -> Any:
        def handler() -> None:
            raise error

        return handler

    @staticmethod
    def _raise_later(error: Exception) -> Any:
        async def handler() -> None:
            raise error

        return handler

    def call(self, request_id: int, channel: str, *args: Any) -> None:
        self.router.dispatch(encode({"type": "request", "id": request_id, "channel": channel, "args": args}))

    def cancel(self, request_id: int) -> None:
        self.router.dispatch(encode({"type": "cancel", "id": request_id}))

    async def turns(self, count: int = 6) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    def code(self, request_id: int) -> str:
        found = [answer for answer in self.answers if answer["id"] == request_id]
        assert len(found) == 1, found
        code: str = found[0]["error"]["code"]
        return code


class Odd:
    """An awaitable that is neither coroutine nor future."""

    def __await__(self) -> Iterator[None]:
        yield
        return "odd"


async def test_a_plain_result_is_answered_at_once() -> None:
    caller = Caller()
    caller.call(1, "sidecar:ping", {"a": 1})
    assert caller.answers == [{"type": "response", "id": 1, "result": {"a": 1}}]
    assert caller.router.in_flight == 0


async def test_answers_come_in_the_order_in_which_they_are_ready() -> None:
    caller = Caller()
    caller.call(1, "backend:stop")
    caller.call(2, "backend:status")
    caller.call(3, "backend:waitForReady")
    assert caller.router.in_flight == 2
    await caller.turns()
    assert [(answer["id"], answer["result"]) for answer in caller.answers] == [(2, "status"), (1, "done"), (3, "odd")]
    assert caller.router.in_flight == 0
    assert caller.idle == 1


async def test_a_failure_has_code_hint_data_and_the_words_that_renderers_know() -> None:
    caller = Caller()
    caller.call(1, "backend:info")
    caller.call(2, "backend:version")
    await caller.turns()
    assert caller.answers == [
        {
            "type": "error",
            "id": 1,
            "error": {
                "code": "HTTP_FAILED",
                "message": "Failed to get backend info: no",
                "hint": "do",
                "data": {"status": 503},
            },
        },
        {
            "type": "error",
            "id": 2,
            "error": {
                "code": "NOT_RUNNING",
                "message": "Failed to get backend version: none",
                "hint": NotRunningError.remedy,
            },
        },
    ]
    assert caller.defects == []


@pytest.mark.parametrize("channel", ["backend:health", "backend:ping"])
async def test_a_defect_is_reported_whole_and_answered_without_a_traceback(channel: str) -> None:
    caller = Caller()
    caller.call(1, channel)
    await caller.turns()
    assert caller.code(1) == "INTERNAL"
    assert "secret" not in str(caller.answers)
    assert "Traceback" not in str(caller.answers)
    ((where, error),) = caller.defects
    assert (where, repr(error)) == (channel, "ZeroDivisionError('secret')")


async def test_a_result_that_cannot_be_encoded_is_a_defect() -> None:
    caller = Caller()
    caller.call(1, "backend:checkFirewall")
    assert caller.code(1) == "INTERNAL"
    assert len(caller.defects) == 1


async def test_a_result_that_fits_no_frame_is_answered_so() -> None:
    caller = Caller()
    caller.call(1, "backend:logs")
    assert caller.code(1) == "RESULT_TOO_LARGE"


async def test_what_is_not_a_channel_and_what_is_not_served_here_are_distinguished() -> None:
    caller = Caller()
    caller.call(1, "nope" * 100)
    caller.call(2, "runtime:getBootstrap")
    assert (caller.code(1), caller.code(2)) == ("UNKNOWN_CHANNEL", "UNSUPPORTED")


async def test_a_refusal_that_fails_is_answered_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hint imports a module, which an update of the app may have removed; the frames behind it would wait as well."""

    def fail(*_: object) -> str:
        raise ImportError

    monkeypatch.setattr("sidecar.rpc.router.hint_for_name", fail)
    caller = Caller()
    caller.call(1, "nope")
    assert caller.code(1) == "INTERNAL"
    assert "restart the app, or reinstall it" in caller.answers[0]["error"]["hint"]
    assert len(caller.defects) == 1


async def test_wrong_arguments_and_wrong_messages_bear_their_id() -> None:
    caller = Caller()
    caller.call(1, "backend:logs", "x")
    caller.router.dispatch(encode({"type": "request", "id": 2}))
    caller.router.dispatch(b"\xc1")
    assert (caller.code(1), caller.code(2)) == ("INVALID_ARGS", "INVALID_MESSAGE")
    assert caller.answers[2]["id"] is None


async def test_an_id_in_flight_cannot_be_used_twice_and_can_be_used_again() -> None:
    caller = Caller()
    caller.call(1, "backend:stop")
    caller.call(1, "backend:status")
    assert caller.code(1) == "DUPLICATE_ID"
    await caller.turns()
    caller.call(1, "backend:status")
    assert [answer.get("result") for answer in caller.answers] == [None, "done", "status"]


async def test_each_request_beyond_the_limit_is_answered_so() -> None:
    caller = Caller(max_in_flight=2)
    for number in range(1, 6):
        caller.call(number, "backend:start")
    assert [caller.code(number) for number in (3, 4, 5)] == ["TOO_MANY_REQUESTS"] * 3
    caller.cancel(1)
    caller.call(6, "backend:status")
    assert caller.answers[-1]["result"] == "status"
    await caller.router.finish(0, 1)


async def test_a_cancelled_request_is_answered_at_once_and_its_task_ends() -> None:
    caller = Caller()
    caller.call(1, "backend:start")
    await caller.started.wait()
    caller.cancel(1)
    assert caller.code(1) == "CANCELLED"
    await caller.turns()
    assert caller.cancelled
    assert caller.code(1) == "CANCELLED"


async def test_a_request_can_be_cancelled_before_its_handler_ran() -> None:
    caller = Caller()
    caller.call(1, "backend:start")
    caller.cancel(1)
    await caller.turns()
    assert caller.code(1) == "CANCELLED"
    assert not caller.started.is_set()


async def test_a_cancelled_caller_leaves_what_others_wait_for_alone() -> None:
    caller = Caller()
    caller.call(1, "backend:restart")
    caller.call(2, "backend:restart")
    caller.cancel(1)
    await caller.turns()
    assert not caller.shared.cancelled()
    caller.shared.set_result("up")
    await caller.turns()
    assert caller.code(1) == "CANCELLED"
    assert caller.answers[-1] == {"type": "response", "id": 2, "result": "up"}


async def test_the_cancelled_work_of_others_is_answered_with_cancelled() -> None:
    caller = Caller()
    caller.call(1, "backend:restart")
    caller.shared.cancel()
    await caller.turns()
    assert caller.code(1) == "CANCELLED"


async def test_cancelling_what_is_not_in_flight_is_ignored() -> None:
    caller = Caller()
    caller.call(1, "backend:status")
    caller.cancel(1)
    caller.cancel(99)
    assert len(caller.answers) == 1


async def test_a_late_result_under_a_reused_id_never_reaches_the_wrong_request() -> None:
    caller = Caller()
    caller.call(1, "backend:restart")
    caller.cancel(1)
    caller.call(1, "backend:start")
    caller.shared.set_result("old")
    await caller.turns()
    assert [answer["type"] for answer in caller.answers] == ["error"]
    caller.cancel(1)
    await caller.turns()
    assert [answer["error"]["code"] for answer in caller.answers] == ["CANCELLED", "CANCELLED"]


async def test_a_defect_of_an_abandoned_request_is_still_reported() -> None:
    caller = Caller()
    caller.call(1, "backend:restart")
    caller.cancel(1)
    caller.shared.set_exception(ZeroDivisionError())
    await caller.turns()
    assert len(caller.defects) == 1


async def test_while_shutting_down_only_status_and_ping_answer() -> None:
    caller = Caller()
    caller.call(1, "backend:start")
    caller.router.refuse_new()
    for number, channel in enumerate(("backend:getUrl", "backend:stop", "sidecar:ping", "backend:status"), 2):
        caller.call(number, channel)
    assert caller.calls == []
    assert [caller.code(2), caller.code(3)] == ["SHUTTING_DOWN"] * 2
    assert len(caller.answers) == 4
    await caller.router.finish(0, 1)
    assert caller.code(1) == "SHUTTING_DOWN"
    assert len(caller.answers) == 5


async def test_at_the_end_what_is_nearly_done_gets_its_answer_and_the_rest_a_refusal() -> None:
    caller = Caller()
    caller.call(1, "backend:start")
    caller.call(2, "backend:restart")
    caller.call(3, "backend:stop")
    caller.shared.set_result("restarted")
    await caller.router.finish(0.05, 1)
    results = {answer["id"]: answer.get("result") for answer in caller.answers}
    assert results == {1: None, 2: "restarted", 3: "done"}
    assert caller.code(1) == "SHUTTING_DOWN"
    assert caller.cancelled


async def test_a_handler_for_what_is_not_a_channel_is_refused() -> None:
    with pytest.raises(KeyError):
        Router({"nope": lambda: None}, print, max_frame=1, max_in_flight=1, defect=print, on_idle=print)
