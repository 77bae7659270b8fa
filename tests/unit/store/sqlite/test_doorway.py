"""A store that is not open answers every question with LedgerUnavailable, and drops what nobody waits for."""

from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from doubles.books import StillClock, make_id, make_record, make_request, make_tenant, settle

from proxy.errors import LedgerUnavailable
from proxy.store.sqlite.store import SqliteStore

T = make_tenant()


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.hold(make_request(T.id, 1)),
        lambda store: store.end(settle(T.id, 1)),
        lambda store: store.holder("hash"),
        lambda store: store.wallet(T.id),
        lambda store: store.tenants(1),
        lambda store: store.create_tenant(T),
        lambda store: store.verify(),
    ],
)
async def test_a_closed_store_is_unavailable(
    tmp_path: Path, ask: Callable[[SqliteStore], Coroutine[None, None, object]]
) -> None:
    store = SqliteStore(tmp_path / "faregate.db", StillClock())
    with pytest.raises(LedgerUnavailable, match="not open"):
        await ask(store)
    with pytest.raises(LedgerUnavailable):
        store.rate_card()
    with pytest.raises(LedgerUnavailable):
        assert store.epoch
    store.checkpoint(make_id("call", 1), "x")
    store.record(make_record(T.id, 1))
    await store.close()
