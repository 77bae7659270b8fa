"""Every value comes back from its row as it was, in its own types."""

import sqlite3
from decimal import Decimal

import pytest
from doubles.books import NOW, make_id, make_key, make_record, make_request, make_tenant
from msgspec import structs

from proxy.ledger.cap import Cap, CapPlace, Span, Window
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import HoldState, open_hold
from proxy.store.doors import MarginRow, OwnedObject
from proxy.store.sqlite import rows
from proxy.tenants.key import Key
from proxy.tenants.tenant import TenantState

T = make_tenant()
HOLD = open_hold(make_request(T.id, 1, waived=True), 0, 3)
KEY = structs.replace(make_key(T), scopes=("proxy", "unmetered"), models=("a", 'b"c'), revoked_at=NOW)


def through_sqlite(row: rows.Row) -> rows.Row:
    """Store a row and read it again."""
    connection = sqlite3.connect(":memory:")
    found: rows.Row = connection.execute(f"SELECT {', '.join('?' * len(row))}", row).fetchone()
    connection.close()
    return found


@pytest.mark.parametrize(
    "hold",
    [
        HOLD,
        structs.replace(HOLD, state=HoldState.SETTLED, evidence="{}", waived=False),
        structs.replace(HOLD, cap_nanos=7, windows=(("cap_1", "2026-11-21"), ("cap_2", "2026-11"))),
    ],
)
def test_holds(hold: object) -> None:
    assert isinstance(hold, type(HOLD))
    found = rows.to_hold(through_sqlite(rows.hold_row(hold)))
    assert found == hold
    assert isinstance(found.state, HoldState)
    assert isinstance(found.waived, bool)


def test_calls_exposures_objects_and_tenants() -> None:
    record = structs.replace(make_record(T.id, 1), session=make_id("call", 0))
    assert rows.to_call(through_sqlite(rows.call_row(record))) == record
    exposure = Exposure(make_id("call", 1), T.id, "acme", 5, "cut", True, NOW)
    found = rows.to_exposure(through_sqlite(rows.exposure_row(exposure)))
    assert found == exposure
    assert found.at_most is True
    made = OwnedObject("acme", "o", T.id, "file", "call_1", NOW, None)
    assert rows.to_object(through_sqlite(structs.astuple(made))) == made
    tenant = structs.replace(T, test=True, state=TenantState.SUSPENDED)
    assert rows.to_tenant(through_sqlite(rows.tenant_row(tenant))) == tenant


@pytest.mark.parametrize("key", [KEY, Key("key_1", T.id), structs.replace(KEY, expires_at=5, integrations=("x",))])
def test_keys(key: Key) -> None:
    found = rows.to_key(through_sqlite(rows.key_row(key)))
    assert found == key
    assert isinstance(found.scopes, tuple)


def test_the_margin_table_as_of_a_version() -> None:
    slot, other = (None, None, None), ("t", None, None)
    history = [MarginRow(slot, "1", 1, 0), MarginRow(other, "2", 2, 0), MarginRow(slot, "3", 3, 0)]
    assert [rows.margin_table(history, version).slots for version in range(4)] == [
        {},
        {slot: Decimal(1)},
        {slot: Decimal(1), other: Decimal(2)},
        {slot: Decimal(3), other: Decimal(2)},
    ]
    assert rows.margin_table(history, 2).version == 2
    assert rows.to_margin((4, "t", "i", "u", "5", 9)) == MarginRow(("t", "i", "u"), "5", 4, 9)


def test_caps_and_their_windows() -> None:
    cap = Cap(
        "cap_1", CapPlace(T.id, Span.MONTHLY, "bot", "key_1", "acme", "m-*"), 5, "2026-11-21", NOW, ("key_1", "k")
    )
    row = (*through_sqlite(rows.cap_row(cap)), '["key_1","k"]')
    assert rows.to_cap(row) == cap
    assert isinstance(rows.to_cap(row).place.span, Span)
    standing = rows.to_standing((*row, 3, 2), "2026-12-05")
    assert standing.window == Window("cap_1", "2026-12", T.id, 3, 2)
    assert (standing.cap, rows.to_window(structs.astuple(standing.window))) == (cap, standing.window)
