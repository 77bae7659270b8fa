"""What the operator does with spend caps inside a batch: set, unset. What was spent is counted from the ledger.

A cap that is set in the middle of a month begins with what the month's calls were charged. Counting them may take
long, so most of it is done by a reader before (`count`); the writer adds only what has been entered since.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from proxy.clock import MICROS_PER_DAY, date_of, midnight
from proxy.errors import BadRequest
from proxy.ledger.cap import Cap, CapPlace, Marks, Standing
from proxy.money import format_usd
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.deeds import not_found
from proxy.store.sqlite.reader import Reader
from proxy.store.sqlite.rows import Row, cap_row, to_key
from proxy.store.sqlite.statements import CAPS, REGISTRY
from proxy.store.sqlite.trail import Change, Facts, note
from proxy.tenants.actor import HOUSE, Actor

LATE_MICROS = MICROS_PER_DAY
"""How much earlier than entries before it an entry may have been made: journalled ones are entered late."""


class Sum(Struct, frozen=True):
    """What some calls of one period were charged or waived."""

    period: str
    marks: Marks
    nanos: int


class Counted(Struct, frozen=True):
    """What a tenant's calls were charged or waived, of a time and up to an entry."""

    upto: int
    sums: tuple[Sum, ...]


async def count(reader: Reader, tenant: str, day: str) -> Counted:
    """Count a tenant's calls from the beginning of a day's month on, as far as they are committed."""
    start = midnight(f"{day[:7]}-01") - LATE_MICROS
    row = await reader.one(CAPS.last_entry_before, (tenant, start))
    after = 0 if row is None else row[0]
    return _counted(after, await reader.all(CAPS.spent_after, (tenant, after)))


def _counted(after: int, rows: Sequence[Row]) -> Counted:
    sums = tuple(Sum(row[0], Marks(*row[1:5]), row[5]) for row in rows)
    return Counted(max((row[6] for row in rows), default=after), sums)


def set_cap(batch: Batch, asked: Cap, counted: Counted, by: Actor = HOUSE) -> Standing:
    """Put a cap in force, or change its limit. `asked.id` is for a cap that is new."""
    place, day = asked.place, date_of(asked.set_at)
    _check(batch, place)
    row = _find(batch, place)
    before = None if row is None else row[1]
    if row is not None:
        asked = structs.replace(asked, id=row[0], since=asked.since if before is None else row[2])
    if before != asked.limit:
        batch.connection.execute(CAPS.write_cap, cap_row(asked))
        facts = (_facts(place, limit) for limit in (before, asked.limit))
        note(batch, by, asked.set_at, Change("cap.set", place.tenant, asked.id, *facts))
    batch.caps.forget(place.tenant)
    [cap] = [cap for cap in batch.caps.of(place.tenant) if cap.id == asked.id]
    batch.flush()
    late = _counted(counted.upto, batch.connection.execute(CAPS.spent_after, (place.tenant, counted.upto)).fetchall())
    _count_anew(batch, cap, day, (*counted.sums, *late.sums))
    return Standing(cap, batch.window(place.tenant, cap.id, cap.window(day)))


def unset_cap(batch: Batch, place: CapPlace, at: int, by: Actor = HOUSE) -> Standing:
    """Take a cap out of force; what running calls hold in its windows is given back as they end."""
    cap = next((cap for cap in batch.caps.of(place.tenant) if cap.place == place), None)
    if cap is None:
        raise not_found(f"{place}; `faregate cap list` shows those in force")
    batch.connection.execute(CAPS.write_cap, (*cap_row(cap)[:7], None, cap.since, at))
    batch.caps.forget(place.tenant)
    note(batch, by, at, Change("cap.unset", place.tenant, cap.id, _facts(place, cap.limit), None))
    return Standing(cap, batch.window(place.tenant, cap.id, cap.window(date_of(at))))


def _count_anew(batch: Batch, cap: Cap, day: str, sums: Iterable[Sum]) -> None:
    """Set what was spent in a cap's window of a day, and in later ones where calls began after that midnight."""
    spent = {cap.window(day): 0}
    for each in sums:
        if cap.window(each.period) >= cap.window(day) and cap.covers(each.marks):
            at = cap.window(each.period)
            spent[at] = spent.get(at, 0) + each.nanos
    for name, nanos in spent.items():
        batch.turn(structs.replace(batch.window(cap.place.tenant, cap.id, name), spent=nanos))


def _check(batch: Batch, place: CapPlace) -> None:
    """Raise BadRequest for a tenant or a key that is not there, and for a key that is none of the place's."""
    if batch.connection.execute(REGISTRY.find_tenant, (place.tenant,)).fetchone() is None:
        raise not_found(f"tenant {place.tenant}")
    if not place.key:
        return
    row = batch.connection.execute(REGISTRY.find_key, (place.key,)).fetchone()
    if row is None or (key := to_key(row)).tenant != place.tenant:
        raise not_found(f"key {place.key} of {place.tenant}")
    if place.app and key.app != place.app:
        raise BadRequest(f"the key {place.key} has the app {key.app!r}, not {place.app!r}; leave one of them out")


def _find(batch: Batch, place: CapPlace) -> Row | None:
    """Return (id, limit, since) of the cap of a place; its limit is None if it is not in force."""
    values = (place.tenant, place.span.value, place.app, place.key, place.integration, place.model)
    found: Row | None = batch.connection.execute(CAPS.find_cap, values).fetchone()
    return found


def _facts(place: CapPlace, limit: int | None) -> Facts | None:
    """Return what the audit log says of a cap; nothing where it is not in force."""
    return None if limit is None else {"limit_usd": format_usd(limit), "window": place.span.value, **place.names}
