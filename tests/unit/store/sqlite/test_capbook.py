"""What the writer remembers of caps: a tenant's are read once, and again after whatever may have changed them."""

import sqlite3
from collections.abc import Iterator

import pytest
from doubles.books import NOW, make_tenant

from proxy.errors import LedgerUnavailable
from proxy.ledger.cap import Cap, CapPlace, Span
from proxy.store.sqlite import cap_deeds
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.cap_deeds import Counted
from proxy.store.sqlite.capbook import CapBook
from proxy.store.sqlite.committer import Committer, Failed
from proxy.store.sqlite.database import Database

T = make_tenant().id
PLACE = CapPlace(T, Span.DAILY)


@pytest.fixture
def asked(database: Database) -> Iterator[list[str]]:
    """Every statement that asks for caps."""
    said: list[str] = []
    database.connection.set_trace_callback(lambda text: said.append(text) if "FROM cap WHERE" in text else None)
    yield said
    database.connection.set_trace_callback(None)


def put(connection: sqlite3.Connection, limit: int) -> None:
    values = ("cap_1", T, "daily", "", "", "", "", limit, "2026-11-21", NOW)
    connection.execute("INSERT OR IGNORE INTO cap VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    connection.execute("UPDATE cap SET limit_nanos = ?", (limit,))


def test_a_tenant_without_caps_is_asked_for_once(database: Database, asked: list[str]) -> None:
    book = CapBook(database.connection)
    assert [book.of(T) for _ in range(5)] == [()] * 5
    assert len(asked) == 1


def test_what_was_changed_is_read_again(database: Database, asked: list[str]) -> None:
    book = CapBook(database.connection)
    for limit, forget in ((5, lambda: book.forget(T)), (6, book.forget_all)):
        book.of(T)
        put(database.connection, limit)
        forget()
        assert [cap.limit for cap in book.of(T)] == [limit]
    book.forget("tnt_other")
    book.of(T)
    assert len(asked) == 3


def limits(committer: Committer) -> object:
    [found] = committer.commit([lambda batch: [cap.limit for cap in batch.caps.of(T)]])
    return found


def test_nothing_is_believed_that_was_rolled_back(committer: Committer) -> None:
    def set_and_fail(batch: Batch) -> None:
        cap_deeds.set_cap(batch, Cap("cap_1", PLACE, 5, "2026-11-21", NOW), Counted(0, ()))
        assert [cap.limit for cap in batch.caps.of(T)] == [5]
        raise LedgerUnavailable("as a disk would")

    assert limits(committer) == []
    [failed] = committer.commit([set_and_fail])
    assert isinstance(failed, Failed)
    assert limits(committer) == []
    _, failed = committer.commit([lambda batch: None, set_and_fail])
    assert isinstance(failed, Failed)
    assert limits(committer) == []


def test_nothing_is_believed_that_the_disk_did_not_take(committer: Committer) -> None:
    """The cap is set and read; then the transaction fails as a whole."""

    def set_it(batch: Batch) -> None:
        cap_deeds.set_cap(batch, Cap("cap_1", PLACE, 5, "2026-11-21", NOW), Counted(0, ()))
        assert [cap.limit for cap in batch.caps.of(T)] == [5]

    def fill_the_disk(_: Batch) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    assert all(isinstance(each, Failed) for each in committer.commit([set_it, fill_the_disk]))
    assert limits(committer) == []
    assert committer.commit([set_it]) == [None]
    assert limits(committer) == [5]
