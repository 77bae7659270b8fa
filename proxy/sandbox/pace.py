"""How fast a sandbox answers: a wait before the first token, then so many tokens a second."""

import asyncio
import time

from msgspec import Struct

from proxy.clock import MICROS_PER_SECOND, Clock


class Pace(Struct, frozen=True):
    """The pace of answers. `tokens_per_second` 0 is as fast as possible: for load tests."""

    first_token_ms: float = 30
    tokens_per_second: float = 120
    piece_ms: float | None = None
    """If set, pieces of a stream come so far apart, whatever their tokens."""


NO_PACE = Pace(first_token_ms=0, tokens_per_second=0)


class SystemClock:
    """The machine's own time."""

    def now(self) -> int:
        """Return microseconds since the epoch."""
        return time.time_ns() * MICROS_PER_SECOND // 1_000_000_000

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""
        return time.monotonic()


class Pacer:
    """Holds one answer to its pace. Waits are counted from its start, so that lateness does not add up."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._start = clock.monotonic()

    async def wait(self, tokens: int, pieces: int) -> None:
        """Wait until so many tokens may have been made, in so many pieces."""
        pace = self._pace
        due = pace.first_token_ms / 1000
        if pace.piece_ms is not None:
            due += max(0, pieces - 1) * pace.piece_ms / 1000
        elif pace.tokens_per_second > 0:
            due += tokens / pace.tokens_per_second
        if due > 0:
            late = due - (self._clock.monotonic() - self._start)
            if late > 0:
                await asyncio.sleep(late)
