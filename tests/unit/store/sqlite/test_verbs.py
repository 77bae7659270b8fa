"""Verbs inside one batch: each sees what those before it did, though nothing is written yet.

What they promise to callers is in `tests/contract/test_ledger.py`.
"""

import pytest
from doubles.books import NOW, credit, make_id, make_request, make_tenant, release, settle

from proxy.errors import BadRequest, InvariantBroken
from proxy.ledger.call import NoHold
from proxy.ledger.entry import Entry
from proxy.ledger.hold import Hold
from proxy.ledger.wallet import Short
from proxy.store.doors import OwnedObject
from proxy.store.sqlite import verbs
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.database import Database

T = make_tenant().id
CALL = make_id("call", 1)


@pytest.fixture
def batch(database: Database) -> Batch:
    return Batch(database.connection, 7)


def test_a_whole_life_in_one_batch(batch: Batch) -> None:
    assert isinstance(verbs.deposit(batch, credit(T, 1_000_000)), Entry)
    made = verbs.hold(batch, make_request(T, 1))
    assert isinstance(made, Hold)
    assert made.epoch == 7
    assert verbs.hold(batch, make_request(T, 1)) == made
    assert isinstance(verbs.hold(batch, make_request(T, 2, least=1)), Short)
    assert verbs.raise_hold(batch, CALL, 1, 1) is None
    first = verbs.end(batch, settle(T, 1))
    assert first.paid_nanos == 120_000
    again = verbs.end(batch, release(T, 1))
    assert (again.already, again.paid_nanos, again.entry_id) == (True, 120_000, first.entry_id)
    assert isinstance(verbs.deposit(batch, credit(T, 1_000_000)), Entry)
    batch.flush()
    ask = batch.connection.execute
    assert ask("SELECT balance, held, seq FROM wallet").fetchone() == (880_000, 0, 2)
    assert ask("SELECT count(*) FROM entry").fetchone() == (2,)


def test_what_raises_has_changed_nothing(batch: Batch) -> None:
    verbs.deposit(batch, credit(T, 1_000_000))
    batch.flush()
    with pytest.raises(NoHold):
        verbs.end(batch, settle(T, 9))
    with pytest.raises(NoHold):
        verbs.checkpoint(batch, make_id("call", 9), "x")
    with pytest.raises(BadRequest):
        verbs.deposit(batch, credit(T, 2_000_000))
    with pytest.raises(BadRequest):
        verbs.deposit(batch, credit("tnt_nobody", 2, 2))
    with pytest.raises(InvariantBroken):
        verbs.hold(batch, make_request("tnt_nobody", 9))
    before = batch.connection.total_changes
    batch.flush()
    assert batch.connection.total_changes == before


def test_another_tenants_ending_is_refused(batch: Batch) -> None:
    verbs.deposit(batch, credit(T, 1_000_000))
    verbs.hold(batch, make_request(T, 1))
    with pytest.raises(InvariantBroken, match="its own hold"):
        verbs.end(batch, settle("tnt_other", 1))
    assert batch.wallet(T).held == 1_000_000


def test_a_call_without_objects_counts_no_tokens(batch: Batch) -> None:
    verbs.deposit(batch, credit(T, 2_000_000))
    verbs.own(batch, [OwnedObject("acme", "o", T, "response", make_id("call", 2), NOW)])
    for number in (1, 2):
        verbs.hold(batch, make_request(T, number))
        verbs.end(batch, settle(T, number, tokens=number * 10))
    batch.flush()
    assert batch.connection.execute("SELECT tokens FROM object").fetchall() == [(20,)]
    verbs.disown(batch, "acme", "o")
    assert batch.connection.execute("SELECT count(*) FROM object").fetchone() == (0,)
