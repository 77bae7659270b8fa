"""The hold: what is asked for, what is granted, and the two sentences for too little money."""

import pytest
from doubles.acme import CALL, HOLDER, TENANT, make_permit
from doubles.books import CARD, NOW, TODAY, credit, make_request, settle
from doubles.model import ModelStore
from msgspec import structs

from proxy.bounds.asking import Need
from proxy.clock import MICROS_PER_DAY, MICROS_PER_SECOND, midnight
from proxy.errors import LedgerUnavailable, Refusal, Refused
from proxy.ledger.cap import CapPlace, Span
from proxy.ledger.hold import Hold, HoldRequest
from proxy.ledger.wallet import Ask
from proxy.money import format_usd
from proxy.steps.estimate import estimate
from proxy.steps.hold import hold
from proxy.tenants.key import KeyHolder

TOP_UP = "http://localhost:8080/pricing"
PERMIT = make_permit({"max_tokens": 1_000})
NEED = estimate(PERMIT, TODAY)
SMALL = estimate(make_permit({"max_tokens": 10}), TODAY)


async def ledger_with(balance: int) -> ModelStore:
    store = ModelStore()
    await store.open(CARD)
    await store.create_tenant(TENANT)
    if balance:
        await store.deposit(credit(TENANT.id, balance))
    return store


async def refused(store: ModelStore, need: Need = NEED) -> Refused:
    before = await store.wallet(TENANT.id)
    with pytest.raises(Refused) as caught:
        await hold(CALL, PERMIT, need, store, NOW, TOP_UP)
    assert await store.wallet(TENANT.id) == before, "whoever is refused holds nothing"
    return caught.value


async def test_returns_the_committed_hold() -> None:
    store = await ledger_with(NEED.ask.most)
    held = await hold(CALL, PERMIT, NEED, store, NOW, TOP_UP)
    assert held == Hold(
        call=CALL,
        tenant=TENANT.id,
        key=HOLDER.key.id,
        integration="acme",
        endpoint="chat",
        model="m-1",
        wallet_nanos=NEED.ask.most,
        cost_nanos=NEED.cost_most,
        rate_card=CARD.version,
        margins=0,
        waived=False,
        created_at=NOW,
        period=TODAY,
        epoch=1,
        app=HOLDER.key.app,
    )
    assert (await store.wallet(TENANT.id)).held == NEED.ask.most


async def test_one_nano_too_little_is_refused() -> None:
    answer = await refused(await ledger_with(NEED.ask.most - 1))
    assert answer.refusal is Refusal.REQUEST_TOO_LARGE_FOR_BALANCE


async def test_too_large_says_what_the_balance_affords() -> None:
    # Input and 300 tokens of output fit, 1,000 do not.
    answer = await refused(await ledger_with(NEED.ask.base + 300 * 4_800 + 4_799))
    assert answer.refusal is Refusal.REQUEST_TOO_LARGE_FOR_BALANCE
    assert answer.facts["affordable_output_tokens"] == 300
    assert "affords about 300 output tokens: lower the maximum, or top up at " + TOP_UP in answer.message
    assert set(answer.facts) == {"balance", "held", "needed", "top_up_url", "affordable_output_tokens"}


async def test_under_256_tokens_the_balance_is_exhausted() -> None:
    enough = await refused(await ledger_with(NEED.ask.base + 256 * 4_800))
    assert enough.refusal is Refusal.REQUEST_TOO_LARGE_FOR_BALANCE
    answer = await refused(await ledger_with(NEED.ask.base + 256 * 4_800 - 1))
    assert answer.refusal is Refusal.BALANCE_EXHAUSTED
    assert set(answer.facts) == {"balance", "held", "needed", "top_up_url"}


async def test_an_empty_wallet_is_exhausted_however_small_the_call() -> None:
    answer = await refused(await ledger_with(0), SMALL)
    assert answer.refusal is Refusal.BALANCE_EXHAUSTED
    assert answer.facts["balance"] == "0"


async def test_money_on_hold_by_running_calls_is_what_is_missing() -> None:
    """It would fit if the other call were over, so it is not too large: try again when it is."""
    store = await ledger_with(NEED.ask.most)
    await hold("call_other", PERMIT, SMALL, store, NOW, TOP_UP)
    answer = await refused(store)
    assert answer.refusal is Refusal.BALANCE_EXHAUSTED
    assert answer.facts["held"] != "0"
    assert "is held by running calls" in answer.message


@pytest.mark.parametrize("refusal", [Refusal.BALANCE_EXHAUSTED, Refusal.REQUEST_TOO_LARGE_FOR_BALANCE])
def test_the_money_refusals_are_402_and_final(refusal: Refusal) -> None:
    assert (refusal.status, refusal.retryable) == (402, False)


async def test_a_waived_call_holds_nothing_on_an_empty_wallet() -> None:
    test_permit = structs.replace(PERMIT, holder=KeyHolder(HOLDER.key, structs.replace(TENANT, test=True)))
    held = await hold(CALL, test_permit, NEED, await ledger_with(0), NOW, TOP_UP)
    assert (held.waived, held.wallet_nanos) == (True, 0)


class Broken:
    """A ledger that cannot commit."""

    async def hold(self, request: HoldRequest) -> Hold:
        raise LedgerUnavailable("disk full")


async def test_a_ledger_that_cannot_commit_takes_no_call() -> None:
    with pytest.raises(Refused) as caught:
        await hold(CALL, PERMIT, NEED, Broken(), NOW, TOP_UP)
    assert caught.value.refusal is Refusal.LEDGER_UNAVAILABLE
    assert "disk full" not in caught.value.message


async def test_a_fair_ask_is_granted_between_its_least_and_its_most() -> None:
    need = structs.replace(NEED, ask=Ask(base=100, least=200, most=10_000, floor=1_000, share=8), capped=True)
    held = await hold(CALL, PERMIT, need, await ledger_with(16_000), NOW, TOP_UP)
    assert held.wallet_nanos == 100 + 16_000 // 8


async def test_a_call_without_prices_is_our_own_mistake() -> None:
    with pytest.raises(Refused) as caught:
        await hold(CALL, structs.replace(PERMIT, prices=None), NEED, await ledger_with(1), NOW, TOP_UP)
    assert caught.value.refusal is Refusal.INTERNAL_ERROR


# --- Spend caps

MOST = NEED.ask.most


async def capped(limit: int, span: Span = Span.DAILY, **names: str) -> ModelStore:
    """A wallet with plenty, under a cap."""
    store = await ledger_with(10 * MOST)
    await store.set_cap("cap_1", CapPlace(TENANT.id, span, **names), limit, NOW)
    return store


async def test_what_is_spent_comes_back_with_the_next_day() -> None:
    store = await capped(MOST + 100_000)
    await store.hold(make_request(TENANT.id, 9, least=MOST))
    await store.end(settle(TENANT.id, 9))
    answer = await refused(store)
    assert (answer.refusal, answer.again) == (Refusal.SPEND_CAP_DAILY, False)
    wait = answer.facts["retry_after"]
    assert isinstance(wait, int)
    assert 0 <= wait * MICROS_PER_SECOND - (midnight(TODAY) + MICROS_PER_DAY - NOW) < MICROS_PER_SECOND, "rounded up"
    assert answer.facts | {"retry_after": 0} == {
        "window": "daily",
        "limit": format_usd(MOST + 100_000),
        "spent": "0.00012",
        "held": "0",
        "needed": format_usd(MOST),
        "resets_at": "2026-11-22T00:00:00.000000Z",
        "retry_after": 0,
    }
    assert (
        "has 0.00012 USD spent and 0 USD held by running calls. It resets on 2026-11-22 at 00:00 UTC." in answer.message
    )


async def test_what_is_held_may_come_back_at_any_time() -> None:
    store = await capped(MOST, Span.MONTHLY, app=HOLDER.key.app, model="m-*")
    await hold("call_other", PERMIT, SMALL, store, NOW, TOP_UP)
    answer = await refused(store)
    assert (answer.refusal, answer.again) == (Refusal.SPEND_CAP_MONTHLY, True)
    assert "retry_after" not in answer.facts
    assert f"for app {HOLDER.key.app}, model m-* has 0 USD spent" in answer.message
    assert "Try again when running calls have ended. Now it affords about" in answer.message


async def test_what_is_more_than_the_whole_cap_never_fits() -> None:
    answer = await refused(await capped(NEED.ask.base + 300 * 4_800))
    assert (answer.refusal, answer.again) == (Refusal.SPEND_CAP_DAILY, False)
    assert "retry_after" not in answer.facts, "no waiting helps"
    assert "That is more than the whole cap: lower the maximum" in answer.message
    assert "Now it affords about 300 output tokens." in answer.message
    assert "affords" not in (await refused(await capped(NEED.ask.base))).message


async def test_no_cap_names_the_tenant_or_tells_of_a_top_up() -> None:
    answer = await refused(await capped(0))
    assert TENANT.id not in answer.message
    assert "top_up_url" not in answer.facts


async def test_a_fair_ask_is_granted_what_the_cap_leaves() -> None:
    store = await capped(5_000)
    need = structs.replace(NEED, ask=Ask(base=100, least=200, most=10_000, floor=8_000, share=8), capped=True)
    held = await hold(CALL, PERMIT, need, store, NOW, TOP_UP)
    assert (held.wallet_nanos, held.cap_nanos) == (5_000, 5_000)


async def test_a_waived_call_is_capped_all_the_same() -> None:
    store = await capped(MOST)
    await store.set_minimum(TENANT.id, 0, NOW)
    waived = structs.replace(PERMIT, holder=KeyHolder(HOLDER.key, structs.replace(TENANT, test=True)))
    held = await hold(CALL, waived, NEED, store, NOW, TOP_UP)
    assert (held.wallet_nanos, held.cap_nanos) == (0, MOST)
    with pytest.raises(Refused, match="spend cap") as caught:
        await hold("call_2", waived, SMALL, store, NOW, TOP_UP)
    assert caught.value.refusal is Refusal.SPEND_CAP_DAILY
