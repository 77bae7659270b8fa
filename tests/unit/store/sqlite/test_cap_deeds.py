"""Setting and unsetting a cap: each call is counted once, wherever the writer takes over; a refusal writes nothing.

What the deeds promise is in `tests/contract/test_caps.py`.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from doubles.books import (
    CARD,
    NOW,
    TODAY,
    StillClock,
    credit,
    make_id,
    make_key,
    make_request,
    make_tenant,
    release,
    settle,
)
from msgspec import structs

from proxy.clock import MICROS_PER_DAY
from proxy.errors import BadRequest
from proxy.ledger.cap import Cap, CapPlace, Span
from proxy.store.sqlite import cap_deeds, deeds, verbs
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.cap_deeds import Counted
from proxy.store.sqlite.database import Database, open_database
from proxy.store.sqlite.reader import Reader

ONE, TWO = make_tenant(), make_tenant(2)
T = ONE.id
DAILY, MONTHLY = CapPlace(T, Span.DAILY), CapPlace(T, Span.MONTHLY)
CHARGE = 120_000
NOTHING = Counted(0, ())


def asked(place: CapPlace = DAILY, limit: int = 5_000_000) -> Cap:
    return Cap("cap_1", place, limit, TODAY, NOW)


def settled(batch: Batch, number: int, period: str = TODAY, ended_at: int = NOW) -> None:
    """A call that was charged."""
    verbs.hold(batch, make_request(T, number, period=period))
    ending = settle(T, number)
    verbs.end(batch, structs.replace(ending, record=structs.replace(ending.record, ended_at=ended_at)))
    batch.flush()


@pytest.fixture
def batch(database: Database) -> Batch:
    """A batch on a wallet with money."""
    made = Batch(database.connection, 1)
    verbs.deposit(made, credit(T, 100_000_000))
    return made


def count(path: Path, tenant: str = T) -> Counted:
    """Count as a reader beside the writer does."""

    async def ask() -> Counted:
        reader = await Reader.open(path)
        try:
            return await cap_deeds.count(reader, tenant, TODAY)
        finally:
            await reader.close()

    return asyncio.run(ask())


@pytest.mark.parametrize("between", range(5))
def test_each_call_is_counted_once_wherever_the_writer_takes_over(path: Path, batch: Batch, between: int) -> None:
    for number in range(between):
        settled(batch, number)
    counted = count(path)
    assert sum(each.nanos for each in counted.sums) == between * CHARGE
    verbs.deposit(batch, credit(T, 1, 2))
    for number in range(between, 4):
        settled(batch, number)
    assert cap_deeds.set_cap(batch, asked(), counted).window.spent == 4 * CHARGE


def test_only_this_month_is_read(path: Path, batch: Batch) -> None:
    settled(batch, 1, "2026-10-20", NOW - 32 * MICROS_PER_DAY)
    settled(batch, 2, "2026-11-03", NOW - 18 * MICROS_PER_DAY)
    settled(batch, 3)
    counted = count(path)
    assert {each.period: each.nanos for each in counted.sums} == {"2026-11-03": CHARGE, TODAY: CHARGE}
    assert cap_deeds.set_cap(batch, asked(MONTHLY), counted).window.spent == 2 * CHARGE
    verbs.hold(batch, make_request(T, 4))
    verbs.end(batch, release(T, 4))
    assert count(path, TWO.id) == NOTHING


def test_what_ended_before_it_in_the_same_batch_is_counted_too(batch: Batch) -> None:
    batch.flush()
    verbs.hold(batch, make_request(T, 1))
    verbs.end(batch, settle(T, 1))
    assert cap_deeds.set_cap(batch, asked(), NOTHING).window.spent == CHARGE


def test_a_limit_that_is_changed_keeps_what_is_held(batch: Batch) -> None:
    cap_deeds.set_cap(batch, asked(), NOTHING)
    verbs.hold(batch, make_request(T, 1))
    stood = cap_deeds.set_cap(batch, asked(limit=9), NOTHING)
    assert (stood.cap.limit, stood.window.held, stood.window.spent) == (9, 1_000_000, 0)
    assert cap_deeds.unset_cap(batch, DAILY, NOW).window.held == 1_000_000


def nobody(batch: Batch) -> object:
    return cap_deeds.set_cap(batch, asked(CapPlace("tnt_x", Span.DAILY)), NOTHING)


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        (nobody, "there is no tenant tnt_x"),
        (
            lambda batch: cap_deeds.set_cap(batch, asked(CapPlace(T, Span.DAILY, key="key_x")), NOTHING),
            f"there is no key key_x of {T}",
        ),
        (
            lambda batch: cap_deeds.set_cap(batch, asked(CapPlace(T, Span.DAILY, key=make_id("key", 2))), NOTHING),
            f"there is no key {make_id('key', 2)} of {T}",
        ),
        (
            lambda batch: cap_deeds.set_cap(
                batch, asked(CapPlace(T, Span.DAILY, app="bot", key=make_id("key", 1))), NOTHING
            ),
            "has the app 'tool', not 'bot'; leave one of them out",
        ),
        (
            lambda batch: cap_deeds.unset_cap(batch, CapPlace(T, Span.MONTHLY, model="m-1"), NOW),
            f"there is no monthly cap of {T}, model m-1; `faregate cap list` shows those in force",
        ),
    ],
)
def test_it_refuses_and_writes_nothing(batch: Batch, deed: Callable[[Batch], object], message: str) -> None:
    deeds.create_tenant(batch, TWO)
    deeds.create_key(batch, make_key(ONE, 1), "h1")
    deeds.create_key(batch, make_key(TWO, 2), "h2")
    batch.flush()
    before = batch.connection.total_changes
    with pytest.raises(BadRequest, match=message):
        deed(batch)
    batch.flush()
    assert batch.connection.total_changes == before


def test_what_was_noted_names_the_place(batch: Batch) -> None:
    cap_deeds.set_cap(batch, asked(CapPlace(T, Span.DAILY, model="m-*")), NOTHING)
    cap_deeds.set_cap(batch, asked(CapPlace(T, Span.DAILY, model="m-*"), 7), NOTHING)
    cap_deeds.unset_cap(batch, CapPlace(T, Span.DAILY, model="m-*"), NOW)
    rows = batch.connection.execute("SELECT action, before, after FROM audit WHERE action LIKE 'cap.%' ORDER BY seq")
    place = '"window":"daily","model":"m-*"}'
    five, seven = f'{{"limit_usd":"0.005",{place}', f'{{"limit_usd":"0.000000007",{place}'
    assert rows.fetchall() == [("cap.set", "", five), ("cap.set", five, seven), ("cap.unset", seven, "")]


def test_a_cap_outlives_a_restart(path: Path, batch: Batch, database: Database) -> None:
    cap_deeds.set_cap(batch, asked(), NOTHING)
    verbs.hold(batch, make_request(T, 1))
    batch.flush()
    database.close()
    again = open_database(path, CARD, StillClock().now())
    [standing] = Batch(again.connection, 2).standings(make_request(T, 2))
    assert (standing.cap.limit, standing.window.held) == (5_000_000, 1_000_000)
    again.close()
