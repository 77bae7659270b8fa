"""Commits batches and checkpoints the WAL: the part of the writer that knows SQLite and no threads."""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from msgspec import Struct

from proxy.errors import BadRequest, LedgerUnavailable
from proxy.ledger.hold import Hold
from proxy.store.sqlite.batch import Batch, Need
from proxy.store.sqlite.capbook import CapBook
from proxy.store.sqlite.connect import BUSY_MS

T = TypeVar("T")
Verb = Callable[[Batch], T]
"""One deed of a batch. What it returns is handed to whoever asked once the batch is committed."""

CHECKPOINT_ROWS_QUIET = 4_000
"""Rows written since the last checkpoint after which a quiet moment is used for the next one."""

CHECKPOINT_ROWS_MOST = 20_000
"""Rows after which a checkpoint does not wait for a quiet moment: the WAL stays in the tens of megabytes."""

_FATAL = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_OWN_FAULT = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.InterfaceError)

_log = logging.getLogger("faregate.ledger")


class Failed(Struct, frozen=True):
    """What a verb got instead of a result: nothing of it was written."""

    error: Exception


class Committer:
    """Runs verbs in transactions on the one writing connection.

    `broken` says why, once the disk failed in a way that must not be tried again (an fsync whose outcome is
    unknown, a malformed file): from then on every verb gets LedgerUnavailable.
    """

    def __init__(self, connection: sqlite3.Connection, epoch: int) -> None:
        self.broken = ""
        self._connection = connection
        self._epoch = epoch
        self._checkpointed = connection.total_changes
        self._running: dict[str, Hold] = {}
        self._caps = CapBook(connection)

    def commit(self, verbs: Sequence[Verb[object]], needs: Sequence[Need] = ()) -> list[object]:
        """Run verbs in one transaction and return, for each, its result or Failed.

        `needs` is what they are known to read.

        A verb that goes wrong does not take its neighbours along: the batch is rolled back and they are run
        again, each inside a savepoint of its own. When the database cannot commit, all have Failed with
        LedgerUnavailable.
        """
        if self.broken:
            return self._unavailable(verbs, self.broken)
        batch = Batch(self._connection, self._epoch, self._running, self._caps)
        try:
            results = self._transact(lambda: self._together(batch, verbs, needs))
        except _OWN_FAULT as error:
            _log.warning("a batch of %d is retried one by one: %s", len(verbs), error)
        except sqlite3.Error as error:
            return self._unavailable(verbs, self._judge(error))
        except Exception as error:  # noqa: BLE001  # a bug in one verb; the retry finds out whose, and reports it
            _log.warning("a batch of %d is retried one by one: %r", len(verbs), error)
        else:
            batch.remember(self._running)
            return results
        self._running.clear()  # the database knows better
        try:
            return self._transact(lambda: [self._alone(verb) for verb in verbs])
        except sqlite3.Error as error:
            return self._unavailable(verbs, self._judge(error))

    def checkpoint(self, *, quiet: bool) -> None:
        """Move committed pages from the WAL to the database if enough have gathered. Waits for no reader."""
        written = self._connection.total_changes - self._checkpointed
        if written >= (CHECKPOINT_ROWS_QUIET if quiet else CHECKPOINT_ROWS_MOST):
            self._run_checkpoint("PASSIVE")

    @property
    def idle_work(self) -> bool:
        """Whether `truncate` has anything to do."""
        return self._connection.total_changes != self._checkpointed and not self.broken

    def truncate(self) -> None:
        """Move all of the WAL to the database and empty it, unless a reader still needs it."""
        self._connection.execute("PRAGMA busy_timeout = 0")
        try:
            self._run_checkpoint("TRUNCATE")
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")

    def _run_checkpoint(self, mode: str) -> None:
        self._checkpointed = self._connection.total_changes
        try:
            self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error as error:
            _log.warning("checkpoint: %s", self._judge(error))

    def _transact(self, run: Callable[[], list[object]]) -> list[object]:
        try:
            with _transaction(self._connection):
                return run()
        except BaseException:
            self._caps.forget_all()  # what was read in a transaction that never was
            raise

    def _together(self, batch: Batch, verbs: Sequence[Verb[object]], needs: Sequence[Need]) -> list[object]:
        batch.load(needs)
        results: list[object] = []
        for verb in verbs:
            try:
                results.append(verb(batch))
            except BadRequest as error:
                results.append(Failed(error))
        batch.flush()
        return results

    def _alone(self, verb: Verb[object]) -> object:
        execute = self._connection.execute
        execute("SAVEPOINT verb")
        try:
            batch = Batch(self._connection, self._epoch, caps=self._caps)
            result = verb(batch)
            batch.flush()
        except Exception as error:  # one verb's fault must not fail its neighbours
            if isinstance(error, sqlite3.Error) and not isinstance(error, _OWN_FAULT):
                raise  # not this verb's fault: nothing can be committed now
            execute("ROLLBACK TO verb")
            self._caps.forget_all()
            result = Failed(error)
        execute("RELEASE verb")
        return result

    def _judge(self, error: sqlite3.Error) -> str:
        """Return what an error of the database is, in words; note it if nothing may be tried after it."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _FATAL:
            self.broken = f"the database failed for good: {error}"
        return self.broken or str(error)

    def _unavailable(self, verbs: Sequence[Verb[object]], why: str) -> list[object]:
        # One exception each: raising a shared one would chain the tracebacks of all who wait.
        return [Failed(LedgerUnavailable(f"the ledger cannot commit: {why}")) for _ in verbs]


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back by itself, as it does when the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
