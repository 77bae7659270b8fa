"""Work that is waited for: which piece is to be looked at next, and when.

Times are those of the monotonic clock. The pause between two looks grows with the age of the work, so that a restart
changes nothing in it and thousands of batches cost few looks; a little chance keeps them from coming all at once.
"""

import asyncio
import heapq
from collections.abc import Iterator
from itertools import count
from zlib import crc32

from proxy.clock import MICROS_PER_SECOND, Clock
from proxy.ledger.work import OpenWork
from proxy.tasks import within

FIRST_LOOK_S = 2.0
SHARE_OF_AGE = 0.1
"""Work is looked at again after a tenth of its age: it is known to be over at most a tenth later than it is."""

JITTER = 0.2
FAILED_LOOK_S_MOST = 1_800.0
"""After failed looks the pause doubles, up to this: a provider that is down is not asked the more."""


class Waited:
    """One piece of work in our care. `unknown_since` and `overdue_since` are since when looks have found that."""

    def __init__(self, open_work: OpenWork, since: float) -> None:
        self.open = open_work
        self.since = since
        self.looks = 0
        self.failures = 0
        self.unknown_since: float | None = None
        self.overdue_since: float | None = None

    @property
    def call(self) -> str:
        """The call that made it."""
        return self.open.work.call


class Waiting:
    """All open work of this process. One task takes from it (`due`); calls add to it."""

    def __init__(self, first_look_s: float = FIRST_LOOK_S) -> None:
        self._first_look_s = first_look_s
        self._all: dict[str, Waited] = {}
        self._times: list[tuple[float, int, str]] = []
        self._next: dict[str, float] = {}
        self._order = count()
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Waited]:
        return iter(list(self._all.values()))

    def add(self, open_work: OpenWork, clock: Clock, look_s_most: float) -> None:
        """Take work into care; what is there already stays as it is."""
        if open_work.work.call not in self._all:
            waited = self._all[open_work.work.call] = Waited(open_work, clock.monotonic())
            self.again(waited, clock, look_s_most)

    def drop(self, call: str) -> None:
        """The work of a call is over."""
        self._all.pop(call, None)
        self._next.pop(call, None)

    def hurry(self, call: str, clock: Clock) -> None:
        """Look at a call's work at once: it is said to be over."""
        if call in self._all:
            self._at(call, clock.monotonic())

    def again(self, waited: Waited, clock: Clock, look_s_most: float) -> None:
        """Look at work again after the pause that its age calls for, unless somebody wants it to be looked at now."""
        if waited.call in self._all and waited.call not in self._next:
            self._at(waited.call, clock.monotonic() + self._pause(waited, clock, look_s_most))

    def _pause(self, waited: Waited, clock: Clock, look_s_most: float) -> float:
        """Return seconds until the next look. A wall clock that jumped back makes no work younger than our care is."""
        by_wall = (clock.now() - waited.open.work.created_at) / MICROS_PER_SECOND
        age = max(by_wall, clock.monotonic() - waited.since)
        pause = min(max(self._first_look_s, age * SHARE_OF_AGE), max(look_s_most, self._first_look_s))
        if waited.failures:
            pause = min(pause * 2.0 ** min(waited.failures, 20), FAILED_LOOK_S_MOST)
        waited.looks += 1
        chance = crc32(f"{waited.call} {waited.looks}".encode()) / 2**32  # another for each look, and for each work
        return pause * (1 - JITTER + 2 * JITTER * chance)

    def _at(self, call: str, when: float) -> None:
        self._next[call] = when
        heapq.heappush(self._times, (when, next(self._order), call))
        self._news.set()

    async def due(self, clock: Clock) -> Waited:
        """Wait until some work is to be looked at, and return it. It comes again only after `again` or `hurry`."""
        while True:
            waited = self._take(clock.monotonic())
            if waited is not None:
                return waited
            self._news.clear()
            if not self._times:
                await self._news.wait()
                continue
            try:
                await within(max(0.0, self._times[0][0] - clock.monotonic()), self._news.wait())
            except TimeoutError:
                continue

    def _take(self, now: float) -> Waited | None:
        while self._times and self._times[0][0] <= now:
            when, _, call = heapq.heappop(self._times)
            if self._next.get(call) == when:  # else it was dropped, or put at another time since
                del self._next[call]
                return self._all[call]
        return None
