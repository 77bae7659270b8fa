"""The store: one SQLite file behind the doors of `proxy/store/doors.py`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from proxy.clock import Clock
from proxy.ledger.cap import Standing
from proxy.pricing.card import RateCard
from proxy.store.sqlite.database import open_database
from proxy.store.sqlite.deeds import keep_uses
from proxy.store.sqlite.doorway import Parts
from proxy.store.sqlite.ledger import SqliteLedger, untold
from proxy.store.sqlite.reader import Reader
from proxy.store.sqlite.registry import SqliteRegistry
from proxy.store.sqlite.writer import QUEUE_MAX, Observe, Writer


def _unobserved(_verbs: int, _seconds: float, _failed: bool) -> None:
    """What is told of commits where nobody asked."""


def _ignored(_why: str) -> None:
    """What is told of a broken disk where nobody asked: every verb raises LedgerUnavailable all the same."""


class SqliteStore(SqliteLedger, SqliteRegistry):
    """Implements `doors.Store`. Between `open` and `close` it has one thread that writes and two that read.

    `observe(verbs, seconds, failed)` is called on the event loop after every batch. `broke(why)` is called there once
    if the disk fails for good (an I/O error, a malformed file): the process should end, and recover at its next
    start, because no fsync may be tried again. `near(standing)` is called there for each spend cap of which most was
    just spent.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        observe: Observe = _unobserved,
        broke: Callable[[str], None] = _ignored,
        near: Callable[[Standing], None] = untold,
    ) -> None:
        super().__init__(near)
        self._path = path
        self._clock = clock
        self._observe = observe
        self._broke = broke

    @property
    def waiting(self) -> int:
        """How many verbs wait for a batch of theirs to begin."""
        return self._opened.writer.waiting if self._opened is not None else 0

    async def open(self, card: RateCard) -> None:
        """Create or upgrade the schema, start a new epoch, put a rate card in force. Raises BadConfig."""
        writer = Writer(self._observe, self._broke)
        path, now = self._path, self._clock.now()
        database = await writer.start(lambda: open_database(path, card, now))
        try:
            calls = await Reader.open(path)
            try:
                desk = await Reader.open(path)
            except BaseException:
                await calls.close()
                raise
        except BaseException:
            await writer.stop()
            raise
        self._put_in_force(card, database.margins)
        self._opened = Parts(path, writer, calls, desk, database.epoch)

    async def close(self) -> None:
        """Commit what is queued and let go of the files. Closing twice is nothing.

        Raises LedgerUnavailable if the writer does not end within five seconds.
        """
        parts, self._opened = self._opened, None
        if parts is None:
            return
        for uses in self._take_uses():
            parts.writer.offer(partial(keep_uses, uses=uses), QUEUE_MAX)  # `stop` commits it
        # The writer last: as the last connection it takes the WAL away, and the database is one file again.
        try:
            await parts.calls.close()
            await parts.desk.close()
        finally:
            await parts.writer.stop()
