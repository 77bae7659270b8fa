"""Tasks have an owner: it keeps them, hears of their failures, and waits for them at the end."""

import asyncio
import gc
import logging

import pytest

from proxy.tasks import Tasks


async def test_a_task_is_kept_until_it_is_done() -> None:
    tasks, go = Tasks(), asyncio.Event()
    task = tasks.start(go.wait(), name="waiting")
    gc.collect()
    assert (len(tasks), task.get_name()) == (1, "waiting")
    go.set()
    assert await task is True
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_a_failure_that_nobody_awaits_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise OSError("no space")

    tasks = Tasks()
    with caplog.at_level(logging.ERROR, "faregate.tasks"):
        tasks.start(fails(), name="checkpoint")
        assert await tasks.drain(1) == 0
    assert [record.getMessage() for record in caplog.records] == ["the task checkpoint failed"]
    assert "no space" in caplog.text


async def test_a_cancelled_task_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    task = tasks.start(asyncio.Event().wait(), name="x")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert (len(tasks), caplog.records) == (0, [])


async def test_draining_waits_for_what_is_nearly_done() -> None:
    tasks, done = Tasks(), []

    async def nearly() -> None:
        await asyncio.sleep(0.01)
        done.append(True)

    for _ in range(3):
        tasks.start(nearly(), name="nearly")
    assert await tasks.drain(5) == 0
    assert done == [True] * 3


async def test_draining_cancels_what_is_late_and_waits_for_its_end() -> None:
    tasks, ended = Tasks(), []

    async def late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # an orderly end takes a moment too
            ended.append(True)

    for _ in range(2):
        tasks.start(late(), name="late")
    assert await tasks.drain(0.01) == 2
    assert (ended, len(tasks)) == ([True, True], 0)


async def test_draining_nothing_is_done_at_once() -> None:
    assert await Tasks().drain(60) == 0


async def test_waiting_in_line_gives_the_result_and_leaves_nothing_behind() -> None:
    tasks, loop = Tasks(), asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    loop.call_soon(second.set_result, 2)
    assert await tasks.within(0.02, second) == 2
    waiting = asyncio.gather(tasks.within(0.02, first), return_exceptions=True)
    assert [type(each) for each in await waiting] == [TimeoutError]
    assert first.cancelled()
    late: asyncio.Future[int] = loop.create_future()
    loop.call_later(0.01, late.set_result, 3)
    assert await tasks.within(0.02, late) == 3  # who waits after a silence has its whole time again


async def test_only_who_is_late_is_cancelled_each_in_its_own_time() -> None:
    tasks, loop = Tasks(), asyncio.get_running_loop()
    began = loop.time()

    async def wait() -> float:
        with pytest.raises(TimeoutError):
            await tasks.within(0.03, loop.create_future())
        return loop.time() - began

    async def later() -> float:
        await asyncio.sleep(0.02)
        return await wait()

    one, other = await asyncio.gather(wait(), later())
    assert 0.03 <= one < 0.05 <= other


async def test_a_cancel_from_outside_is_no_timeout() -> None:
    tasks = Tasks()
    task = tasks.start(tasks.within(60, asyncio.get_running_loop().create_future()), name="waiting")
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
