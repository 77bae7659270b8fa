"""What every registry promises: the operator's deeds, his reads page by page, and what he is refused."""

import asyncio
from collections.abc import Awaitable

import pytest
from doubles.books import CARD, NOW, credit, make_id, make_key, make_record, make_request, make_tenant, settle
from msgspec import structs

from proxy.errors import BadConfig, BadRequest
from proxy.ledger.entry import Entry
from proxy.ledger.hold import Hold
from proxy.ledger.wallet import Short
from proxy.pricing.cascade import Slot
from proxy.store.doors import AuditFilter, MarginRow, Store
from proxy.tenants.actor import HOUSE, Actor
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
    assert (await registry.set_tenant_state(ONE.id, TenantState.SUSPENDED, NOW)).state is TenantState.SUSPENDED
    assert (await registry.find_tenant(ONE.id)).state is TenantState.SUSPENDED
    assert (await registry.set_tenant_state(ONE.id, TenantState.ACTIVE, NOW)) == ONE
    assert await refused(registry.set_tenant_state("tnt_x", TenantState.ACTIVE, NOW)) == (404, "not_found")


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


ANN = Actor("ann", "cli", "10.0.0.1")


async def test_a_rotated_key_ends_when_it_is_told_and_a_new_one_is_there(registry: Store) -> None:
    old, new = make_key(ONE, 1), structs.replace(make_key(ONE, 2), created_at=NOW + 1)
    await registry.create_key(structs.replace(old, expires_at=None), "hash 1")
    assert await registry.rotate_key(old.id, new, "hash 2", NOW + 50) == new
    ended = await registry.find_key(old.id)
    assert (ended.expires_at, ended.replaced_by) == (NOW + 50, new.id)
    for secret_hash, key in (("hash 1", ended), ("hash 2", new)):
        holder = await registry.holder(secret_hash)
        assert holder is not None
        assert holder.key == key


async def test_a_rotation_that_cannot_be_changes_nothing(registry: Store) -> None:
    key = structs.replace(make_key(ONE, 1), expires_at=NOW + 9)
    await registry.create_key(key, "hash 1")
    assert await refused(registry.rotate_key("key_x", make_key(ONE, 2), "hash 2", NOW)) == (404, "not_found")
    assert await refused(registry.rotate_key(key.id, key, "hash 2", NOW)) == (409, "conflict")
    late = structs.replace(make_key(ONE, 2), created_at=NOW + 9)
    assert await refused(registry.rotate_key(key.id, late, "hash 2", NOW + 20)) == (409, "conflict")
    assert await registry.keys(None, 10) == [key]
    await registry.rotate_key(key.id, make_key(ONE, 2), "hash 2", NOW + 20)
    assert (await registry.find_key(key.id)).expires_at == NOW + 9
    assert await refused(registry.rotate_key(key.id, make_key(ONE, 3), "hash 3", NOW)) == (409, "conflict")


async def test_the_last_use_of_a_key_is_seen_before_and_after_it_is_kept(registry: Store) -> None:
    key = await registry.create_key(make_key(ONE, 1), "hash")
    registry.used(key.id, NOW + 3)
    registry.used(key.id, NOW + 4)
    assert (await registry.find_key(key.id)).last_used_at == NOW + 4
    await registry.keep_uses()
    assert [each.last_used_at for each in await registry.keys(ONE.id, 5)] == [NOW + 4]
    await registry.close()
    await registry.open(CARD)
    assert (await registry.find_key(key.id)).last_used_at == NOW + 4


async def test_a_minimum_is_kept_from_calls(registry: Store) -> None:
    await registry.deposit(credit(ONE.id, 5_000_000))
    assert (await registry.set_minimum(ONE.id, 4_500_000, NOW)).minimum == 4_500_000
    assert isinstance(await registry.hold(make_request(ONE.id, 1, least=600_000)), Short)
    assert (await registry.set_minimum(ONE.id, -600_000, NOW)).available == 5_600_000
    assert isinstance(await registry.hold(make_request(ONE.id, 1, least=5_600_000)), Hold)
    assert await refused(registry.set_minimum("tnt_x", 0, NOW)) == (404, "not_found")
    assert (await registry.verify()).ok


async def test_a_reference_is_credited_once(registry: Store) -> None:
    first = await registry.credit(structs.replace(credit(ONE.id, 5, 1), reference="inv"))
    again = await registry.credit(structs.replace(credit(ONE.id, 5, 2), reference="inv"))
    assert again == first
    assert await refused(registry.credit(structs.replace(credit(ONE.id, 6, 3), reference="inv"))) == (409, "conflict")
    for number, reference, tenant in ((4, "", ONE), (5, "", ONE), (6, "inv", TWO), (7, "other", ONE)):
        await registry.credit(structs.replace(credit(tenant.id, 5, number), reference=reference))
    assert [(await registry.wallet(each.id)).balance for each in (ONE, TWO)] == [20, 5]


async def test_credits_of_one_reference_at_the_same_time_are_one(registry: Store) -> None:
    given = [structs.replace(credit(ONE.id, 5, number), reference="inv") for number in range(8)]
    written = await asyncio.gather(*(registry.credit(each) for each in given))
    assert len({entry.id for entry in written if isinstance(entry, Entry)}) == 1
    assert (await registry.wallet(ONE.id)).balance == 5


async def test_a_margin_is_unset_until_it_is_set_again(registry: Store) -> None:
    slot: Slot = (ONE.id, None, None)
    assert await refused(registry.unset_margin(slot, NOW)) == (404, "not_found")
    await registry.set_margin(slot, "50", NOW)
    assert await registry.unset_margin(slot, NOW + 1) == MarginRow(slot, None, 2, NOW + 1)
    assert await registry.margin_rows() == []
    assert (registry.margins().version, registry.margins().resolve(ONE.id, "acme", "u").pct) == (2, 20)
    assert await refused(registry.unset_margin(slot, NOW)) == (404, "not_found")
    await registry.close()
    await registry.open(CARD)
    assert (registry.margins().version, registry.margins().resolve(ONE.id, "acme", "u").pct) == (2, 20)
    await registry.set_margin(slot, "60", NOW)
    assert registry.margins().resolve(ONE.id, "acme", "u").pct == 60


async def test_deeds_are_on_record_newest_first(registry: Store) -> None:
    key = await registry.create_key(make_key(ONE, 1), "hash 1", ANN)
    await registry.rotate_key(key.id, make_key(ONE, 2), "hash 2", NOW + 20, ANN)
    await registry.revoke_key(key.id, NOW + 1, ANN)
    await registry.revoke_key(key.id, NOW + 2, ANN)
    await registry.set_tenant_state(TWO.id, TenantState.SUSPENDED, NOW, ANN)
    await registry.set_tenant_state(TWO.id, TenantState.SUSPENDED, NOW, ANN)
    await registry.set_tenant_state(TWO.id, TenantState.ACTIVE, NOW, ANN)
    await registry.set_minimum(TWO.id, 5, NOW, ANN)
    await registry.set_minimum(TWO.id, 5, NOW, ANN)
    given = await registry.credit(structs.replace(credit(TWO.id, 9), reference="r"), ANN)
    await registry.credit(structs.replace(credit(TWO.id, 9, 2), reference="r"), ANN)
    await registry.set_margin((None, "acme", "u"), "5", NOW, ANN)
    await registry.unset_margin((None, "acme", "u"), NOW, ANN)
    deeds = await registry.audit(AuditFilter(who="ann"), 20)
    assert isinstance(given, Entry)
    assert [(deed.action, deed.tenant) for deed in deeds] == [
        ("margin.unset", None),
        ("margin.set", None),
        ("credit.create", TWO.id),
        ("tenant.minimum", TWO.id),
        ("tenant.resume", TWO.id),
        ("tenant.suspend", TWO.id),
        ("key.revoke", ONE.id),
        ("key.rotate", ONE.id),
        ("key.create", ONE.id),
    ]
    assert [deed.target for deed in deeds[2:4]] == [given.id, TWO.id]
    everything = await registry.audit(AuditFilter(), 20)
    assert [deed.seq for deed in everything] == list(range(12, 0, -1))
    assert everything[-1].by == HOUSE
    assert [deed.seq for deed in await registry.audit(AuditFilter(tenant=TWO.id, before=9), 1)] == [8]
    assert await registry.audit(AuditFilter(action="key", since=NOW + 1, until=NOW + 2), 9) == deeds[6:7]
    assert await registry.audit(AuditFilter(action="key.revoke", until=NOW + 1), 9) == []


async def test_another_rate_card_is_in_force_at_once_and_kept(registry: Store) -> None:
    before, margins = registry.rate_card(), registry.margins()
    other = structs.replace(before, version="card-of-tomorrow", integrations={})
    await registry.use_rates(other, NOW)
    assert registry.rate_card() == other
    assert registry.margins() == margins
    await registry.use_rates(before, NOW)
    assert registry.rate_card() == before
    with pytest.raises(BadConfig):
        await registry.use_rates(structs.replace(other, integrations=before.integrations), NOW)
    assert registry.rate_card() == before, "what cannot be kept is not in force"


async def test_what_margins_remember_of_prices_goes_with_the_rate_card(registry: Store) -> None:
    assert registry.margins().recall("market", lambda: 1) == 1
    await registry.use_rates(structs.replace(registry.rate_card(), version="next"), NOW)
    assert registry.margins().recall("market", lambda: 2) == 2


async def test_what_the_database_does_not_see_can_be_noted(registry: Store) -> None:
    await registry.note("server.reload", {"rate_card": "a"}, {"rate_card": "b"}, NOW, ANN)
    (deed,) = await registry.audit(AuditFilter(action="server"), 5)
    assert (deed.by, deed.action, deed.tenant, deed.target) == (ANN, "server.reload", None, "server")
