"""A read-only connection for the event loop: sees what is committed, never blocks the loop or the writer."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiosqlite

from proxy.errors import LedgerUnavailable
from proxy.store.sqlite.connect import read_only_uri
from proxy.store.sqlite.rows import Row

Values = Sequence[object] | Mapping[str, object]
"""What a query is told, by place or by name."""


class Reader:
    """Runs one query at a time on a thread of its own. Raises LedgerUnavailable when the file cannot be read."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, path: Path) -> "Reader":
        """Open a database that exists."""
        try:
            connection = await aiosqlite.connect(read_only_uri(path), uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error
        reader = cls(connection)
        try:
            await reader.all("PRAGMA query_only = ON")
        except BaseException:
            await reader.close()
            raise
        return reader

    async def all(self, statement: str, values: Values = ()) -> list[Row]:
        """Return every row of a query."""
        try:
            return list(await self._connection.execute_fetchall(statement, values))
        except (sqlite3.Error, ValueError) as error:
            # aiosqlite raises ValueError once it is closed.
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    async def one(self, statement: str, values: Values = ()) -> Row | None:
        """Return the first row of a query, or None."""
        rows = await self.all(statement, values)
        return rows[0] if rows else None

    async def close(self) -> None:
        """End the thread."""
        await self._connection.close()
