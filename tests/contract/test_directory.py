"""What every directory promises: who is behind a key and what is in force, never from before a change."""

from decimal import Decimal

from doubles.books import CARD, NOW, credit, make_key, make_tenant
from msgspec import structs

from proxy.ledger.wallet import Wallet
from proxy.store.doors import Store
from proxy.tenants.key import Key, KeyHolder
from proxy.tenants.tenant import TenantState

TENANT = make_tenant(test=True)
KEY = Key(
    make_key(TENANT).id,
    TENANT.id,
    "tool",
    ("proxy", "unmetered"),
    "wxyz",
    NOW,
    NOW + 5,
    None,
    ("acme",),
    ("m-1", "m-2"),
)


async def test_a_key_is_found_by_its_hash_as_it_was_made(store: Store) -> None:
    assert await store.holder("hash") is None
    await store.create_tenant(TENANT)
    assert await store.create_key(KEY, "hash") == KEY
    assert await store.holder("hash") == KeyHolder(KEY, TENANT)
    assert await store.holder("hash") == KeyHolder(KEY, TENANT)
    assert await store.holder("other") is None


async def test_a_change_is_seen_at_once(store: Store) -> None:
    await store.create_tenant(TENANT)
    await store.create_key(KEY, "hash")
    await store.holder("hash")
    await store.set_tenant_state(TENANT.id, TenantState.SUSPENDED, NOW)
    found = await store.holder("hash")
    assert found is not None
    assert found.tenant.state is TenantState.SUSPENDED
    await store.revoke_key(KEY.id, NOW + 9)
    assert await store.holder("hash") == KeyHolder(structs.replace(KEY, revoked_at=NOW + 9), found.tenant)


async def test_a_wallet_is_read_as_committed(store: Store) -> None:
    assert await store.wallet("tnt_nobody") == Wallet("tnt_nobody")
    await store.create_tenant(TENANT)
    assert await store.wallet(TENANT.id) == Wallet(TENANT.id)
    await store.deposit(credit(TENANT.id, 7))
    assert (await store.wallet(TENANT.id)).balance == 7


async def test_rate_card_and_margins_are_in_force_at_once_and_after_a_restart(store: Store) -> None:
    assert store.rate_card() == CARD
    assert (store.margins().version, store.margins().slots) == (0, {})
    await store.create_tenant(TENANT)
    await store.set_margin((None, None, None), "10", NOW)
    await store.set_margin((TENANT.id, "acme", "input_tokens"), "-2.5", NOW)
    await store.set_margin((None, None, None), "12", NOW)
    in_force = {(None, None, None): Decimal(12), (TENANT.id, "acme", "input_tokens"): Decimal("-2.5")}
    for _ in range(2):
        assert (store.margins().version, store.margins().slots) == (3, in_force)
        assert store.margins().resolve(TENANT.id, "acme", "input_tokens").level == "tenant_meter"
        await store.close()
        await store.open(CARD)
