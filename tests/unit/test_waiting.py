import asyncio

import pytest
from doubles.acme import HandClock, make_hold
from doubles.books import NOW, make_id
from doubles.jobs import HOUR_S

from proxy.ledger.work import OpenWork, Work
from proxy.tasks import Tasks
from proxy.waiting import FAILED_LOOK_S_MOST, JITTER, Waiting


def make_work(number: int = 1, age_s: float = 0) -> OpenWork:
    at = NOW - int(age_s * 1_000_000)
    work = Work(make_id("call", number), "tnt", "acme", f"job-{number}", "job", "jobs", at, at + 86_400_000_000)
    return OpenWork(work, make_hold(call=work.call))


async def next_due(waiting: Waiting, clock: HandClock) -> str:
    return (await asyncio.wait_for(waiting.due(clock), 0.2)).open.work.object


async def pause(age_s: float, *, most: float = 300, failures: int = 0) -> float:
    """Return how long it takes until work of an age is due."""
    waiting, clock = Waiting(2), HandClock()
    waiting.add(make_work(age_s=age_s), clock, most)
    [waited] = waiting
    waiting.hurry(waited.call, clock)
    await waiting.due(clock)
    waited.failures = failures
    waiting.again(waited, clock, most)
    return waiting._next[waited.call] - clock.seconds


@pytest.mark.parametrize(
    ("age_s", "most", "failures", "expected"),
    [
        (0, 300, 0, 2),
        (60, 300, 0, 6),
        (HOUR_S, 300, 0, 300),
        (HOUR_S, 60, 0, 60),
        (-HOUR_S, 300, 0, 2),
        (60, 300, 3, 48),
        (HOUR_S, 300, 9, FAILED_LOOK_S_MOST),
    ],
)
async def test_the_pause_grows_with_age_and_with_failures(
    age_s: float, most: float, failures: int, expected: float
) -> None:
    assert expected * (1 - JITTER) <= await pause(age_s, most=most, failures=failures) <= expected * (1 + JITTER)


async def test_a_wall_clock_that_jumps_back_makes_no_work_younger() -> None:
    waiting, clock = Waiting(2), HandClock()
    waiting.add(make_work(), clock, 300)
    [waited] = waiting
    clock.seconds += 1_000
    clock.micros -= 10**12
    await waiting.due(clock)
    waiting.again(waited, clock, 300)
    assert waiting._next[waited.call] - clock.seconds >= 100 * (1 - JITTER)


async def test_looks_of_many_do_not_come_together() -> None:
    waiting, clock = Waiting(10), HandClock()
    for number in range(100):
        waiting.add(make_work(number), clock, 300)
    times = sorted(waiting._next.values())
    assert times[-1] - times[0] > 3
    assert len(set(times)) > 95


async def test_what_is_due_first_comes_first_and_once() -> None:
    waiting, clock = Waiting(2), HandClock()
    waiting.add(make_work(1, age_s=HOUR_S), clock, 300)
    waiting.add(make_work(2), clock, 300)
    with pytest.raises(TimeoutError):
        await next_due(waiting, clock)
    clock.seconds = 3
    assert await next_due(waiting, clock) == "job-2"
    with pytest.raises(TimeoutError):
        await next_due(waiting, clock)
    clock.seconds = 500
    assert await next_due(waiting, clock) == "job-1"


async def test_news_wake_who_waits() -> None:
    waiting, clock = Waiting(2), HandClock()
    looking = Tasks().start(waiting.due(clock), name="looking")
    await asyncio.sleep(0)
    waiting.add(make_work(), clock, 300)
    await asyncio.sleep(0)
    waiting.hurry(make_id("call", 1), clock)
    waited = await asyncio.wait_for(looking, 1)
    # Somebody who hurries while it is looked at is not put off by the end of that look.
    waiting.hurry(waited.call, clock)
    waiting.again(waited, clock, 300)
    assert await next_due(waiting, clock) == "job-1"


async def test_what_is_over_never_comes_again() -> None:
    waiting, clock = Waiting(2), HandClock()
    waiting.add(make_work(), clock, 300)
    waiting.add(make_work(), clock, 300)
    assert len(waiting) == 1
    [waited] = waiting
    waiting.drop(waited.call)
    waiting.again(waited, clock, 300)
    waiting.hurry(waited.call, clock)
    clock.seconds = 10_000
    with pytest.raises(TimeoutError):
        await next_due(waiting, clock)
