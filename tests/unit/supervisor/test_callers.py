"""Who shares an outcome, and who is forgotten."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.errors import NotRunningError
from sidecar.supervisor.callers import Callers


async def test_everybody_who_still_waits_shares_the_outcome_in_the_order_of_coming() -> None:
    callers: Callers[int] = Callers()
    order: list[int] = []
    futures = [callers.join() for _ in range(3)]
    for number, future in enumerate(futures):
        future.add_done_callback(lambda _, number=number: order.append(number))
    futures[1].cancel()
    callers.succeed(7)
    assert await asyncio.gather(futures[0], futures[2]) == [7, 7]
    await asyncio.sleep(0)  # gather takes no turn of the loop where all is done
    assert order == [1, 0, 2]


async def test_each_gets_an_error_of_its_own() -> None:
    callers: Callers[int] = Callers()
    first, second = callers.join(), callers.join()
    callers.fail(lambda: NotRunningError("no"))
    assert first.exception() is not second.exception()
    with pytest.raises(NotRunningError):
        await first


async def test_who_gives_up_is_not_kept() -> None:
    callers: Callers[int] = Callers()
    for _ in range(1000):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await callers.join()
    assert not callers._waiting
