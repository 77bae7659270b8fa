"""The journal: what is appended is on disk and comes back once, whatever a crash left behind it."""

import asyncio
import os
from decimal import Decimal
from pathlib import Path

import pytest
from doubles.books import make_bill, make_id, make_record, release, settle
from hypothesis import given
from hypothesis import strategies as st

from proxy.ledger.call import Ending
from proxy.store.journal import Journal, journal_path

T = make_id("tnt", 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return journal_path(tmp_path / "faregate.db")


def content(path: Path) -> bytes | None:
    """Read the file, if there is one."""
    return path.read_bytes() if path.exists() else None


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_lies_beside_the_database() -> None:
    assert journal_path(Path("var/faregate.db")) == Path("var/faregate.db.journal")


async def test_its_length_is_what_the_ledger_does_not_have_yet(path: Path) -> None:
    journal = Journal(path)
    assert len(journal) == 0
    await journal.append(settle(T, 1))
    await journal.append(settle(T, 2))
    assert len(journal) == 2
    await journal.settled(make_id("call", 1))
    assert len(journal) == 1
    again = Journal(path)
    await again.read()
    assert len(again) == 2, "the file keeps both until it is emptied"


async def test_what_was_appended_comes_back_exactly(path: Path) -> None:
    bill = make_bill(T, 3, {"input_tokens": 12, "audio_seconds": Decimal("1.250")})
    endings = [settle(T, 1), release(T, 2, unseen=True), Ending(make_record(T, 3), "led_3", bill, 7, True, "cut")]
    for ending in endings:
        await Journal(path).append(ending)
    found = await Journal(path).read()
    assert found == endings
    assert found[2].bill is not None
    assert str(found[2].bill.parts[0].usage["audio_seconds"]) == "1.250"
    assert mode(path) == 0o600


async def test_a_missing_journal_is_empty(path: Path) -> None:
    assert await Journal(path).read() == []
    await Journal(path).settled(make_id("call", 1))
    assert content(path) is None


async def test_it_is_fsynced_before_append_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    await Journal(path).append(settle(T, 1))
    assert len(content(path) or b"") in synced, "the file"
    assert len(synced) == 2, "and the folder, whose name for it is new"
    await Journal(path).append(settle(T, 2))
    assert len(synced) == 3


async def test_it_is_emptied_after_the_last_settlement(path: Path) -> None:
    journal = Journal(path)
    await asyncio.gather(*(journal.append(settle(T, number)) for number in range(5)))
    for number in range(4):
        await journal.settled(make_id("call", number))
    assert len(await Journal(path).read()) == 5
    await journal.settled(make_id("call", 99))
    await journal.settled(make_id("call", 4))
    assert content(path) == b""
    await journal.append(settle(T, 7))
    assert await Journal(path).read() == [settle(T, 7)]


async def test_what_was_read_back_is_pending_too(path: Path) -> None:
    await Journal(path).append(settle(T, 1))
    journal = Journal(path)
    await journal.read()
    await journal.append(settle(T, 2))
    await journal.settled(make_id("call", 2))
    assert len(await Journal(path).read()) == 2
    await journal.settled(make_id("call", 1))
    assert content(path) == b""


async def test_a_call_counts_once(path: Path) -> None:
    journal = Journal(path)
    await journal.append(settle(T, 1, tokens=5))
    await journal.append(settle(T, 1, tokens=9))
    assert await journal.read() == [settle(T, 1, tokens=9)]


@given(cut=st.integers(0, 10_000))
def test_any_torn_end_costs_only_the_last_line(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"

    async def tear() -> None:
        await Journal(path).append(settle(T, 1))
        whole = path.stat().st_size
        await Journal(path).append(settle(T, 2))
        os.truncate(path, whole + cut % (path.stat().st_size - whole))
        await Journal(path).append(settle(T, 3))
        found = {ending.record.id for ending in await Journal(path).read()}
        # All of line 2 but its newline is whole: it may come back, and does no harm.
        assert found - {make_id("call", 2)} == {make_id("call", 1), make_id("call", 3)}

    asyncio.run(tear())
