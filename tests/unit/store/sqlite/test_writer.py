"""The writer: batches gather by themselves, the queue is bounded, nobody waits for ever, the thread ends."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.books import CARD, NOW

from proxy.errors import BadConfig, LedgerUnavailable
from proxy.store.sqlite import writer as module
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.committer import Committer
from proxy.store.sqlite.database import open_database
from proxy.store.sqlite.writer import Writer


class Told:
    """What the writer said, and a gate that holds its thread inside a verb."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.failed: list[bool] = []
        self.broken: list[str] = []
        self.gate = threading.Event()
        self.inside = threading.Event()

    def observe(self, verbs: int, seconds: float, failed: bool) -> None:
        assert seconds >= 0
        self.batches.append(verbs)
        self.failed.append(failed)

    def wait(self, _: Batch) -> None:
        self.inside.set()
        assert self.gate.wait(10)

    async def until_inside(self) -> None:
        """Wait until the thread has taken `wait`, and with it all that was handed over before."""
        assert await asyncio.to_thread(self.inside.wait, 10)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def writer(path: Path, told: Told) -> AsyncIterator[Writer]:
    made = Writer(told.observe, told.broken.append)
    await made.start(lambda: open_database(path, CARD, NOW))
    yield made
    told.gate.set()
    await made.stop()


def number(value: int) -> module.Verb[int]:
    return lambda _: value


async def test_what_gathers_during_a_commit_is_the_next_batch(writer: Writer, told: Told) -> None:
    first = writer.submit(told.wait)
    await told.until_inside()
    others = [writer.submit(number(value)) for value in range(50)]
    told.gate.set()
    assert await asyncio.gather(*others) == list(range(50))
    await first
    assert told.batches == [1, 50]


async def test_a_batch_is_bounded(writer: Writer, told: Told) -> None:
    blocked = writer.submit(told.wait)
    await told.until_inside()
    others = [writer.submit(number(value)) for value in range(module.BATCH_MAX + 3)]
    told.gate.set()
    await asyncio.gather(*others)
    await blocked
    assert told.batches == [1, module.BATCH_MAX, 3]


async def test_a_full_queue_refuses_at_once(writer: Writer, told: Told) -> None:
    blocked = writer.submit(told.wait)
    await told.until_inside()
    waiting = [writer.submit(number(value)) for value in range(module.QUEUE_MAX)]
    with pytest.raises(LedgerUnavailable, match="more than 5000 ledger operations are waiting"):
        writer.submit(number(0))
    assert not writer.offer(lambda _: None, module.QUEUE_MAX)
    told.gate.set()
    assert await asyncio.gather(*waiting) == list(range(module.QUEUE_MAX))
    await blocked
    assert await writer.submit(number(1)) == 1


async def test_what_nobody_waits_for_is_dropped_first(writer: Writer, told: Told) -> None:
    ran: list[int] = []
    blocked = writer.submit(told.wait)
    await told.until_inside()
    offered = [writer.offer(lambda _: ran.append(1), 3) for _ in range(5)]
    last = writer.submit(number(1))
    told.gate.set()
    await asyncio.gather(last, blocked)
    assert offered == [True, True, True, False, False]
    assert len(ran) == 3


async def test_a_waiter_who_leaves_changes_nothing_for_the_others(writer: Writer, told: Told) -> None:
    seen: list[int] = []
    blocked = writer.submit(told.wait)
    gone = writer.submit(number(1), then=seen.append)
    stays = writer.submit(number(2), then=seen.append)
    gone.cancel()
    told.gate.set()
    assert await stays == 2
    await blocked
    assert seen == [1, 2], "it was committed all the same, and who keeps a cache is told"


async def test_then_runs_before_the_waiter_and_not_after_a_failure(writer: Writer) -> None:
    order: list[object] = []

    async def wait() -> None:
        order.append(await writer.submit(number(7), then=lambda value: order.append(("then", value))))

    def fail(_: Batch) -> int:
        raise KeyError("x")

    await wait()
    with pytest.raises(KeyError):
        await writer.submit(fail, then=order.append)
    assert order == [("then", 7), 7]


async def test_stopping_commits_what_was_handed_over(path: Path, told: Told) -> None:
    writer = Writer(told.observe, told.broken.append)
    await writer.start(lambda: open_database(path, CARD, NOW))
    results = [writer.submit(number(value)) for value in range(1_200)]
    await writer.stop()
    assert [result.result() for result in results] == list(range(1_200))
    with pytest.raises(LedgerUnavailable, match="closed"):
        writer.submit(number(1))
    assert not writer.offer(lambda _: None, 10)
    await writer.stop()
    assert "faregate-writer" not in {thread.name for thread in threading.enumerate()}


async def test_a_database_that_cannot_be_opened_is_told_where_it_is_awaited(told: Told) -> None:
    def refuse() -> module.Database:
        raise BadConfig("no")

    writer = Writer(told.observe, told.broken.append)
    with pytest.raises(BadConfig, match="no"):
        await writer.start(refuse)
    assert "faregate-writer" not in {thread.name for thread in threading.enumerate()}


async def test_an_opening_that_nobody_awaits_any_more_is_closed_again(path: Path, told: Told) -> None:
    gate = threading.Event()

    def slowly() -> module.Database:
        assert gate.wait(10)
        return open_database(path, CARD, NOW)

    writer = Writer(told.observe, told.broken.append)
    asyncio.get_running_loop().call_later(0.05, gate.set)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.start(slowly), 0.01)
    assert gate.is_set()
    await asyncio.to_thread(lambda: open_database(path, CARD, NOW).close())
    assert "faregate-writer" not in {thread.name for thread in threading.enumerate()}


async def test_a_thread_that_hangs_does_not_hold_up_the_end(
    writer: Writer, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.05)
    blocked = writer.submit(told.wait)
    with pytest.raises(LedgerUnavailable, match="did not stop within"):
        await writer.stop()
    thread = writer._thread
    assert thread is not None
    assert thread.daemon
    told.gate.set()
    await blocked


async def test_a_broken_disk_is_told_once(writer: Writer, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Committer, verbs: list[object], needs: object) -> list[object]:
        self.broken = "the disk failed"
        return self._unavailable(verbs, self.broken)  # type: ignore[arg-type]  # only counted

    monkeypatch.setattr(Committer, "commit", fail)
    for _ in range(2):
        with pytest.raises(LedgerUnavailable, match="the disk failed"):
            await writer.submit(number(1))
    monkeypatch.setattr(Committer, "commit", lambda self, verbs, needs: [each(None) for each in verbs])
    assert await writer.submit(number(1)) == 1, "by now the loop has been told"
    assert told.broken == ["the disk failed"]
    assert told.failed == [True, True, False], "a batch that could not be committed is no commit"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_that_dies_leaves_nobody_waiting(
    writer: Writer, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_self: Committer, _verbs: object, _needs: object) -> list[object]:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Committer, "commit", die)
    results = await asyncio.gather(*(writer.submit(number(n)) for n in range(900)), return_exceptions=True)
    assert {type(result) for result in results} == {LedgerUnavailable}
    assert told.broken == ["RuntimeError('a bug')"]
    with pytest.raises(LedgerUnavailable, match="closed"):
        writer.submit(number(1))


async def test_the_wal_is_emptied_in_a_pause(path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_S", 0.01)
    emptied = asyncio.Event()
    loop = asyncio.get_running_loop()
    real = Committer.truncate

    def truncate(self: Committer) -> None:
        real(self)
        loop.call_soon_threadsafe(emptied.set)

    monkeypatch.setattr(Committer, "truncate", truncate)
    writer = Writer(told.observe, told.broken.append)
    await writer.start(lambda: open_database(path, CARD, NOW))
    await writer.submit(lambda batch: batch.connection.execute("INSERT INTO tenant VALUES ('t', 'n', 'active', 0, 0)"))
    await asyncio.wait_for(emptied.wait(), 5)
    wal = path.with_name(path.name + "-wal")
    assert await asyncio.to_thread(lambda: wal.stat().st_size) == 0
    assert await writer.submit(number(3)) == 3
    await writer.stop()
