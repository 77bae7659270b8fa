"""Rates are synced when it is due, by the wall clock: a restart does not put it off, and 0 hours is never."""

import asyncio
from collections.abc import Iterator

import pytest
from doubles.acme import HandClock

from proxy.clock import MICROS_PER_SECOND, timestamp
from proxy.jobs.rates_sync import keep_syncing
from proxy.tasks import Tasks

HOUR = 3600 * MICROS_PER_SECOND


class Bench:
    """A job whose every look moves the clock by an hour, and that ends when it has looked often enough."""

    def __init__(self, hours: float, looks: int) -> None:
        self.clock = HandClock()
        self.began = self.clock.now()
        self.synced: list[int] = []
        self.done = asyncio.Event()
        self._looks: Iterator[int] = iter(range(looks))
        self._hours = hours

    async def sync(self) -> None:
        self.synced.append((self.clock.now() - self.began) // HOUR)

    def every_hours(self) -> float:
        self.clock.micros += HOUR
        if next(self._looks, None) is None:
            self.done.set()
            return 0
        return self._hours

    async def run(self, last_at: str | None) -> list[int]:
        job = Tasks().start(keep_syncing(self.sync, self.every_hours, self.clock, last_at, 0.0001), name="sync")
        await asyncio.wait_for(self.done.wait(), 10)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        return self.synced


async def test_the_first_time_at_once_and_then_when_it_is_due() -> None:
    assert await Bench(3, 8).run(None) == [1, 4, 7]


async def test_an_earlier_process_s_sync_counts() -> None:
    bench = Bench(24, 30)
    assert await bench.run(timestamp(bench.began - 20 * HOUR)) == [4, 28]


async def test_never_unless_it_is_asked_for() -> None:
    assert await Bench(0, 9).run(None) == []
