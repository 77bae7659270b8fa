"""What a dead worker left behind ends by evidence: its journal, its checkpoints, or nothing."""

from collections.abc import Sequence

import pytest
from doubles.acme import TENANT, HandClock
from doubles.books import CARD, NOW, credit, make_bill, make_id, make_request, settle
from doubles.model import ModelStore

from proxy.errors import LedgerUnavailable
from proxy.jobs.recovery import Recovered, by_evidence, recover
from proxy.ledger.bill import write_bill
from proxy.ledger.call import Ending, Outcome
from proxy.metrics import Metrics
from proxy.usage.certainty import Certainty

CREDIT = 10_000_000
CHECKPOINT = write_bill(make_bill(TENANT.id, 2, {"input_tokens": 50}, certainty=Certainty.AT_LEAST))
CHARGE = 50 * 1_200


class Numbers:
    """Ids that count."""

    def __init__(self) -> None:
        self._next = 900

    def new(self, prefix: str) -> str:
        self._next += 1
        return make_id(prefix, self._next)


class Paper:
    """A journal in memory."""

    def __init__(self, *kept: Ending) -> None:
        self.kept = list(kept)

    async def read(self) -> Sequence[Ending]:
        return tuple(self.kept)

    async def settled(self, call: str) -> None:
        self.kept = [ending for ending in self.kept if ending.record.id != call]


async def died_with(*calls: int) -> ModelStore:
    """Return a store whose worker died with these calls on hold, 1,000,000 nano-USD each, and was started again."""
    store = ModelStore()
    await store.open(CARD)
    await store.create_tenant(TENANT)
    await store.deposit(credit(TENANT.id, CREDIT))
    for number in calls:
        await store.hold(make_request(TENANT.id, number))
    await store.open(CARD)
    return store


async def balances(store: ModelStore) -> tuple[int, int]:
    wallet = await store.wallet(TENANT.id)
    return wallet.balance, wallet.held


async def test_nothing_left_behind() -> None:
    store = await died_with()
    assert await recover(store, Paper(), HandClock(), Numbers(), Metrics()) == Recovered(0, 0, 0)
    assert await balances(store) == (CREDIT, 0)


async def test_a_journalled_ending_is_settled_as_it_stands() -> None:
    store, journal = await died_with(1), Paper(settle(TENANT.id, 1, tokens=100))
    assert await recover(store, journal, HandClock(), Numbers(), Metrics()) == Recovered(1, 0, 0)
    assert await balances(store) == (CREDIT - 120_000, 0)
    assert journal.kept == []
    assert await store.exposures(10) == []


async def test_a_journalled_ending_that_the_ledger_has_already_is_only_forgotten() -> None:
    store = await died_with(1)
    await store.end(settle(TENANT.id, 1, tokens=100))
    journal, metrics = Paper(settle(TENANT.id, 1, tokens=100)), Metrics()
    assert await recover(store, journal, HandClock(), Numbers(), metrics) == Recovered(0, 0, 0)
    assert metrics.registry.get_sample_value("faregate_charge_usd_total", {"integration": "acme"}) is None
    assert await balances(store) == (CREDIT - 120_000, 0)
    assert journal.kept == []


async def test_a_checkpoint_is_charged_and_the_rest_of_its_hold_is_exposure() -> None:
    store = await died_with(2)
    store.checkpoint(make_id("call", 2), CHECKPOINT)
    (hold,) = await store.open_holds(store.epoch)
    assert await recover(store, Paper(), HandClock(), Numbers(), Metrics()) == Recovered(0, 1, 0)
    assert await balances(store) == (CREDIT - CHARGE, 0)
    (exposure,) = await store.exposures(10)
    assert (exposure.nanos, exposure.reason, exposure.at_most) == (hold.cost_nanos - 50 * 1_000, "recovered", True)


async def test_a_checkpoint_with_the_providers_last_word_leaves_nothing_to_expose() -> None:
    store = await died_with(2)
    store.checkpoint(make_id("call", 2), write_bill(make_bill(TENANT.id, 2, {"input_tokens": 50})))
    assert await recover(store, Paper(), HandClock(), Numbers(), Metrics()) == Recovered(0, 1, 0)
    assert await balances(store) == (CREDIT - CHARGE, 0)
    assert not await store.exposures(10)


async def test_a_hold_that_saw_nothing_costs_the_tenant_nothing() -> None:
    store = await died_with(3)
    (hold,) = await store.open_holds(store.epoch)
    assert await recover(store, Paper(), HandClock(), Numbers(), Metrics()) == Recovered(0, 0, 1)
    assert await balances(store) == (CREDIT, 0)
    (exposure,) = await store.exposures(10)
    assert (exposure.nanos, exposure.reason, exposure.at_most) == (hold.cost_nanos, "recovered", True)


async def test_the_journal_knows_more_than_the_checkpoint() -> None:
    store = await died_with(2)
    store.checkpoint(make_id("call", 2), CHECKPOINT)
    journal = Paper(settle(TENANT.id, 2, tokens=300))
    assert await recover(store, journal, HandClock(), Numbers(), Metrics()) == Recovered(1, 0, 0)
    assert await balances(store) == (CREDIT - 360_000, 0)


async def test_all_three_and_then_once_more() -> None:
    store, journal, metrics = await died_with(1, 2, 3), Paper(settle(TENANT.id, 1, tokens=100)), Metrics()
    store.checkpoint(make_id("call", 2), CHECKPOINT)
    assert await recover(store, journal, HandClock(), Numbers(), metrics) == Recovered(1, 1, 1)
    counted = metrics.registry.get_sample_value
    for evidence in ("journal", "checkpoint", "nothing"):
        assert counted("faregate_recovered_calls_total", {"evidence": evidence}) == 1
    money = counted("faregate_charge_usd_total", {"integration": "acme"})
    assert money == (120_000 + CHARGE) / 1e9, "what the ledger took now, and no more"
    exposed = sum(exposure.nanos for exposure in await store.exposures(10))
    assert counted("faregate_exposure_usd_total", {"integration": "acme", "reason": "recovered"}) == exposed / 1e9
    after = await balances(store)
    assert after == (CREDIT - 120_000 - CHARGE, 0)
    await store.open(CARD)
    assert await recover(store, journal, HandClock(), Numbers(), Metrics()) == Recovered(0, 0, 0)
    assert await balances(store) == after


async def test_holds_of_this_start_are_not_touched() -> None:
    store = await died_with()
    await store.hold(make_request(TENANT.id, 4))
    assert await recover(store, Paper(), HandClock(), Numbers(), Metrics()) == Recovered(0, 0, 0)
    assert await balances(store) == (CREDIT, 1_000_000)


async def test_a_ledger_that_cannot_commit_keeps_the_journal() -> None:
    class Broken(ModelStore):
        async def end(self, ending: Ending) -> None:
            raise LedgerUnavailable("disk full")

    journal = Paper(settle(TENANT.id, 1))
    with pytest.raises(LedgerUnavailable):
        await recover(Broken(), journal, HandClock(), Numbers(), Metrics())
    assert len(journal.kept) == 1


async def test_the_record_says_what_is_known() -> None:
    store = await died_with(3)
    (hold,) = await store.open_holds(store.epoch)
    ending = by_evidence(hold, NOW + 5, "led_x")
    record = ending.record
    assert (record.id, record.tenant, record.outcome) == (hold.call, TENANT.id, Outcome.RECOVERED)
    assert (record.started_at, record.ended_at, record.status) == (hold.created_at, NOW + 5, 0)
    assert (ending.entry_id, ending.bill, ending.unseen) == ("led_x", None, True)
