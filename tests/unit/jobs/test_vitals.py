"""The database is looked at now and then, the loop each second, and a look that fails ends nothing."""

import asyncio
import logging
import time
from collections.abc import Callable

import pytest
from msgspec import Struct

from proxy.errors import LedgerUnavailable
from proxy.jobs import vitals as job
from proxy.jobs.vitals import Vitals, keep_measuring
from proxy.store.doors import Held
from proxy.tally import Spread
from proxy.tasks import Tasks


class Bytes(Struct, frozen=True):
    """A footprint."""

    free: int
    database: int = 1
    wal: int = 2
    journal: int = 3


async def held() -> Held:
    return Held(2, 500)


async def unreadable() -> Held:
    raise LedgerUnavailable("no such table")


def vanished() -> Bytes:
    raise OSError("stale file handle")


async def test_a_look() -> None:
    vitals = Vitals()
    assert (vitals.held, vitals.footprint) == (None, None)
    await vitals.look(held, lambda: Bytes(9))
    assert vitals.held == Held(2, 500)
    assert vitals.footprint == Bytes(9)


async def test_a_measure_that_fails_keeps_the_last_one_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "faregate.vitals")
    vitals = Vitals()
    await vitals.look(held, lambda: Bytes(9))
    for _ in range(3):
        await vitals.look(unreadable, vanished)
    assert (vitals.held, vitals.footprint) == (Held(2, 500), Bytes(9))
    assert caplog.messages == [
        "the database's holds cannot be measured: no such table",
        "the database's files cannot be measured: stale file handle",
    ]
    await vitals.look(held, lambda: Bytes(8))
    await vitals.look(unreadable, vanished)
    assert len(caplog.messages) == 4, "said again after it had been well"


def seen(lag: Spread) -> tuple[float, float]:
    (family,) = lag.collect()
    samples = {sample.name: sample.value for sample in family.samples}
    return samples["lag_count"], samples["lag_sum"]


async def until(truth: Callable[[], bool]) -> None:
    for _ in range(1000):
        if truth():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen")


async def test_a_busy_loop_is_late_and_an_idle_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "PERIOD_S", 0.05)
    lag, tasks, vitals = Spread("lag", "Lag.", (0.01,)), Tasks(), Vitals()
    task = tasks.start(keep_measuring(vitals, lag, held, lambda: Bytes(9)), name="test")
    await until(lambda: seen(lag)[0] >= 1)
    assert seen(lag)[1] < 0.1
    before = seen(lag)
    time.sleep(0.3)  # noqa: ASYNC251  # this is the sin that shall be found out
    await until(lambda: seen(lag)[0] > before[0])
    assert 0.2 < seen(lag)[1] - before[1] < 1
    task.cancel()
    await tasks.drain(1)


async def test_the_database_is_looked_at_once_in_many_periods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "PERIOD_S", 0.001)
    monkeypatch.setattr(job, "EVERY", 5)
    looks = 0

    def look() -> Bytes:
        nonlocal looks
        looks += 1
        return Bytes(looks)

    lag, tasks = Spread("lag", "Lag.", (0.01,)), Tasks()
    task = tasks.start(keep_measuring(Vitals(), lag, held, look), name="test")
    await until(lambda: looks == 4)
    task.cancel()
    await tasks.drain(1)
    assert 15 <= seen(lag)[0] <= 20
