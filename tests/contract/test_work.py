"""What every ledger promises of work that finishes later."""

import pytest
from doubles.books import CARD, NOW, credit, make_id, make_request, make_tenant, release, settle
from msgspec import structs

from proxy.errors import InvariantBroken
from proxy.ledger.call import NoHold
from proxy.ledger.work import Work
from proxy.store.doors import OwnedObject, Store

TENANT, OTHER = make_tenant(), make_tenant(2, name="other")
T = TENANT.id
DAY = 86_400_000_000


def make_work(number: int = 1, name: str = "batch-1", tenant: str = T) -> Work:
    return Work(make_id("call", number), tenant, "acme", name, "batch", "batches", NOW, NOW + DAY)


def made_by(work: Work, name: str = "") -> OwnedObject:
    return OwnedObject("acme", name or work.object, work.tenant, work.kind, work.call, NOW)


@pytest.fixture
async def ledger(store: Store) -> Store:
    """A store with a tenant who can hold ten calls, and has held one."""
    await store.create_tenant(TENANT)
    await store.create_tenant(OTHER)
    await store.deposit(credit(T, 10_000_000))
    await store.hold(make_request(T, 1))
    return store


async def test_the_hold_of_work_outlives_its_start_and_ends_with_it(ledger: Store) -> None:
    work = make_work()
    assert await ledger.entrust(work, [made_by(work)]) == work
    await ledger.hold(make_request(T, 2))
    await ledger.close()
    await ledger.open(CARD)
    assert [hold.call for hold in await ledger.open_holds(ledger.epoch)] == [make_id("call", 2)]
    (found,) = await ledger.open_work()
    assert (found.work, found.hold.call, found.hold.wallet_nanos) == (work, work.call, 1_000_000)

    receipt = await ledger.end(settle(T, 1, tokens=100))

    assert (receipt.paid_nanos, receipt.already) == (120_000, False)
    assert (await ledger.end(settle(T, 1, tokens=999))).already
    assert await ledger.open_work() == []
    await ledger.end(release(T, 2))
    assert (await ledger.wallet(T)).held == 0
    assert (await ledger.verify()).ok


async def test_work_is_found_by_its_object_and_by_what_came_of_it(ledger: Store) -> None:
    work = make_work()
    await ledger.entrust(work, [made_by(work)])
    await ledger.own([made_by(work, "file-out"), structs.replace(made_by(work, "file-in"), call=make_id("call", 9))])
    for name in ("batch-1", "file-out"):
        found = await ledger.work_behind("acme", name)
        assert found is not None
        assert found.work == work
    for integration, name in (("acme", "file-in"), ("acme", "batch-2"), ("other", "batch-1")):
        assert await ledger.work_behind(integration, name) is None
    assert await ledger.owned("acme", "batch-1") == made_by(work)
    await ledger.end(release(T, 1))
    assert await ledger.work_behind("acme", "batch-1") is None


async def test_an_object_is_the_work_of_the_first_call_that_made_it(ledger: Store) -> None:
    work = make_work()
    await ledger.entrust(work, [made_by(work)])
    assert await ledger.entrust(work, [made_by(work)]) == work
    await ledger.hold(make_request(T, 2))
    assert await ledger.entrust(make_work(2), [made_by(make_work(2))]) == work
    owned = await ledger.owned("acme", "batch-1")
    assert owned is not None
    assert owned.call == work.call
    assert [each.work for each in await ledger.open_work()] == [work]


async def test_what_cannot_be_entrusted_is_refused(ledger: Store) -> None:
    with pytest.raises(NoHold):
        await ledger.entrust(make_work(7), [])
    with pytest.raises(InvariantBroken):
        await ledger.entrust(make_work(tenant=OTHER.id), [])
    await ledger.entrust(make_work(), [])
    with pytest.raises(InvariantBroken):
        await ledger.entrust(make_work(name="batch-2"), [])


async def test_what_a_file_can_cost_is_kept_with_it(ledger: Store) -> None:
    made = structs.replace(made_by(make_work(), "file-1"), lot='{"requests":2}')
    await ledger.own([made])
    assert await ledger.owned("acme", "file-1") == made


async def test_the_tables_that_priced_a_call_are_found_again(ledger: Store) -> None:
    await ledger.set_margin((None, None, None), "7", NOW)
    newer = structs.replace(CARD, version="card-2")
    await ledger.use_rates(newer, NOW)
    for version, card in (("card-1", CARD), ("card-2", newer)):
        assert (await ledger.tables(version, 0))[0].integrations == card.integrations
    old, new = (await ledger.tables("card-2", 0))[1], (await ledger.tables("card-2", 1))[1]
    assert (str(old.resolve(T, "acme", "x").pct), str(new.resolve(T, "acme", "x").pct)) == ("20", "7")
    with pytest.raises(InvariantBroken):
        await ledger.tables("card-9", 0)
