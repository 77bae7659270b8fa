"""Virtual time: it jumps, it is the same each time, and a life that was killed says nothing more."""

import asyncio
import contextvars

import pytest

from simulator.chance import Chance
from simulator.loop import LIFE, Deadlock, Life, SimLoop


def loop_of(seed: int) -> SimLoop:
    return SimLoop(Chance(seed).dice("order"), lambda: 0.5)


def test_a_day_takes_no_time() -> None:
    loop = loop_of(1)
    loop.run_until_complete(asyncio.sleep(86_400))
    assert loop.time() == 86_400
    loop.close()


def test_who_waits_for_nothing_is_told() -> None:
    loop = loop_of(1)
    with pytest.raises(Deadlock, match="nothing is due"):
        loop.run_until_complete(loop.create_future())
    loop.close()


def test_who_runs_in_a_circle_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.loop.TURNS_MAX", 1_000)

    async def circle() -> None:
        for _ in range(100_000):
            await asyncio.sleep(1)

    loop = loop_of(1)
    with pytest.raises(Deadlock, match="turns were not enough"):
        loop.run_until_complete(circle())
    loop.run_until_complete(_cancel_all(loop))
    loop.close()


async def _cancel_all(loop: SimLoop) -> None:
    others = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def order_of(seed: int) -> list[int]:
    said: list[int] = []

    async def say(number: int) -> None:
        await asyncio.sleep(1)
        said.append(number)

    async def all_of_them() -> None:
        await asyncio.gather(*(say(number) for number in range(6)))

    loop = loop_of(seed)
    loop.run_until_complete(all_of_them())
    loop.close()
    return said


def test_the_order_is_the_seed_s() -> None:
    assert order_of(1) == order_of(1)
    assert len({tuple(order_of(seed)) for seed in range(10)}) > 5


def test_what_a_thread_does_is_done_at_one_moment_and_known_at_another() -> None:
    loop = loop_of(1)
    done: list[float] = []
    loop.run_until_complete(asyncio.wait_for(_threaded(loop, done), 5))
    assert done == [0.5]
    assert loop.time() == 1.0
    loop.close()


async def _threaded(loop: SimLoop, done: list[float]) -> None:
    await asyncio.to_thread(lambda: done.append(loop.time()))


def test_a_life_that_was_killed_runs_no_finally() -> None:
    loop, life, said = loop_of(1), Life(1), []
    context = contextvars.copy_context()
    context.run(LIFE.set, life)
    gate = loop.create_future()

    async def lives() -> None:
        try:
            await gate
        finally:
            said.append("finally")

    async def world() -> None:
        loop.create_task(lives(), context=context)
        await asyncio.sleep(1)
        loop.kill(life)
        gate.set_result(None)
        await asyncio.sleep(1)

    loop.run_until_complete(world())
    assert said == []
    loop.run_until_complete(loop.bury([life]))
    assert said == ["finally"], "closed when nobody looks any more"
    loop.close()
