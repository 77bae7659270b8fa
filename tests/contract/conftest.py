"""Each test here runs against every store and against the dict model."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.books import CARD, StillClock
from doubles.model import ModelStore

from proxy.store.doors import Store
from proxy.store.sqlite.store import SqliteStore


@pytest.fixture(params=["sqlite", "model"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An open, empty store."""
    made: Store = SqliteStore(tmp_path / "faregate.db", StillClock()) if request.param == "sqlite" else ModelStore()
    await made.open(CARD)
    yield made
    await made.close()
