"""The operator's reads run beside the calls'. What the registry promises is in `tests/contract/test_registry.py`."""

import asyncio

import pytest
from doubles.books import NOW, credit, make_key, make_request, make_tenant

from proxy.errors import BadRequest, LedgerUnavailable
from proxy.store.sqlite.store import SqliteStore

TENANT = make_tenant()


async def test_a_long_list_does_not_delay_a_call(store: SqliteStore) -> None:
    """The desk's reader is busy with a query that ends only when we say so; calls read on."""
    await store.deposit(credit(TENANT.id, 5))
    forever = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    desk = store._parts.desk
    busy = asyncio.get_running_loop().create_task(desk.all(forever))
    await asyncio.sleep(0)
    assert (await store.wallet(TENANT.id)).balance == 5
    assert await store.owned("acme", "x") is None
    await desk._connection.interrupt()
    with pytest.raises(Exception, match="interrupted"):
        await busy
    assert len(await store.tenants(5)) == 1


async def test_a_refused_deed_leaves_the_batch_alone(store: SqliteStore) -> None:
    results = await asyncio.gather(
        store.create_tenant(TENANT),
        store.deposit(credit(TENANT.id, 10_000_000)),
        store.hold(make_request(TENANT.id, 1)),
        return_exceptions=True,
    )
    assert isinstance(results[0], BadRequest)
    assert (await store.wallet(TENANT.id)).available == 9_000_000


async def test_verification_sees_what_is_committed_while_the_store_works(store: SqliteStore) -> None:
    await store.deposit(credit(TENANT.id, 100_000_000))
    verdicts = asyncio.gather(*(store.verify() for _ in range(3)))
    for number in range(50):
        await store.hold(make_request(TENANT.id, number))
    assert all(verdict.ok for verdict in await verdicts)
    assert (await store.verify()).open_holds == 50


async def test_uses_that_cannot_be_written_are_kept_for_the_next_time(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = [await store.create_key(make_key(TENANT, number), f"hash {number}") for number in (1, 2)]
    store.used(one.id, NOW + 1)
    store.used(two.id, NOW + 1)

    def full(_verb: object) -> None:
        store.used(two.id, NOW + 2)  # a call goes on while the disk is full
        raise LedgerUnavailable("full")

    with monkeypatch.context() as patch:
        patch.setattr(store._parts.writer, "submit", full)
        with pytest.raises(LedgerUnavailable):
            await store.keep_uses()
    await store.keep_uses()
    found = await store._parts.desk.all("SELECT last_used_at FROM key ORDER BY id")
    assert [row[0] for row in found] == [NOW + 1, NOW + 2]
