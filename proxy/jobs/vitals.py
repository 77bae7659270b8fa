"""What is measured now and then, because to ask for it at a scrape could wait for a disk.

Every second, how late the event loop is: the delay that each call meets at each of its steps. Every fifteenth second,
what the database holds and what its volume has left. A measure that fails keeps its last value and is said once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Protocol

from proxy.errors import LedgerUnavailable
from proxy.store.doors import Held
from proxy.tally import Spread

PERIOD_S = 1.0
EVERY = 15
"""Seconds between two looks at the database: as often as Prometheus scrapes, if nobody told it otherwise."""

_log = logging.getLogger("faregate.vitals")


class Footprint(Protocol):
    """Bytes of a database's files and of what its volume has left."""

    @property
    def free(self) -> int:
        """What is left for us."""
        ...

    @property
    def database(self) -> int:
        """The database itself."""
        ...

    @property
    def wal(self) -> int:
        """Its write-ahead log."""
        ...

    @property
    def journal(self) -> int:
        """The journal beside it."""
        ...


class Vitals:
    """The latest measures: None, and no entry, until there is one."""

    def __init__(self) -> None:
        self.held: Held | None = None
        self.footprint: Footprint | None = None
        self._faults: set[str] = set()

    async def look(self, held: Callable[[], Awaitable[Held]], footprint: Callable[[], Footprint]) -> None:
        """Measure the database once."""
        try:
            self.held = await held()
            self._faults.discard("holds")
        except LedgerUnavailable as error:
            self._tell("holds", error)
        try:
            self.footprint = await asyncio.to_thread(footprint)
            self._faults.discard("files")
        except OSError as error:
            self._tell("files", error)

    def _tell(self, what: str, error: Exception) -> None:
        if what not in self._faults:
            self._faults.add(what)
            _log.warning("the database's %s cannot be measured: %s", what, error)


async def keep_measuring(
    vitals: Vitals, lag: Spread, held: Callable[[], Awaitable[Held]], footprint: Callable[[], Footprint]
) -> None:
    """Measure until cancelled."""
    while True:
        await vitals.look(held, footprint)
        for _ in range(EVERY):
            due = perf_counter() + PERIOD_S  # the loop's own clock stands still while the loop is busy
            await asyncio.sleep(PERIOD_S)
            lag.observe(max(perf_counter() - due, 0.0))
