"""The real SQLite store and journal on a disk that is slow, busy, full or dying. Threads are moments of virtual time.

Everything that decides is the house's own: batches are gathered by its writer, run by its committer on a real
connection, and read back by real queries. Only waiting is simulated, and what the disk answers.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from proxy.clock import Clock
from proxy.errors import LedgerUnavailable
from proxy.pricing.card import RateCard
from proxy.store.journal import Journal
from proxy.store.sqlite.committer import Committer
from proxy.store.sqlite.connect import connect_reader
from proxy.store.sqlite.database import Database, open_database
from proxy.store.sqlite.doorway import Parts
from proxy.store.sqlite.reader import Reader, Values
from proxy.store.sqlite.rows import Row
from proxy.store.sqlite.store import SqliteStore
from proxy.store.sqlite.writer import Job, Writer
from simulator.chance import Chance

COMMIT_S = 0.002
SLOW_COMMIT_S = (0.3, 4.0)
OVERDRAWN = "SELECT tenant, balance - held - minimum FROM wallet WHERE balance - held < minimum"
"""What must be empty after every commit: no hold, charge or correction of a world may take what is not there."""


class Disk:
    """What the disk does to whoever uses it."""

    def __init__(self, chance: Chance, complain: Callable[[str], None]) -> None:
        self.chance = chance
        self.complain = complain
        self._dice = chance.dice("disk")

    def thread_s(self) -> float:
        """Return how long a thread takes for its part."""
        return self._dice.uniform(0.0, COMMIT_S)

    def commit_s(self) -> float:
        """Return how long a commit takes."""
        if self.chance.strikes("slow_commit", "committing"):
            return self._dice.uniform(*SLOW_COMMIT_S)
        return self._dice.uniform(0.0, COMMIT_S)

    def begin(self) -> None:
        """Raise if a transaction cannot begin."""
        if self.chance.strikes("busy", "committing"):
            raise _error("database is locked", sqlite3.SQLITE_BUSY)

    def write(self) -> None:
        """Raise if rows cannot be written."""
        if self.chance.strikes("full", "committing"):
            raise _error("database or disk is full", sqlite3.SQLITE_FULL)

    def dies(self) -> bool:
        """Tell whether the fsync of a commit fails."""
        return self.chance.strikes("dead_disk", "committing")

    def was_committed(self) -> bool:
        """Tell whether what a failed fsync was to make safe is safe all the same."""
        return self._dice.random() < 0.5


def _error(words: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return error


class Connection:
    """The writer's connection, with the disk between."""

    def __init__(self, real: sqlite3.Connection, disk: Disk) -> None:
        self._real = real
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:
        """Run a statement; a transaction may not begin, and may not be committed, or nobody knows."""
        if statement.startswith("BEGIN"):
            self._disk.begin()
        if statement == "COMMIT" and self._disk.dies():
            if self._disk.was_committed():
                self._real.execute(statement)
            raise _error("disk I/O error", sqlite3.SQLITE_IOERR)
        return self._real.execute(statement, values)

    def executemany(self, statement: str, rows: Any) -> sqlite3.Cursor:
        """Write rows, if there is room."""
        self._disk.write()
        return self._real.executemany(statement, rows)


class _Handed:
    """Where the writer puts a batch: it is committed a moment later."""

    def __init__(self, take: Callable[[list[Job]], None]) -> None:
        self._take = take

    def put(self, jobs: list[Job] | None) -> None:
        """Take a batch."""
        if jobs:
            self._take(jobs)


class SimWriter(Writer):
    """The real writer, whose thread is a moment of virtual time."""

    def __init__(self, disk: Disk, broke: Callable[[str], None]) -> None:
        super().__init__(_unobserved, broke)
        self._disk = disk
        self._queue = cast("Any", _Handed(self._later))
        self.database: Database | None = None
        self._committer: Committer | None = None

    async def start(self, opener: Callable[[], Database]) -> Database:
        """Open the database."""
        await asyncio.sleep(self._disk.thread_s())
        self.database = database = opener()
        connection = cast("sqlite3.Connection", Connection(database.connection, self._disk))
        self._committer = Committer(connection, database.epoch)
        self._open = True
        return database

    def _later(self, jobs: list[Job]) -> None:
        self._loop.call_later(self._disk.commit_s(), self._commit, jobs)

    def _commit(self, jobs: list[Job]) -> None:
        committer = self._committer
        assert committer is not None
        results = committer.commit([job.verb for job in jobs], [job.need for job in jobs])
        committer.checkpoint(quiet=True)
        assert self.database is not None
        for tenant, left in self.database.connection.execute(OVERDRAWN):
            self._disk.complain(f"the wallet of {tenant} has promised {-left} more than it has")
        self._loop.call_later(self._disk.thread_s(), self._deliver, jobs, results, 0.0)
        if committer.broken:
            self._loop.call_later(self._disk.thread_s(), self._broke, committer.broken)

    async def stop(self) -> None:
        """Commit what was handed over, and close."""
        while self._open and (self._gathered or self._committing):
            await asyncio.sleep(COMMIT_S)
        self._open = False
        if self.database is not None:
            self.database.close()
            self.database = None


def _unobserved(_verbs: int, _seconds: float, _failed: bool) -> None:
    """Nobody looks at how long commits take here."""


class SimReader(Reader):
    """Runs real queries, a moment after they were asked."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._real = connect_reader(path)
        self._disk = disk

    async def all(self, statement: str, values: Values = ()) -> list[Row]:
        """Return every row of a query."""
        await asyncio.sleep(self._disk.thread_s())
        if self._disk.chance.strikes("unread", "reading"):
            raise LedgerUnavailable("the ledger cannot be read: disk I/O error")
        rows = self._real.execute(statement, values).fetchall()
        await asyncio.sleep(self._disk.thread_s())
        return rows

    def peek(self, statement: str, values: Sequence[object]) -> list[Row]:
        """Run a query at once."""
        return self._real.execute(statement, values).fetchall()

    async def close(self) -> None:
        """Let go of the file."""
        self._real.close()

    def drop(self) -> None:
        """Let go of the file at once."""
        self._real.close()


class SimStore(SqliteStore):
    """The real store on a simulated disk."""

    def __init__(self, path: Path, clock: Clock, disk: Disk, broke: Callable[[str], None]) -> None:
        super().__init__(path, clock, broke=broke)
        self._disk = disk

    async def open(self, card: RateCard) -> None:
        """Open as the real one does, but for the threads."""
        writer = SimWriter(self._disk, self._broke)
        now = self._clock.now()
        database = await writer.start(lambda: open_database(self._path, card, now))
        self._put_in_force(card, database.margins)
        calls, desk = SimReader(self._path, self._disk), SimReader(self._path, self._disk)
        self._opened = Parts(self._path, writer, calls, desk, database.epoch)

    def peek(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Ask at once what is committed: for whoever looks at the house from outside."""
        if self._opened is None:
            return []
        return cast("SimReader", self._opened.desk).peek(statement, values)

    def drop(self) -> None:
        """Let go of the files as the system does for a process that was killed: nothing more is written."""
        if self._opened is None:
            return
        for reader in (self._opened.calls, self._opened.desk):
            cast("SimReader", reader).drop()
        writer = cast("SimWriter", self._opened.writer)
        if writer.database is not None:
            writer.database.close()
        self._opened = None


class SimJournal(Journal):
    """The real journal on a simulated disk."""

    def __init__(self, path: Path, disk: Disk) -> None:
        super().__init__(path)
        self._disk = disk

    def _append(self, ending: Any) -> None:
        if self._disk.chance.strikes("journal_full", "ending"):
            raise OSError(28, "No space left on device")
        super()._append(ending)


def tear(path: Path, dice: Any) -> None:
    """Leave half a line at the end of a journal, as a crash in the middle of a write does."""
    with path.open("ab") as file:
        file.write(b'{"record":{"id":"call_torn","tenant":"tnt'[: dice.randrange(1, 40)])


def rows(path: Path, statement: str, values: Sequence[object] = ()) -> list[Any]:
    """Ask the database what it says, whoever has it open."""
    connection = connect_reader(path)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()
