"""What every registry promises: the operator's deeds, his reads page by page, and what he is refused."""

from collections.abc import Awaitable

import pytest
from doubles.books import NOW, credit, make_id, make_key, make_record, make_request, make_tenant, settle

from proxy.errors import BadRequest
from proxy.ledger.entry import Entry
from proxy.pricing.cascade import Slot
from proxy.store.doors import MarginRow, Store
from proxy.tenants.tenant import TenantState

ONE, TWO, NAMESAKE = make_tenant(1), make_tenant(2, name="globex"), make_tenant(3, name="globex")


async def refused(deed: Awaitable[object]) -> tuple[int, str]:
    with pytest.raises(BadRequest) as error:
        await deed
    return error.value.status, error.value.code


@pytest.fixture
async def registry(store: Store) -> Store:
    for tenant in (TWO, NAMESAKE, ONE):
        assert await store.create_tenant(tenant) == tenant
    return store


async def test_tenants_are_found_by_id_or_by_a_unique_name(registry: Store) -> None:
    assert await registry.find_tenant(ONE.id) == ONE
    assert await registry.find_tenant("acme") == ONE
    assert await refused(registry.find_tenant("globex")) == (409, "ambiguous")
    assert await refused(registry.find_tenant("initech")) == (404, "not_found")


async def test_an_id_goes_before_a_name(registry: Store) -> None:
    await registry.create_tenant(make_tenant(4, name=ONE.id))
    assert await registry.find_tenant(ONE.id) == ONE


async def test_a_tenant_is_made_once(registry: Store) -> None:
    assert await refused(registry.create_tenant(ONE)) == (409, "conflict")


async def test_tenants_are_listed_with_their_wallets(registry: Store) -> None:
    await registry.deposit(credit(TWO.id, 5))
    views = await registry.tenants(10)
    assert [view.tenant for view in views] == [ONE, TWO, NAMESAKE]
    assert [view.wallet.balance for view in views] == [0, 5, 0]
    assert [view.tenant for view in await registry.tenants(1, after=ONE.id)] == [TWO]
    assert await registry.tenants(5, after=NAMESAKE.id) == []


async def test_suspend_and_resume(registry: Store) -> None:
    assert (await registry.set_tenant_state(ONE.id, TenantState.SUSPENDED)).state is TenantState.SUSPENDED
    assert (await registry.find_tenant(ONE.id)).state is TenantState.SUSPENDED
    assert (await registry.set_tenant_state(ONE.id, TenantState.ACTIVE)) == ONE
    assert await refused(registry.set_tenant_state("tnt_x", TenantState.ACTIVE)) == (404, "not_found")


async def test_keys_are_listed_by_id_for_one_tenant_or_all(registry: Store) -> None:
    made = [make_key(tenant, number) for number, tenant in ((3, ONE), (1, TWO), (2, ONE))]
    for number, key in enumerate(made):
        await registry.create_key(key, f"hash {number}")
    assert await registry.keys(None, 10) == sorted(made, key=lambda key: key.id)
    assert await registry.keys(ONE.id, 10) == [made[2], made[0]]
    assert await registry.keys(ONE.id, 10, after=made[2].id) == [made[0]]
    assert await registry.keys(None, 1, after=made[1].id) == [made[2]]
    assert await registry.keys(NAMESAKE.id, 10) == []


async def test_a_key_needs_a_tenant_and_its_own_id_and_secret(registry: Store) -> None:
    await registry.create_key(make_key(ONE, 1), "hash 1")
    assert await refused(registry.create_key(make_key(make_tenant(9), 2), "hash 2")) == (404, "not_found")
    assert await refused(registry.create_key(make_key(ONE, 1), "hash 2")) == (409, "conflict")
    assert await refused(registry.create_key(make_key(ONE, 2), "hash 1")) == (409, "conflict")
    assert len(await registry.keys(None, 10)) == 1


async def test_one_key_or_one_entry_is_found_by_its_id(registry: Store) -> None:
    key = await registry.create_key(make_key(ONE), "hash")
    made = await registry.deposit(credit(ONE.id, 5))
    assert isinstance(made, Entry)
    assert await registry.find_key(key.id) == key
    assert await registry.entry(made.id) == made
    assert await refused(registry.find_key("key_x")) == (404, "not_found")
    assert await refused(registry.entry("led_x")) == (404, "not_found")


async def test_a_key_is_revoked_once(registry: Store) -> None:
    key = await registry.create_key(make_key(ONE), "hash")
    assert (await registry.revoke_key(key.id, NOW + 1)).revoked_at == NOW + 1
    assert (await registry.revoke_key(key.id, NOW + 2)).revoked_at == NOW + 1
    assert await refused(registry.revoke_key("key_x", NOW)) == (404, "not_found")


async def test_the_last_margin_of_a_slot_is_in_force(registry: Store) -> None:
    slots: list[Slot] = [(None, None, None), (ONE.id, None, None), (None, "acme", None), (None, None, None)]
    rows = [await registry.set_margin(slot, str(10 + n), NOW + n) for n, slot in enumerate(slots)]
    assert rows[0] == MarginRow((None, None, None), "10", 1, NOW)
    assert await registry.margin_rows() == rows[1:]


@pytest.mark.parametrize(
    ("slot", "pct", "answer"),
    [
        ((None, None, None), "-100.01", (400, "invalid_request")),
        ((None, None, None), "1000000.1", (400, "invalid_request")),
        ((None, None, None), "a lot", (400, "invalid_request")),
        ((None, None, None), "", (400, "invalid_request")),
        ((None, None, "input_tokens"), "5", (400, "invalid_request")),
        (("tnt_x", None, None), "5", (404, "not_found")),
    ],
)
async def test_margins_that_cannot_be(registry: Store, slot: Slot, pct: str, answer: tuple[int, str]) -> None:
    assert await refused(registry.set_margin(slot, pct, NOW)) == answer
    assert await registry.margin_rows() == []


async def test_entries_and_calls_are_paged_newest_first(registry: Store) -> None:
    for number in range(1, 6):
        await registry.deposit(credit(ONE.id, 10_000_000, number))
        await registry.hold(make_request(ONE.id, number))
        await registry.end(settle(ONE.id, number))
    await registry.deposit(credit(TWO.id, 1, 99))
    assert [entry.seq for entry in await registry.entries(ONE.id, 3)] == [10, 9, 8]
    assert [entry.seq for entry in await registry.entries(ONE.id, 3, before_seq=8)] == [7, 6, 5]
    assert await registry.entries(ONE.id, 3, before_seq=1) == []
    calls = await registry.calls(ONE.id, 2)
    assert [call.id for call in calls] == [make_id("call", 5), make_id("call", 4)]
    assert [call.id for call in await registry.calls(ONE.id, 9, before=calls[-1].id)] == [
        make_id("call", number) for number in (3, 2, 1)
    ]
    assert await registry.calls(TWO.id, 9) == []


async def test_verification_can_be_asked_for_one_tenant(registry: Store) -> None:
    for tenant in (ONE, TWO):
        await registry.deposit(credit(tenant.id, 10_000_000, int(tenant.id[-1])))
    await registry.hold(make_request(ONE.id, 1))
    registry.record(make_record(TWO.id, 8))
    assert await registry.hold(make_request(TWO.id, 2)) is not None
    whole, part = await registry.verify(), await registry.verify(TWO.id)
    assert (whole.ok, whole.wallets, whole.entries, whole.open_holds) == (True, 3, 2, 2)
    assert (part.ok, part.wallets, part.entries, part.open_holds) == (True, 1, 1, 1)
