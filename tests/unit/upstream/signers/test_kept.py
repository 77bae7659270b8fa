"""One fetch serves all; it is renewed before its end, and nobody waits for that; what is over is not used."""

import asyncio

import pytest
from doubles.acme import HandClock

from proxy.errors import Refusal, Refused
from proxy.upstream.signers.kept import RETRY_S, Fetched, Kept, NotFetched


class Source:
    """Gives out 1, 2, 3, each good for 100 s and fresh for 60, unless it is told to fail or to wait."""

    def __init__(self) -> None:
        self.count = 0
        self.fails = False
        self.go = asyncio.Event()
        self.go.set()

    async def fetch(self) -> Fetched[int]:
        self.count += 1
        await self.go.wait()
        if self.fails:
            raise NotFetched("the key was revoked")
        return Fetched(self.count, 60, 100)


async def test_the_first_waits_and_all_others_share() -> None:
    source, clock = Source(), HandClock()
    kept = Kept("acme", source.fetch, clock)
    assert await asyncio.gather(kept.value(), kept.value()) == [1, 1]
    clock.seconds = 59
    assert await kept.value() == 1
    assert source.count == 1
    await kept.close()


async def test_it_is_renewed_ahead_while_the_old_one_is_used() -> None:
    source, clock = Source(), HandClock()
    kept = Kept("acme", source.fetch, clock)
    await kept.value()
    source.go.clear()
    clock.seconds = 60
    assert [await kept.value(), await kept.value()] == [1, 1]
    source.go.set()
    await kept._under_way
    assert await kept.value() == 2
    assert source.count == 2
    await kept.close()


async def test_what_is_over_is_waited_for() -> None:
    source, clock = Source(), HandClock()
    kept = Kept("acme", source.fetch, clock)
    await kept.value()
    clock.seconds = 100
    assert await kept.value() == 2
    await kept.close()


async def test_a_failure_is_told_and_the_old_one_is_used_as_long_as_it_is_good(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source, clock = Source(), HandClock()
    kept = Kept("acme", source.fetch, clock)
    await kept.value()
    source.fails = True
    clock.seconds = 60
    assert await kept.value() == 1
    await kept._under_way
    assert caplog.messages == ["no credentials for acme: the key was revoked"]
    clock.seconds = 60 + RETRY_S - 1
    assert await kept.value() == 1
    assert source.count == 2, "it is not tried again at once"
    clock.seconds = 100
    with pytest.raises(Refused) as refused:
        await kept.value()
    assert refused.value.refusal is Refusal.UPSTREAM_AUTH
    source.fails = False
    assert await kept.value() == 4
    await kept.close()


async def test_a_caller_who_leaves_does_not_stop_it() -> None:
    source, clock = Source(), HandClock()
    source.go.clear()
    kept = Kept("acme", source.fetch, clock)
    waiting = asyncio.create_task(kept.value())  # noqa: TID251  # it is cancelled here, and awaited
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    source.go.set()
    assert await kept.value() == 1
    assert source.count == 1
    await kept.close()


async def test_it_can_begin_before_it_is_asked() -> None:
    source = Source()
    kept = Kept("acme", source.fetch, HandClock())
    kept.begin()
    kept.begin()
    assert await kept.value() == 1
    assert source.count == 1
    await kept.close()
