import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.jobs import USAGE, JobScene, job
from doubles.scene import CHARGE, WatchedAnswer
from msgspec import structs

from proxy.errors import LedgerUnavailable
from proxy.jobs.later import TOGETHER, keep_looking
from proxy.later import resume
from proxy.tasks import Tasks
from proxy.waiting import Waiting


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[JobScene]:
    made = await JobScene.opened(tmp_path)
    yield made
    await made.cleared()


@contextlib.asynccontextmanager
async def looking(scene: JobScene) -> AsyncIterator[None]:
    task = Tasks().start(keep_looking(lambda: scene.doors), name="looking")
    yield
    task.cancel()
    await asyncio.wait([task])


async def until_over(scene: JobScene) -> None:
    async with asyncio.timeout(5):
        while len(scene.doors.waiting):
            scene.clock.seconds += 1
            for waited in scene.doors.waiting:
                scene.doors.waiting.hurry(waited.call, scene.clock)
            await asyncio.sleep(0.01)


async def test_work_is_looked_at_until_it_is_over(scene: JobScene) -> None:
    await scene.ask_for_job()
    scene.upstream.answers(job(status=500), job("running"), job("done", usage=USAGE))
    async with looking(scene):
        await until_over(scene)
    assert await scene.money() == (CHARGE, 0, 1, 0)


async def test_a_fault_of_ours_or_of_the_ledgers_stops_nothing(
    scene: JobScene, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.ask_for_job()
    faults = [LedgerUnavailable("full"), RuntimeError("a bug")]

    async def fail() -> None:
        if faults:
            raise faults.pop(0)

    scene.trail.at["end"] = fail
    scene.upstream.answers(*(job("done", usage=USAGE) for _ in range(3)))
    with caplog.at_level(logging.WARNING, "faregate.later"):
        async with looking(scene):
            await until_over(scene)
    assert "cannot be looked after" in caplog.text
    assert "is written down later: full" in caplog.text
    assert await scene.money() == (CHARGE, 0, 1, 0)


async def test_only_a_few_looks_run_at_a_time(scene: JobScene) -> None:
    many = TOGETHER + 4
    for number in range(many):
        await scene.ask_for_job(job(id=f"job-{number}"))
    assert len(scene.doors.waiting) == many
    scene.doors = structs.replace(scene.doors, waiting=Waiting())
    assert await resume(scene.doors) == many
    gate = scene.trail.stops("send")
    scene.upstream.answers(*(_done(number) for number in range(many)))
    sent = scene.trail.steps.count("send")
    async with looking(scene):
        for waited in scene.doors.waiting:
            scene.doors.waiting.hurry(waited.call, scene.clock)
        await gate.until_reached()
        await asyncio.sleep(0.05)
        assert scene.trail.steps.count("send") - sent == TOGETHER
        gate.opened.set()
        await until_over(scene)
    assert (await scene.money())[1:3] == (0, many)


def _done(number: int) -> WatchedAnswer:
    return job("done", usage=USAGE, id=f"job-{number}")
