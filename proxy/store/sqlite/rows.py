"""Turns rows into values and back. A row has its struct's fields in their order; flags are 0 or 1, lists are JSON."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import json, structs

from proxy.ledger.call import CallRecord, Outcome
from proxy.ledger.cap import Cap, CapPlace, Span, Standing, Window
from proxy.ledger.entry import Entry
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import Hold, HoldState
from proxy.ledger.wallet import Wallet
from proxy.ledger.work import OpenWork, Work
from proxy.pricing.cascade import MarginTable
from proxy.store.doors import AuditRecord, MarginRow, OwnedObject
from proxy.tenants.actor import Actor
from proxy.tenants.key import Key
from proxy.tenants.tenant import Tenant, TenantState

Row = Sequence[Any]
"""What sqlite3 gives and takes: integers, strings and None."""

NO_WINDOWS = "[]"
"""How a hold that is under no cap is written."""

_WORK_COLUMNS = len(Work.__struct_fields__)


def to_wallet(row: Row) -> Wallet:
    """Read a wallet."""
    return Wallet(*row)


def to_hold(row: Row) -> Hold:
    """Read a hold."""
    windows = () if row[18] == NO_WINDOWS else json.decode(row[18], type=tuple[tuple[str, str], ...])
    return Hold(*_replaced(row, {10: bool(row[10]), 14: HoldState(row[14]), 18: windows}))


def hold_row(hold: Hold) -> Row:
    """Write a hold."""
    row = structs.astuple(hold)
    windows = json.encode(hold.windows).decode() if hold.windows else NO_WINDOWS
    return (*row[:10], int(hold.waived), *row[11:14], hold.state.value, *row[15:18], windows)


def to_cap(row: Row) -> Cap:
    """Read a cap in force: (id, tenant, span, app, key, integration, model, limit, since, set at, keys)."""
    place = CapPlace(row[1], Span(row[2]), row[3], row[4], row[5], row[6])
    return Cap(row[0], place, row[7], row[8], row[9], _names(row[10]))


def cap_row(cap: Cap) -> Row:
    """Write a cap in force."""
    place = cap.place
    names = (place.app, place.key, place.integration, place.model)
    return (cap.id, place.tenant, place.span.value, *names, cap.limit, cap.since, cap.set_at)


def to_standing(row: Row, day: str) -> Standing:
    """Read a cap in force and its window of a day: what `to_cap` reads, then (spent, held)."""
    cap = to_cap(row[:-2])
    return Standing(cap, Window(cap.id, cap.window(day), cap.place.tenant, *row[-2:]))


def to_window(row: Row) -> Window:
    """Read a window of a cap."""
    return Window(*row)


def to_entry(row: Row) -> Entry:
    """Read an entry."""
    return Entry(*row)


def to_exposure(row: Row) -> Exposure:
    """Read an exposure."""
    return Exposure(*_replaced(row, {5: bool(row[5])}))


def exposure_row(exposure: Exposure) -> Row:
    """Write an exposure."""
    row = structs.astuple(exposure)
    return (*row[:5], int(exposure.at_most), row[6])


def to_call(row: Row) -> CallRecord:
    """Read a call's record."""
    return CallRecord(*_replaced(row, {6: Outcome(row[6])}))


def call_row(record: CallRecord) -> Row:
    """Write a call's record."""
    row = structs.astuple(record)
    return (*row[:6], record.outcome.value, *row[7:])


def to_object(row: Row) -> OwnedObject:
    """Read an owned object."""
    return OwnedObject(*row)


def to_work(row: Row) -> Work:
    """Read work that finishes later."""
    return Work(*row)


def to_open_work(row: Row) -> OpenWork:
    """Read work with its hold after it."""
    return OpenWork(to_work(row[:_WORK_COLUMNS]), to_hold(row[_WORK_COLUMNS:]))


def to_tenant(row: Row) -> Tenant:
    """Read a tenant."""
    return Tenant(row[0], row[1], TenantState(row[2]), bool(row[3]), row[4])


def tenant_row(tenant: Tenant) -> Row:
    """Write a tenant."""
    return (tenant.id, tenant.name, tenant.state.value, int(tenant.test), tenant.created_at)


def to_key(row: Row) -> Key:
    """Read a key."""
    return Key(*_replaced(row, {column: _names(row[column]) for column in (3, 8, 9, 10)}))


def key_row(key: Key) -> Row:
    """Write a key."""
    row = structs.astuple(key)
    lists = (_text(key.integrations), _text(key.models), _text(key.networks))
    return (*row[:3], _text(key.scopes), *row[4:8], *lists, *row[11:])


def to_margin(row: Row) -> MarginRow:
    """Read a margin: (version, tenant, integration, unit, pct, set_at)."""
    return MarginRow((row[1], row[2], row[3]), row[4], row[0], row[5])


def margin_table(rows: Sequence[MarginRow], version: int) -> MarginTable:
    """Return the table as of a version: of every slot, the last row up to it. Rows come in order of version."""
    last = {row.slot: row.pct for row in rows if row.version <= version}
    return MarginTable(version, {slot: Decimal(pct) for slot, pct in last.items() if pct is not None})


def to_audit(row: Row) -> AuditRecord:
    """Read a deed."""
    return AuditRecord(row[0], row[1], Actor(*row[2:5]), *row[5:])


def _replaced(row: Row, by: Mapping[int, Any]) -> list[Any]:
    values = list(row)
    for column, value in by.items():
        values[column] = value
    return values


def _names(text: str) -> tuple[str, ...]:
    return json.decode(text, type=tuple[str, ...])


def _text(names: tuple[str, ...]) -> str:
    return json.encode(names).decode()
