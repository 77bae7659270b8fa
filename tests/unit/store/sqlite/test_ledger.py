"""The ledger's own rules on SQLite: what may be dropped, and who waits for the disk.

What it promises is in `tests/contract/test_ledger.py`.
"""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from doubles.books import credit, make_id, make_record, make_request, make_tenant, settle

from proxy.errors import LedgerUnavailable
from proxy.ledger.hold import Hold
from proxy.store.sqlite import connect
from proxy.store.sqlite.store import SqliteStore
from proxy.store.sqlite.writer import QUEUE_MAX

T = make_tenant().id


async def test_records_are_dropped_at_half_and_checkpoints_at_the_full_queue(store: SqliteStore) -> None:
    inside, gate = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        inside.set()
        assert gate.wait(10)

    writer = store._parts.writer
    blocked = writer.submit(wait)
    assert await asyncio.to_thread(inside.wait, 10)
    for number in range(QUEUE_MAX // 2 + 5):
        store.record(make_record(T, number))
    assert len(writer._gathered) == QUEUE_MAX // 2
    for _ in range(QUEUE_MAX):
        store.checkpoint(make_id("call", 1), "x")
    assert len(writer._gathered) == QUEUE_MAX
    with pytest.raises(LedgerUnavailable):
        await store.hold(make_request(T, 1))
    gate.set()
    await blocked
    assert len(await store.calls(T, QUEUE_MAX)) <= QUEUE_MAX // 2


async def test_a_locked_database_is_unavailable_and_changed_nothing(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.deposit(credit(T, 10_000_000))
    assert isinstance(await store.hold(make_request(T, 1)), Hold)

    def lock() -> sqlite3.Connection:
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN EXCLUSIVE")
        return other

    await store._parts.writer.submit(lambda batch: batch.connection.execute("PRAGMA busy_timeout = 20"))
    other = await asyncio.to_thread(lock)
    results = await asyncio.gather(
        store.hold(make_request(T, 2)), store.end(settle(T, 1)), store.deposit(credit(T, 5, 5)), return_exceptions=True
    )
    assert {type(result) for result in results} == {LedgerUnavailable}
    assert (await store.wallet(T)).available == 9_000_000, "readers are not locked out"
    await asyncio.to_thread(other.close)
    receipt = await store.end(settle(T, 1))
    assert (receipt.already, receipt.paid_nanos) == (False, 120_000)
    assert (await store.verify()).ok
    assert connect.BUSY_MS == 1_000


async def test_a_full_database_is_unavailable_and_changed_nothing(store: SqliteStore) -> None:
    await store.deposit(credit(T, 1_000_000_000))
    writer = store._parts.writer

    def limit(pages: int) -> None:
        writer.submit(lambda batch: batch.connection.execute(f"PRAGMA max_page_count = {pages}"))

    limit(1)  # SQLite takes that for: as many as there are
    results: list[object] = []
    while not any(isinstance(result, LedgerUnavailable) for result in results):
        first = len(results)
        results += await asyncio.gather(
            *(store.hold(make_request(T, first + number)) for number in range(20)), return_exceptions=True
        )
    admitted = [result for result in results if isinstance(result, Hold)]
    held = await store.held()
    assert (held.holds, held.nanos) == (len(admitted), len(admitted) * 1_000_000)
    limit(1_000_000)
    assert isinstance(await store.hold(make_request(T, 9_999)), Hold)
    assert (await store.verify()).ok


async def test_a_cancelled_waiter_still_has_its_hold(store: SqliteStore) -> None:
    await store.deposit(credit(T, 10_000_000))
    waiter = asyncio.get_running_loop().create_task(store.hold(make_request(T, 1)))
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert isinstance(await store.hold(make_request(T, 1)), Hold), "asking again returns it"
    assert (await store.held()).holds == 1
