"""The store as a whole: it opens and closes without a trace, and what it acknowledged survives a kill."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from doubles.books import CARD, NOW, StillClock, credit, make_id, make_key, make_request, make_tenant, release
from msgspec import structs

from proxy.errors import BadConfig
from proxy.ledger.hold import Hold
from proxy.store.sqlite.store import SqliteStore
from proxy.store.sqlite.verify import verify_file

T = make_tenant().id

CHILD = """
import asyncio, sys
from pathlib import Path
from doubles.books import CARD, StillClock, credit, make_request, make_tenant, settle
from proxy.store.sqlite.store import SqliteStore

async def work(store, first):
    for number in range(first, 1_000_000, 8):
        await store.hold(make_request(make_tenant().id, number, least=10_000))
        print("held", number, flush=True)
        await store.end(settle(make_tenant().id, number, tokens=5))
        print("ended", number, flush=True)

async def main():
    store = SqliteStore(Path(sys.argv[1]), StillClock())
    await store.open(CARD)
    await store.create_tenant(make_tenant())
    await store.deposit(credit(make_tenant().id, 10**15))
    await asyncio.gather(*(work(store, first) for first in range(8)))

asyncio.run(main())
"""


def count_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
async def test_fifty_openings_leave_no_thread_and_no_descriptor(path: Path) -> None:
    async def once() -> None:
        store = SqliteStore(path, StillClock())
        await store.open(CARD)
        await asyncio.gather(store.tenants(1), store.wallet(T), store.verify())
        await store.close()

    await once()
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)
    threads, descriptors = {thread.name for thread in threading.enumerate()}, count_descriptors()
    for _ in range(50):
        await once()
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 5)
    left = {thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}
    assert left <= threads
    assert count_descriptors() <= descriptors


async def test_a_closed_database_is_one_file_and_its_lock(path: Path, store: SqliteStore) -> None:
    await store.deposit(credit(T, 5))
    await store.close()
    await store.close()
    files = await asyncio.to_thread(lambda: sorted(each.name for each in path.parent.iterdir()))
    assert files == ["faregate.db", "faregate.db.lock"]


async def test_close_commits_what_was_not_waited_for(path: Path, store: SqliteStore) -> None:
    await store.deposit(credit(T, 10_000_000))
    await store.hold(make_request(T, 1))
    store.checkpoint(make_id("call", 1), "seen")
    await store.close()
    await store.open(CARD)
    assert [hold.evidence for hold in await store.holds()] == ["seen"]


async def test_an_opening_that_fails_can_be_tried_again(path: Path, store: SqliteStore) -> None:
    other = SqliteStore(path, StillClock())
    with pytest.raises(BadConfig, match="in use"):
        await other.open(CARD)
    await store.close()
    await other.open(structs.replace(CARD, version="card-2"))
    assert (other.epoch, other.rate_card().version) == (2, "card-2")
    await other.close()


async def test_commits_are_observed(path: Path) -> None:
    seen: list[int] = []
    store = SqliteStore(path, StillClock(), observe=lambda verbs, _seconds, _failed: seen.append(verbs))
    await store.open(CARD)
    await store.create_tenant(make_tenant())
    assert seen == [1]
    await store.close()


def kill_after(path: Path, lines: int) -> list[str]:
    """Run the child until it has said so many lines, kill it, and return all that it said."""
    tests = Path(__file__).parents[3]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tests)},
    )
    assert child.stdout is not None
    said = [child.stdout.readline().strip() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    said += [line.strip() for line in child.stdout if line.endswith("\n")]
    child.stdout.close()
    child.wait()
    return said


@pytest.mark.parametrize("lines", [1, 150, 777])
async def test_what_was_acknowledged_survives_a_kill(path: Path, lines: int) -> None:
    said = [line.split() for line in await asyncio.to_thread(kill_after, path, lines)]
    held = {make_id("call", int(number)) for what, number in said if what == "held"}
    ended = {make_id("call", int(number)) for what, number in said if what == "ended"}
    before = await asyncio.to_thread(verify_file, path)
    assert before.ok, before.faults
    store = SqliteStore(path, StillClock())
    await store.open(CARD)
    entries = [entry for entry in await store.entries(T, 1_000_000) if entry.kind == "call"]
    charged = {entry.reference for entry in entries}
    orphans = await store.open_holds(store.epoch)
    assert ended <= charged
    assert held <= charged | {hold.call for hold in orphans}
    assert all(entry.amount_nanos == -6_000 for entry in entries)
    for hold in orphans:
        assert isinstance(hold, Hold)
        number = next(n for n in range(1_000_000) if make_id("call", n) == hold.call)
        await store.end(release(T, number))
    wallet = await store.wallet(T)
    assert (wallet.held, wallet.balance) == (0, 10**15 - 6_000 * len(entries))
    assert (await store.verify()).ok
    await store.close()


async def test_uses_that_were_noted_are_on_disk_after_a_close(store: SqliteStore, path: Path) -> None:
    key = await store.create_key(make_key(make_tenant()), "hash")
    store.used(key.id, NOW + 7)
    store.used("key_gone", NOW + 7)
    await store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT last_used_at FROM key").fetchall() == [(NOW + 7,)]
    connection.close()
