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
