"""Readers see what is committed, cannot write, and say LedgerUnavailable when they cannot read."""

import asyncio
import threading
from pathlib import Path

import pytest
from doubles.books import make_tenant

from proxy.errors import LedgerUnavailable
from proxy.store.sqlite.database import Database
from proxy.store.sqlite.reader import Reader


async def test_rows_come_as_committed(path: Path, database: Database) -> None:
    reader = await Reader.open(path)
    assert await reader.all("SELECT id FROM tenant") == [(make_tenant().id,)]
    assert await reader.one("SELECT id FROM tenant WHERE id = ?", ("x",)) is None
    database.connection.execute("BEGIN")
    database.connection.execute("UPDATE tenant SET name = 'new'")
    assert await reader.one("SELECT name FROM tenant") == ("acme",)
    database.connection.execute("COMMIT")
    assert await reader.one("SELECT name FROM tenant") == ("new",)
    await reader.close()


async def test_it_cannot_write_and_says_so_as_unavailable(path: Path, database: Database) -> None:
    reader = await Reader.open(path)
    with pytest.raises(LedgerUnavailable, match="readonly"):
        await reader.all("DELETE FROM tenant")
    await reader.close()
    with pytest.raises(LedgerUnavailable):
        await reader.one("SELECT 1")


async def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="unable to open"):
        await Reader.open(tmp_path / "x.db")
    for thread in threading.enumerate():  # aiosqlite's own ends by itself, and needs the loop until then
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 5)
