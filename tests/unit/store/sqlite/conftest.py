"""An open database without threads, and an open store."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from doubles.books import CARD, NOW, StillClock, make_tenant

from proxy.store.sqlite import deeds
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.committer import Committer
from proxy.store.sqlite.database import Database, open_database
from proxy.store.sqlite.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database lies."""
    return tmp_path / "var" / "faregate.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """A database with one tenant, in this thread."""
    opened = open_database(path, CARD, NOW)
    deeds.create_tenant(Batch(opened.connection, 1), make_tenant())
    yield opened
    opened.close()


@pytest.fixture
def committer(database: Database) -> Committer:
    """What commits to it."""
    return Committer(database.connection, database.epoch)


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    """A store with one tenant, closed after the test if it is still open."""
    made = SqliteStore(path, StillClock())
    await made.open(CARD)
    await made.create_tenant(make_tenant())
    yield made
    await made.close()
