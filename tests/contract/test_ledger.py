"""What every ledger promises."""

import asyncio

import pytest
from doubles.books import (
    CARD,
    NOW,
    credit,
    make_bill,
    make_id,
    make_record,
    make_request,
    make_tenant,
    release,
    settle,
)
from msgspec import structs

from proxy.errors import BadRequest, InvariantBroken
from proxy.ledger.bill import read_bill, write_bill
from proxy.ledger.call import Ending, NoHold, Outcome
from proxy.ledger.entry import Entry, Kind
from proxy.ledger.hold import Hold, HoldState
from proxy.ledger.wallet import Short
from proxy.store.doors import OwnedObject, Store
from proxy.usage.certainty import Certainty

TENANT = make_tenant()
T = TENANT.id
USD = 1_000_000_000


@pytest.fixture
async def ledger(store: Store) -> Store:
    """A store with one tenant who has 10 million nano-USD: enough for 10 calls of `make_request`."""
    await store.create_tenant(TENANT)
    await store.deposit(credit(T, 10_000_000))
    return store


async def available(store: Store) -> int:
    return (await store.wallet(T)).available


async def test_a_hold_reserves_and_an_ending_gives_back_and_charges(ledger: Store) -> None:
    hold = await ledger.hold(make_request(T, 1))
    assert isinstance(hold, Hold)
    assert (hold.wallet_nanos, hold.cost_nanos, hold.state, hold.epoch) == (1_000_000, 833_333, "held", ledger.epoch)
    assert (hold.rate_card, hold.margins, hold.created_at, hold.period) == (CARD.version, 0, NOW, "2026-11-21")
    assert await available(ledger) == 9_000_000
    receipt = await ledger.end(settle(T, 1, tokens=100))
    assert (receipt.paid_nanos, receipt.balance_nanos, receipt.held_nanos) == (120_000, 9_880_000, 0)
    assert (receipt.exposure_nanos, receipt.shortfall_nanos, receipt.already) == (0, 0, False)
    wallet = await ledger.wallet(T)
    assert (wallet.balance, wallet.held, wallet.seq) == (9_880_000, 0, 2)
    (entry, first) = await ledger.entries(T, 10)
    assert (first.kind, first.amount_nanos, first.seq) == ("credit", 10_000_000, 1)
    assert (entry.id, entry.kind, entry.seq, entry.reference) == (receipt.entry_id, "call", 2, make_id("call", 1))
    assert (entry.amount_nanos, entry.balance_after_nanos, entry.period) == (-120_000, 9_880_000, "2026-11-21")
    assert read_bill(entry.bill) == make_bill(T, 1, {"input_tokens": 100})
    assert await ledger.calls(T, 10) == [make_record(T, 1)]
    assert (await ledger.verify()).ok


async def test_an_ending_without_a_bill_gives_everything_back_and_writes_no_entry(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1))
    receipt = await ledger.end(release(T, 1))
    assert (receipt.paid_nanos, receipt.entry_id, receipt.balance_nanos) == (0, "", 10_000_000)
    assert await available(ledger) == 10_000_000
    assert len(await ledger.entries(T, 10)) == 1
    assert [call.outcome for call in await ledger.calls(T, 10)] == [Outcome.UPSTREAM_ERROR]
    assert await ledger.exposures(10) == []


async def test_a_zero_charge_still_has_an_entry(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1))
    await ledger.end(settle(T, 1, tokens=0))
    assert [entry.amount_nanos for entry in await ledger.entries(T, 10)] == [0, 10_000_000]


async def test_the_boundary_is_exact(ledger: Store) -> None:
    assert await ledger.hold(make_request(T, 1, least=10_000_001)) == Short(10_000_000, 0, 0, 10_000_001)
    assert isinstance(await ledger.hold(make_request(T, 2, least=10_000_000)), Hold)
    assert await ledger.hold(make_request(T, 3, least=1)) == Short(10_000_000, 10_000_000, 0, 1)


async def test_an_open_ask_is_granted_what_there_is(ledger: Store) -> None:
    hold = await ledger.hold(make_request(T, 1, least=4_000_000, most=50_000_000))
    assert isinstance(hold, Hold)
    assert (hold.wallet_nanos, hold.cost_nanos) == (10_000_000, -(-41_666_666 // 5))


async def test_holding_again_returns_the_same_hold_and_reserves_once(ledger: Store) -> None:
    first = await ledger.hold(make_request(T, 1))
    assert await ledger.hold(make_request(T, 1, least=2_000_000)) == first
    assert await available(ledger) == 9_000_000


async def test_two_same_holds_at_once_reserve_once(ledger: Store) -> None:
    first, second = await asyncio.gather(ledger.hold(make_request(T, 1)), ledger.hold(make_request(T, 1)))
    assert first == second
    assert await available(ledger) == 9_000_000


async def test_a_call_that_is_over_cannot_begin_again(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1))
    await ledger.end(release(T, 1))
    with pytest.raises(InvariantBroken):
        await ledger.hold(make_request(T, 1))
    assert await available(ledger) == 10_000_000


async def test_a_call_belongs_to_one_tenant(ledger: Store) -> None:
    other = await ledger.create_tenant(make_tenant(2))
    await ledger.hold(make_request(T, 1))
    with pytest.raises(InvariantBroken):
        await ledger.hold(make_request(other.id, 1))


async def test_a_tenant_without_a_wallet_holds_nothing(ledger: Store) -> None:
    with pytest.raises(InvariantBroken):
        await ledger.hold(make_request("tnt_nobody", 1))


async def test_ending_twice_charges_once_and_tells_what_was_done(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1))
    first = await ledger.end(settle(T, 1, tokens=100))
    again = await ledger.end(settle(T, 1, tokens=900))
    assert again == structs.replace(first, already=True)
    released = await ledger.end(release(T, 1, exposed=5))
    assert released == structs.replace(first, already=True)
    assert [entry.amount_nanos for entry in await ledger.entries(T, 10)] == [-120_000, 10_000_000]
    assert await ledger.exposures(10) == []


async def test_ending_twice_at_once_charges_once(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1))
    receipts = await asyncio.gather(*(ledger.end(settle(T, 1)) for _ in range(5)))
    assert sorted(receipt.already for receipt in receipts) == [False, True, True, True, True]
    assert {receipt.paid_nanos for receipt in receipts} == {120_000}
    assert (await ledger.wallet(T)).balance == 9_880_000


async def test_a_released_call_says_so_when_ended_again(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1))
    await ledger.end(release(T, 1, unseen=True))
    again = await ledger.end(settle(T, 1))
    assert (again.already, again.paid_nanos, again.entry_id, again.exposure_nanos) == (True, 0, "", 833_333)
    assert (await ledger.wallet(T)).balance == 10_000_000


async def test_what_never_held_cannot_end_or_be_raised(ledger: Store) -> None:
    with pytest.raises(NoHold):
        await ledger.end(settle(T, 1))
    with pytest.raises(NoHold):
        await ledger.raise_hold(make_id("call", 1), 1, 1)
    assert await ledger.calls(T, 10) == []


async def test_a_failure_does_not_touch_its_neighbours(ledger: Store) -> None:
    """All go into one batch: the one that goes wrong is the only one that fails."""
    await ledger.hold(make_request(T, 1))
    results = await asyncio.gather(
        ledger.end(settle(T, 9)),
        ledger.end(settle(T, 1)),
        ledger.hold(make_request(T, 2)),
        ledger.hold(make_request("tnt_nobody", 3)),
        ledger.deposit(credit(T, 5, 2)),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results] == ["NoHold", "Receipt", "Hold", "InvariantBroken", "Entry"]
    wallet = await ledger.wallet(T)
    assert (wallet.balance, wallet.held) == (9_880_005, 1_000_000)
    assert (await ledger.verify()).ok


async def test_an_exact_charge_above_its_hold_is_paid_from_what_is_available(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1))
    await ledger.hold(make_request(T, 2, least=8_000_000))
    receipt = await ledger.end(settle(T, 1, tokens=2_000))
    charge, paid = 2_400_000, 1_000_000 + 1_000_000
    assert (receipt.paid_nanos, receipt.shortfall_nanos) == (paid, charge - paid)
    assert receipt.exposure_nanos == -(-2_000_000 * (charge - paid) // charge)
    assert (receipt.balance_nanos, receipt.held_nanos) == (8_000_000, 8_000_000)
    bill = read_bill((await ledger.entries(T, 1))[0].bill)
    assert (bill.shortfall_nanos, bill.exposure_nanos) == (receipt.shortfall_nanos, receipt.exposure_nanos)
    (exposure,) = await ledger.exposures(10)
    assert (exposure.nanos, exposure.at_most, exposure.call) == (receipt.exposure_nanos, False, make_id("call", 1))
    assert (await ledger.verify()).ok


@pytest.mark.parametrize("certainty", [Certainty.AT_LEAST, Certainty.ESTIMATED])
async def test_an_uncertain_charge_is_paid_up_to_its_hold(ledger: Store, certainty: Certainty) -> None:
    await ledger.hold(make_request(T, 1))
    receipt = await ledger.end(settle(T, 1, tokens=2_000, certainty=certainty))
    assert (receipt.paid_nanos, receipt.shortfall_nanos) == (1_000_000, 1_400_000)
    assert (await ledger.verify()).ok


async def test_what_was_not_seen_is_exposed(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1))
    await ledger.hold(make_request(T, 2))
    cut = await ledger.end(settle(T, 1, tokens=100, certainty=Certainty.AT_LEAST, unseen=True))
    assert cut.exposure_nanos == 833_333 - 100_000
    lost = await ledger.end(release(T, 2, unseen=True))
    assert lost.exposure_nanos == 833_333
    assert [(each.nanos, each.at_most) for each in await ledger.exposures(10)] == [(833_333, True), (733_333, True)]
    assert len(await ledger.exposures(1)) == 1
    assert (await ledger.verify()).ok


async def test_a_waived_call_needs_no_money_and_is_recorded(store: Store) -> None:
    await store.create_tenant(TENANT)
    hold = await store.hold(make_request(T, 1, waived=True))
    assert isinstance(hold, Hold)
    assert (hold.wallet_nanos, hold.cost_nanos) == (0, 833_333)
    receipt = await store.end(settle(T, 1, tokens=100))
    assert (receipt.paid_nanos, receipt.waived_nanos, receipt.shortfall_nanos) == (0, 120_000, 0)
    (entry,) = await store.entries(T, 10)
    assert (entry.amount_nanos, entry.waived_nanos, entry.balance_after_nanos) == (0, 120_000, 0)
    assert (await store.verify()).ok


async def test_a_hold_is_raised_from_what_is_available(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1))
    raised = await ledger.raise_hold(make_id("call", 1), 9_000_000, 7_000_000)
    assert raised is not None
    assert (raised.wallet_nanos, raised.cost_nanos) == (10_000_000, 7_833_333)
    assert await ledger.raise_hold(make_id("call", 1), 1, 1) is None
    assert await available(ledger) == 0
    await ledger.end(release(T, 1))
    assert await available(ledger) == 10_000_000


async def test_a_checkpoint_stays_until_the_end(ledger: Store) -> None:
    evidence = write_bill(make_bill(T, 1, {"input_tokens": 7}))
    await ledger.hold(make_request(T, 1))
    ledger.checkpoint(make_id("call", 1), "older")
    ledger.checkpoint(make_id("call", 1), evidence)
    await ledger.hold(make_request(T, 2))  # whatever was handed over before is committed with it, or before it
    assert [hold.evidence for hold in await ledger.holds()] == [evidence, ""]
    await ledger.end(settle(T, 1))
    ledger.checkpoint(make_id("call", 1), "too late")
    ledger.checkpoint(make_id("call", 9), "of nobody")
    await ledger.hold(make_request(T, 3))
    assert [hold.evidence for hold in await ledger.holds()] == ["", ""]


async def test_a_call_without_a_hold_is_recorded_once(ledger: Store) -> None:
    refused = make_record(T, 5, outcome=Outcome.REFUSED, status=402)
    ledger.record(structs.replace(refused, refusal="balance_exhausted"))
    ledger.record(refused)
    await ledger.hold(make_request(T, 6))
    assert [(call.id, call.refusal) for call in await ledger.calls(T, 10)] == [(refused.id, "balance_exhausted")]


async def test_an_ending_has_the_last_word_over_a_record(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1))
    ledger.record(make_record(T, 1, outcome=Outcome.REFUSED, status=500))
    await ledger.end(settle(T, 1))
    assert [(call.outcome, call.status) for call in await ledger.calls(T, 10)] == [(Outcome.ANSWERED, 200)]


async def test_deposits_are_idempotent_by_entry_id(ledger: Store) -> None:
    first = await ledger.deposit(credit(T, 500, 7))
    again = await ledger.deposit(credit(T, 500, 7))
    assert isinstance(first, Entry)
    assert again == first
    with pytest.raises(BadRequest) as conflict:
        await ledger.deposit(credit(T, 501, 7))
    assert conflict.value.status == 409
    assert (await ledger.wallet(T)).balance == 10_000_500


async def test_the_operators_reference_is_not_a_key(ledger: Store) -> None:
    for number in (2, 3):
        made = await ledger.deposit(structs.replace(credit(T, 1, number), reference="monthly"))
        assert isinstance(made, Entry)
        assert made.reference == "monthly"
    assert (await ledger.wallet(T)).balance == 10_000_002


async def test_a_negative_adjustment_leaves_holds_covered_unless_forced(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1, least=4_000_000))
    taken = credit(T, -6_000_001, 2, kind=Kind.ADJUSTMENT)
    assert await ledger.deposit(taken) == Short(10_000_000, 4_000_000, 0, 6_000_001)
    forced = await ledger.deposit(credit(T, -11_000_000, 3, kind=Kind.ADJUSTMENT, forced=True))
    assert isinstance(forced, Entry)
    assert forced.balance_after_nanos == -1_000_000
    receipt = await ledger.end(settle(T, 1, tokens=100))
    assert (receipt.paid_nanos, receipt.balance_nanos) == (120_000, -1_120_000)
    assert isinstance(await ledger.hold(make_request(T, 2, least=1)), Short)
    assert (await ledger.verify()).ok


async def test_a_deposit_needs_its_tenant(store: Store) -> None:
    with pytest.raises(BadRequest) as missing:
        await store.deposit(credit("tnt_nobody", 1))
    assert (missing.value.status, missing.value.code) == (404, "not_found")


def an_object(number: int, tenant: str = T, *, name: str = "resp_1", tokens: int | None = None) -> OwnedObject:
    return OwnedObject("acme", name, tenant, "response", make_id("call", number), NOW, tokens)


async def test_an_object_belongs_to_who_made_it_and_learns_its_tokens(ledger: Store) -> None:
    await ledger.hold(make_request(T, 1))
    assert await ledger.owned("acme", "resp_1") is None
    await ledger.own([an_object(1), an_object(1, name="resp_2")])
    assert await ledger.owned("acme", "resp_1") == an_object(1)
    assert await ledger.owned("other", "resp_1") is None
    await ledger.end(settle(T, 1, tokens=100))
    assert await ledger.owned("acme", "resp_1") == an_object(1, tokens=100)
    assert await ledger.owned("acme", "resp_2") == an_object(1, name="resp_2", tokens=100)
    await ledger.disown("acme", "resp_1")
    await ledger.disown("acme", "resp_1")
    assert await ledger.owned("acme", "resp_1") is None


async def test_the_first_owner_stays(ledger: Store) -> None:
    other = await ledger.create_tenant(make_tenant(2))
    await ledger.own([an_object(1)])
    await ledger.own([an_object(2, other.id, tokens=5)])
    assert await ledger.owned("acme", "resp_1") == an_object(1)
    await ledger.own([an_object(3, tokens=7)])
    assert await ledger.owned("acme", "resp_1") == an_object(1, tokens=7)


async def test_orphans_are_the_open_holds_of_earlier_starts(ledger: Store) -> None:
    await ledger.hold(make_request(T, 2))
    await ledger.hold(make_request(T, 1))
    assert await ledger.open_holds(ledger.epoch) == []
    before = ledger.epoch
    await ledger.close()
    await ledger.open(CARD)
    assert ledger.epoch == before + 1
    await ledger.hold(make_request(T, 3))
    await ledger.end(release(T, 2))
    orphans = await ledger.open_holds(ledger.epoch)
    assert [(hold.call, hold.state) for hold in orphans] == [(make_id("call", 1), HoldState.HELD)]
    assert len(await ledger.holds()) == 2
    receipt = await ledger.end(settle(T, 1))
    assert receipt.paid_nanos == 120_000


async def test_money_for_ten_admits_ten_of_two_hundred_and_stays_spendable(ledger: Store) -> None:
    asked = await asyncio.gather(*(ledger.hold(make_request(T, number)) for number in range(200)))
    admitted = [hold for hold in asked if isinstance(hold, Hold)]
    assert len(admitted) == 10
    assert await available(ledger) == 0
    held = await ledger.held()
    assert (held.holds, held.nanos) == (10, 10_000_000)
    await asyncio.gather(*(ledger.end(_release(hold)) for hold in admitted))
    assert isinstance(await ledger.hold(make_request(T, 900, least=10_000_000)), Hold)
    assert (await ledger.verify()).ok


def _release(hold: Hold) -> Ending:
    record = structs.replace(make_record(T, 0, outcome=Outcome.UPSTREAM_ERROR, status=502), id=hold.call)
    return Ending(record, "")
