"""The operator's questions on real books: pages, filters, one call's story, and sums that are those of the entries."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from doubles.books import (
    CARD,
    NOW,
    StillClock,
    credit,
    make_id,
    make_record,
    make_request,
    make_tenant,
    release,
    settle,
)
from msgspec import structs

from proxy.errors import BadRequest, LedgerUnavailable
from proxy.ledger.call import Outcome
from proxy.ledger.report import By
from proxy.store.books import EVER, CallQuery, EntryQuery, ExposureQuery, Progress, Span
from proxy.store.sqlite import books as module
from proxy.store.sqlite.books import SqliteBooks, sum_usage
from proxy.store.sqlite.store import SqliteStore

ACME, BOLT = make_tenant(1), make_tenant(2, name="bolt")
SECOND = 1_000_000


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(path, StillClock())
    await made.open(CARD)
    for number, tenant in enumerate((ACME, BOLT)):
        await made.create_tenant(tenant)
        await made.deposit(credit(tenant.id, 10**9, number))
    yield made
    await made.close()


@pytest.fixture
async def books(store: SqliteStore, path: Path) -> AsyncIterator[SqliteBooks]:
    made = await SqliteBooks.open(path)
    yield made
    await made.close()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)


async def charge(store: SqliteStore, tenant: str, number: int, tokens: int = 100, at: int = 0) -> None:
    """Hold and settle a call that ended `at` seconds after NOW."""
    await store.hold(make_request(tenant, number))
    ending = settle(tenant, number, tokens=tokens)
    record = structs.replace(ending.record, started_at=NOW + at * SECOND, ended_at=NOW + at * SECOND)
    await store.end(structs.replace(ending, record=record))


async def test_an_entry_by_its_own_id_or_its_call_s(store: SqliteStore, books: SqliteBooks) -> None:
    await charge(store, ACME.id, 1)
    by_id = await books.entry(make_id("led", 1))
    assert by_id == await books.entry(make_id("call", 1))
    assert by_id.reference == make_id("call", 1)
    with pytest.raises(BadRequest) as unknown:
        await books.entry("led_none")
    assert (unknown.value.status, str(unknown.value)) == (404, "there is no entry led_none")


async def test_entries_by_page_span_and_kind(store: SqliteStore, books: SqliteBooks) -> None:
    for number in range(1, 5):
        await charge(store, ACME.id, number, at=number)
    await charge(store, BOLT.id, 5)

    async def seqs(limit: int = 100, **how: Any) -> list[int]:
        return [entry.seq for entry in await books.entries(EntryQuery(ACME.id, limit, **how))]

    assert await seqs() == [5, 4, 3, 2, 1]
    assert await seqs(2) == [5, 4]
    assert await seqs(before_seq=4) == [3, 2, 1]
    assert await seqs(kind="credit") == [1]
    assert await seqs(span=Span(NOW + 2 * SECOND, NOW + 4 * SECOND)) == [4, 3]
    assert await seqs(span=Span(NOW + SECOND), kind="call") == [5, 4, 3, 2]


@pytest.mark.usefixtures("small_pages")
async def test_a_stream_has_every_entry_once_oldest_first(store: SqliteStore, books: SqliteBooks) -> None:
    for number in range(1, 6):
        await charge(store, ACME.id, number, at=number)
    await charge(store, BOLT.id, 9)
    pages = [[(entry.tenant, entry.seq) for entry in page] async for page in books.stream("", EVER)]
    assert [len(page) for page in pages] == [2, 2, 2, 2]
    assert [each for page in pages for each in page] == [(ACME.id, seq) for seq in range(1, 7)] + [
        (BOLT.id, 1),
        (BOLT.id, 2),
    ]
    only = [entry.seq async for page in books.stream(ACME.id, Span(NOW + 2 * SECOND), "call") for entry in page]
    assert only == [3, 4, 5, 6]


@pytest.mark.usefixtures("small_pages")
async def test_a_stream_leaves_out_what_is_written_after_it_began(store: SqliteStore, books: SqliteBooks) -> None:
    for number in range(1, 4):
        await charge(store, ACME.id, number)
    seen = []
    async for page in books.stream(ACME.id, EVER):
        if not seen:
            await charge(store, ACME.id, 7)
        seen += [entry.seq for entry in page]
    assert seen == [1, 2, 3, 4]


async def test_calls_by_outcome_refusal_and_time(store: SqliteStore, books: SqliteBooks) -> None:
    await charge(store, ACME.id, 1)
    for number, (outcome, refusal) in enumerate(
        [(Outcome.REFUSED, "balance_exhausted"), (Outcome.FREE, ""), (Outcome.REFUSED, "key_scope")], start=2
    ):
        record = make_record(ACME.id, number, outcome=outcome)
        store.record(structs.replace(record, refusal=refusal, started_at=NOW + number * SECOND))
    await charge(store, BOLT.id, 8)

    async def found(limit: int = 100, **how: Any) -> list[str]:
        calls = await books.calls(CallQuery(ACME.id, limit, **how))
        return [call.id for call in calls]

    one, two, three, four = (make_id("call", number) for number in range(1, 5))
    assert await found() == [four, three, two, one]
    assert await found(2) == [four, three]
    assert await found(before=three) == [two, one]
    assert await found(outcome="refused") == [four, two]
    assert await found(refusal="balance_exhausted") == [two]
    assert await found(refusal="*") == [four, two]
    assert await found(span=Span(NOW + 3 * SECOND)) == [four, three]
    assert await found(span=Span(NOW, NOW + 3 * SECOND)) == [two, one]
    assert await found(span=Span(NOW + 3600 * SECOND)) == []


async def test_turns_of_a_session(store: SqliteStore, books: SqliteBooks) -> None:
    session = make_id("call", 9)
    for number, of in enumerate((session, "", session, make_id("call", 8)), start=1):
        store.record(structs.replace(make_record(ACME.id, number, outcome=Outcome.FREE), session=of))
    await charge(store, ACME.id, 7)
    calls = [make_id("call", number) for number in range(1, 5)]
    assert await books.sessions(calls[:3]) == {calls[0]: session, calls[2]: session}
    assert await books.sessions([]) == {}
    found = await books.calls(CallQuery(ACME.id, 100, session=session))
    assert [call.id for call in found] == [calls[2], calls[0]]


async def test_the_story_of_a_call(store: SqliteStore, books: SqliteBooks) -> None:
    await store.hold(make_request(ACME.id, 1))
    running = await books.story(make_id("call", 1))
    assert (running.record, running.entry, running.exposures) == (None, None, ())
    assert running.hold is not None
    assert (running.hold.state, running.hold.wallet_nanos, running.balance_before) == ("held", 1_000_000, 10**9)
    await store.end(settle(ACME.id, 1))
    over = await books.story(make_id("call", 1))
    assert over.record is not None
    assert over.entry is not None
    assert over.hold is not None
    assert (over.record.outcome, over.entry.amount_nanos, over.hold.state) == ("answered", -120_000, "settled")
    await store.hold(make_request(ACME.id, 2))
    await store.end(release(ACME.id, 2, unseen=True))
    lost = await books.story(make_id("call", 2))
    assert (lost.entry, [each.at_most for each in lost.exposures]) == (None, [True])
    refused = make_record(ACME.id, 3, outcome=Outcome.REFUSED, status=402)
    store.record(structs.replace(refused, started_at=NOW + 2 * SECOND))
    await charge(store, BOLT.id, 9)  # a record does not wait for the disk; what comes after it does
    assert (await books.story(make_id("call", 3))).balance_before == 10**9 - 120_000
    with pytest.raises(BadRequest, match="there is no call call_none"):
        await books.story("call_none")


async def test_holds_and_exposures_of_one_or_of_all(store: SqliteStore, books: SqliteBooks) -> None:
    for tenant, number in ((ACME, 1), (BOLT, 2), (ACME, 3), (BOLT, 4)):
        await store.hold(make_request(tenant.id, number))
    assert [hold.call for hold in await books.holds("")] == [make_id("call", number) for number in (1, 2, 3, 4)]
    assert [hold.call for hold in await books.holds(BOLT.id)] == [make_id("call", number) for number in (2, 4)]
    for tenant, number in ((ACME, 1), (BOLT, 2), (ACME, 3)):
        await store.end(release(tenant.id, number, exposed=number))
    assert len(await books.holds("")) == 1

    async def nanos(tenant: str = "", limit: int = 100, **how: Any) -> list[int]:
        rows = await books.exposures(ExposureQuery(tenant, limit, **how))
        return [row.exposure.nanos for row in rows]

    assert await nanos() == [3, 2, 1]
    assert await nanos(ACME.id) == [3, 1]
    assert await nanos(limit=1) == [3]
    first = (await books.exposures(ExposureQuery("", 1)))[0].row
    assert await nanos(before=first) == [2, 1]
    assert await nanos(span=Span(NOW + 3600 * SECOND)) == []


async def test_usage_sums_to_the_entries(store: SqliteStore, books: SqliteBooks) -> None:
    for number in range(1, 6):
        await charge(store, ACME.id, number, tokens=number, at=number)
    await charge(store, BOLT.id, 8, tokens=1000)
    entries = [entry for entry in await store.entries(ACME.id, 100) if entry.kind == "call"]
    for by in (None, *By):
        total = (await books.usage(ACME.id, by, EVER)).total
        assert (total.calls, total.charged_nanos) == (5, -sum(entry.amount_nanos for entry in entries))
        assert total.usage == {"input_tokens": 15}
    part = (await books.usage(ACME.id, None, Span(NOW + 2 * SECOND, NOW + 4 * SECOND))).total
    assert part.usage == {"input_tokens": 5}


async def test_what_priced_a_call_can_be_read_again(store: SqliteStore, books: SqliteBooks) -> None:
    assert await books.card("card-1") == CARD
    with pytest.raises(BadRequest, match="there is no rate card card-9"):
        await books.card("card-9")
    slot = (ACME.id, None, None)
    for pct in ("5", "7"):
        await store.set_margin(slot, pct, NOW)
    assert (await books.margins(0)).slots == {}
    assert (await books.margins(1)).slots == {slot: Decimal(5)}
    assert (await books.margins(2)).slots == {slot: Decimal(7)}


async def test_who_stops_asking_stops_the_verification(
    store: SqliteStore, books: SqliteBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[int] = []
    go_on = threading.Event()
    ended = threading.Event()

    def slow(_path: Path, _tenant: str, tell: Callable[[int, int], None]) -> None:
        try:
            for number in range(3):
                checked.append(number)
                tell(number, 3)
                go_on.wait(5)
        finally:
            ended.set()

    monkeypatch.setattr(module, "verify_file", slow)
    steps = books.verifying("")
    assert await anext(steps) == Progress(0, 3)
    leaving = asyncio.get_running_loop().create_task(steps.aclose())  # type: ignore[attr-defined]  # a generator
    await asyncio.sleep(0)
    go_on.set()
    await leaving
    assert ended.is_set()
    assert checked == [0, 1]


def test_a_file_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_text("no database" * 100)
    with pytest.raises(LedgerUnavailable, match="the ledger cannot be read"):
        sum_usage(tmp_path / "broken.db", ACME.id, None)
