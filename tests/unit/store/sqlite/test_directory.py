"""The directory's memory: bounded, quick, and never older than the last change."""

import asyncio
from pathlib import Path

import pytest
from doubles.books import NOW, make_key, make_tenant

from proxy.store.sqlite import directory as module
from proxy.store.sqlite.reader import Reader
from proxy.store.sqlite.store import SqliteStore
from proxy.tenants.tenant import TenantState

TENANT = make_tenant()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every query that goes to a reader."""
    seen: list[object] = []
    real = Reader.one

    async def one(self: Reader, statement: str, values: tuple[object, ...] = ()) -> object:
        seen.append(values)
        return await real(self, statement, values)

    monkeypatch.setattr(Reader, "one", one)
    return seen


def at_once(store: SqliteStore, secret_hash: str) -> object:
    """Ask without a loop: fails unless the answer needs no waiting at all."""
    asking = store.holder(secret_hash)
    with pytest.raises(StopIteration) as answer:
        asking.send(None)
    return answer.value.value


async def test_a_known_key_and_a_known_stranger_need_no_waiting(store: SqliteStore, reads: list[object]) -> None:
    await store.create_key(make_key(TENANT), "hash")
    found = await store.holder("hash")
    assert await store.holder("nobody") is None
    assert len(reads) == 2
    for _ in range(3):
        assert at_once(store, "hash") == found
        assert at_once(store, "nobody") is None
    assert len(reads) == 2


async def test_a_stranger_that_becomes_a_key_is_known_at_once(store: SqliteStore) -> None:
    assert await store.holder("hash") is None
    await store.create_key(make_key(TENANT), "hash")
    assert await store.holder("hash") is not None


async def test_a_flood_of_invented_keys_evicts_no_real_one(
    store: SqliteStore, reads: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HOLDERS_MAX", 2)
    monkeypatch.setattr(module, "STRANGERS_MAX", 3)
    for number in range(3):
        await store.create_key(make_key(TENANT, number), f"hash {number}")
    for number in range(3):
        await store.holder(f"hash {number}")
    for number in range(10):
        await store.holder(f"invented {number}")
    assert list(store._holders) == ["hash 1", "hash 2"]
    assert list(store._strangers) == ["invented 7", "invented 8", "invented 9"]
    asked = len(reads)
    at_once(store, "hash 2")
    await store.holder("hash 0")
    assert len(reads) == asked + 1


async def test_what_is_read_during_a_change_is_not_kept(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The read began before the suspension and comes back after it."""
    await store.create_key(make_key(TENANT), "hash")
    real, go_on, began = Reader.one, asyncio.Event(), asyncio.Event()

    async def slowly(self: Reader, statement: str, values: tuple[object, ...] = ()) -> object:
        row = await real(self, statement, values)
        began.set()
        await go_on.wait()
        return row

    monkeypatch.setattr(Reader, "one", slowly)
    asking = asyncio.get_running_loop().create_task(store.holder("hash"))
    await began.wait()
    await store.set_tenant_state(TENANT.id, TenantState.SUSPENDED, NOW)
    go_on.set()
    stale = await asking
    assert stale is not None
    assert stale.tenant.state is TenantState.ACTIVE
    fresh = await store.holder("hash")
    assert fresh is not None
    assert fresh.tenant.state is TenantState.SUSPENDED


async def test_a_change_whose_operator_hung_up_is_known_all_the_same(store: SqliteStore) -> None:
    key = await store.create_key(make_key(TENANT), "hash")
    await store.holder("hash")
    revoking = asyncio.get_running_loop().create_task(store.revoke_key(key.id, NOW))
    await asyncio.sleep(0)
    revoking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await revoking
    await store.set_margin((None, None, None), "5", NOW)  # the batch of the revocation is through by now
    found = await store.holder("hash")
    assert found is not None
    assert found.key.revoked_at == NOW


async def test_the_margin_table_is_a_new_value_each_time(store: SqliteStore, path: Path) -> None:
    before = store.margins()
    await store.set_margin((None, "acme", None), "5", NOW)
    assert before.slots == {}
    assert store.margins().version == 1
