import asyncio

import pytest

from proxy.sandbox.pace import NO_PACE, Pace, Pacer, SystemClock


class TurnedClock:
    """Moves only when slept on."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> TurnedClock:
    turned = TurnedClock()

    async def sleep(seconds: float) -> None:
        turned.time += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return turned


async def test_waits_are_counted_from_the_start(clock: TurnedClock) -> None:
    pacer = Pacer(Pace(first_token_ms=500, tokens_per_second=10), clock)
    await pacer.wait(0, 1)
    assert clock.time == pytest.approx(100.5)
    clock.time += 0.3
    await pacer.wait(5, 2)
    assert clock.time == pytest.approx(101.0)
    clock.time += 60
    await pacer.wait(6, 3)
    assert clock.time == pytest.approx(161.0)


async def test_pieces_may_come_at_a_steady_step(clock: TurnedClock) -> None:
    pacer = Pacer(Pace(first_token_ms=0, tokens_per_second=1, piece_ms=10), clock)
    for pieces in (1, 2, 3):
        await pacer.wait(99, pieces)
    assert clock.time == pytest.approx(100.02)


async def test_no_pace_never_waits(clock: TurnedClock) -> None:
    await Pacer(NO_PACE, clock).wait(10**6, 10**6)
    assert clock.time == 100.0


def test_the_systems_clock() -> None:
    clock = SystemClock()
    assert clock.now() > 1_700_000_000_000_000
    assert clock.monotonic() <= clock.monotonic()
