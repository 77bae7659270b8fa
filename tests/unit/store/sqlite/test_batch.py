"""A batch reads a row once, writes it once, and shows its own changes before they are written."""

from collections import Counter

import pytest
from doubles.books import credit, make_id, make_record, make_request, make_tenant, settle
from msgspec import structs

from proxy.errors import InvariantBroken
from proxy.ledger.hold import Hold, HoldState
from proxy.store.sqlite import verbs
from proxy.store.sqlite.batch import Batch, Need
from proxy.store.sqlite.database import Database

T = make_tenant().id


@pytest.fixture
def batch(database: Database) -> Batch:
    """A batch over a tenant with money; what it does is committed statement by statement."""
    before = Batch(database.connection, 1)
    verbs.deposit(before, credit(T, 10_000_000))
    before.flush()
    return Batch(database.connection, 1)


def spoken(batch: Batch) -> Counter[str]:
    """Count the statements that are run from now on, by their first two words."""
    counted: Counter[str] = Counter()
    batch.connection.set_trace_callback(lambda sql: counted.update([" ".join(sql.split()[:2])]))
    return counted


def a_hold(batch: Batch, number: int) -> Hold:
    made = verbs.hold(batch, make_request(T, number))
    assert isinstance(made, Hold)
    return made


def test_nothing_is_written_before_the_flush(batch: Batch) -> None:
    a_hold(batch, 1)
    assert batch.connection.execute("SELECT held FROM wallet").fetchone() == (0,)
    assert batch.wallet(T).held == 1_000_000
    batch.flush()
    assert batch.connection.execute("SELECT held FROM wallet").fetchone() == (1_000_000,)
    assert Batch(batch.connection, 1).find_hold(make_id("call", 1)) == batch.find_hold(make_id("call", 1))


def test_what_is_needed_is_read_at_once_and_only_once(batch: Batch) -> None:
    counted = spoken(batch)
    batch.load([Need(make_id("call", number), T) for number in range(8)] + [Need()])
    assert counted["SELECT tenant,"] == counted["SELECT call,"] == 1
    for number in range(8):
        a_hold(batch, number)
    assert counted.total() == 3, "wallets, holds, and the tenant's caps"
    batch = Batch(batch.connection, 1, caps=batch.caps)
    batch.load([Need(tenant=T)])
    a_hold(batch, 9)
    assert (counted.total(), counted["SELECT id,"]) == (5, 1), "which are known from then on"
    for number in range(7):
        a_hold(batch, 10 + number)
    batch.flush()
    assert (counted["UPDATE wallet"], counted["INSERT INTO"]) == (1, 8)


def test_what_was_not_announced_is_read_when_asked_for(batch: Batch) -> None:
    batch.load([])
    assert batch.find_hold(make_id("call", 1)) is None
    assert batch.wallet(T).balance == 10_000_000
    assert batch.find_wallet("tnt_nobody") is None
    with pytest.raises(InvariantBroken, match="no wallet of tnt_nobody"):
        batch.wallet("tnt_nobody")


def test_a_hold_that_begins_and_ends_in_one_batch_is_one_row(batch: Batch) -> None:
    a_hold(batch, 1)
    verbs.raise_hold(batch, make_id("call", 1), 500, 0)
    verbs.end(batch, settle(T, 1))
    counted = spoken(batch)
    batch.flush()
    assert counted["UPDATE hold"] == 0
    kept = Batch(batch.connection, 1).find_hold(make_id("call", 1))
    assert kept is not None
    assert (kept.state, kept.wallet_nanos) == (HoldState.SETTLED, 1_000_500)


def test_many_changes_to_a_hold_are_one_update(batch: Batch) -> None:
    a_hold(batch, 1)
    batch.flush()
    later = Batch(batch.connection, 1)
    for text in ("a", "b", "c"):
        verbs.checkpoint(later, make_id("call", 1), text)
    before = batch.connection.total_changes
    later.flush()
    assert batch.connection.total_changes - before == 1
    kept = Batch(batch.connection, 1).find_hold(make_id("call", 1))
    assert kept is not None
    assert kept.evidence == "c"


def test_a_second_flush_writes_nothing(batch: Batch) -> None:
    a_hold(batch, 1)
    batch.record(make_record(T, 7))
    batch.count_tokens(make_id("call", 1), 5)
    batch.flush()
    counted = spoken(batch)
    batch.flush()
    assert counted.total() == 0
    batch.change(structs.replace(a_hold(batch, 1), evidence="x"))
    before = batch.connection.total_changes
    batch.flush()
    assert batch.connection.total_changes - before == 1
