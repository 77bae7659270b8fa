"""The operator's deeds refuse before they write. What they promise is in `tests/contract/test_registry.py`."""

from collections.abc import Callable

import pytest
from doubles.books import NOW, make_key, make_tenant

from proxy.errors import BadRequest
from proxy.store.sqlite import deeds
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.database import Database
from proxy.tenants.tenant import TenantState

ONE, NOBODY = make_tenant(), make_tenant(9)


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        (lambda batch: deeds.create_tenant(batch, ONE), f"the tenant {ONE.id} exists already"),
        (
            lambda batch: deeds.set_tenant_state(batch, NOBODY.id, TenantState.ACTIVE, NOW),
            f"there is no tenant {NOBODY.id}",
        ),
        (lambda batch: deeds.create_key(batch, make_key(NOBODY), "h"), f"there is no tenant {NOBODY.id}"),
        (lambda batch: deeds.revoke_key(batch, "key_x", NOW), "there is no key key_x"),
        (lambda batch: deeds.set_margin(batch, (None, None, "u"), "5", NOW), "the meter 'u' needs its integration"),
        (lambda batch: deeds.set_margin(batch, (None, None, None), "1e3", NOW), "'1e3' is not a decimal number"),
        (lambda batch: deeds.set_margin(batch, (None, None, None), "-101", NOW), "and -101 does not"),
    ],
)
def test_it_refuses_and_writes_nothing(database: Database, deed: Callable[[Batch], object], message: str) -> None:
    before = database.connection.total_changes
    with pytest.raises(BadRequest, match=message):
        deed(Batch(database.connection, 1))
    assert database.connection.total_changes == before


def test_margins_are_numbered_and_written_plainly(database: Database) -> None:
    batch = Batch(database.connection, 1)
    rows = [deeds.set_margin(batch, (None, "acme", None), pct, NOW) for pct in ("+12.50", "-100", "0")]
    assert [(row.version, row.pct) for row in rows] == [(1, "12.50"), (2, "-100"), (3, "0")]


def test_a_minimum_counts_for_what_comes_later_in_the_same_batch(database: Database) -> None:
    batch = Batch(database.connection, 1)
    assert batch.wallet(ONE.id).available == 0
    deeds.set_minimum(batch, ONE.id, -5, NOW)
    assert batch.wallet(ONE.id).available == 5


def test_the_latest_use_of_a_key_counts(database: Database) -> None:
    batch = Batch(database.connection, 1)
    deeds.create_key(batch, make_key(ONE), "h")
    for at in (NOW, NOW - 1):
        deeds.keep_uses(batch, [(at, make_key(ONE).id), (at, "key_gone")])
    assert database.connection.execute("SELECT last_used_at FROM key").fetchall() == [(NOW,)]
