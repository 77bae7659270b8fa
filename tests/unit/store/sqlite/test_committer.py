"""Commits: all or nothing, a fault is its own verb's, and a database that cannot commit changes nothing."""

import sqlite3
from pathlib import Path

import pytest
from doubles.books import credit, make_id, make_request, make_tenant, settle

from proxy.errors import BadRequest, InvariantBroken, LedgerUnavailable
from proxy.ledger.call import Receipt
from proxy.store.sqlite import committer as module
from proxy.store.sqlite import connect, verbs
from proxy.store.sqlite.batch import Batch, Need
from proxy.store.sqlite.committer import Committer, Failed, Verb
from proxy.store.sqlite.database import Database

T = make_tenant().id


def deposit(number: int, nanos: int = 1_000_000) -> Verb[object]:
    return lambda batch: verbs.deposit(batch, credit(T, nanos, number))


def hold(number: int) -> Verb[object]:
    return lambda batch: verbs.hold(batch, make_request(T, number))


def bug(_: Batch) -> object:
    raise KeyError("a bug")


def half_done(batch: Batch) -> object:
    """Change a wallet, then fail."""
    verbs.deposit(batch, credit(T, 5_000_000, 77))
    batch.flush()
    raise InvariantBroken("after the fact")


def bad_row(batch: Batch) -> object:
    return batch.connection.execute("INSERT INTO wallet (tenant) VALUES ('tnt_nobody')")


def refused(_: Batch) -> object:
    raise BadRequest("no")


def balance(database: Database) -> int:
    found: int = database.connection.execute("SELECT balance FROM wallet").fetchone()[0]
    return found


def kinds(results: list[object]) -> list[str]:
    return [type(result.error if isinstance(result, Failed) else result).__name__ for result in results]


def test_results_come_in_order(database: Database, committer: Committer) -> None:
    results = committer.commit([deposit(1), hold(1), hold(2)], [Need("", T)] * 3)
    assert kinds(results) == ["Entry", "Hold", "Short"]
    assert balance(database) == 1_000_000
    assert not database.connection.in_transaction


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(bug, "KeyError"), (half_done, "InvariantBroken"), (bad_row, "IntegrityError"), (refused, "BadRequest")],
)
def test_a_fault_is_its_own_verbs_alone(
    database: Database, committer: Committer, wrong: Verb[object], error: str
) -> None:
    results = committer.commit([deposit(1), wrong, deposit(2), hold(1)])
    assert kinds(results) == ["Entry", error, "Entry", "Hold"]
    assert balance(database) == 2_000_000


def test_a_refusal_does_not_cost_a_second_try(committer: Committer) -> None:
    tries: list[int] = []
    committer.commit([lambda _: tries.append(1), refused])
    assert tries == [1]
    committer.commit([lambda _: tries.append(1), bug])
    assert tries == [1, 1, 1]


def test_a_locked_database_changes_nothing_and_recovers(
    path: Path, database: Database, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    results = committer.commit([deposit(1), refused, hold(1)])
    assert kinds(results) == ["LedgerUnavailable"] * 3
    assert len({id(result) for result in results}) == 3, "each waiter has an error of its own"
    other.execute("ROLLBACK")
    other.close()
    assert balance(database) == 0
    assert kinds(committer.commit([deposit(1)])) == ["Entry"]
    assert not committer.broken
    assert connect.BUSY_MS >= 250


def test_a_full_database_changes_nothing_and_recovers(database: Database, committer: Committer) -> None:
    execute = database.connection.execute
    assert kinds(committer.commit([deposit(1, 100_000_000)])) == ["Entry"]
    execute(f"PRAGMA max_page_count = {execute('PRAGMA page_count').fetchone()[0]}")
    results: list[object] = []
    done = 0
    while "LedgerUnavailable" not in kinds(results):
        done += len(results)
        results = committer.commit([hold(done + number) for number in range(20)])
    assert kinds(results) == ["LedgerUnavailable"] * 20, "the whole batch"
    assert "full" in str(results[0])
    assert execute("SELECT count(*), sum(wallet_nanos) FROM hold").fetchone() == (done, done * 1_000_000 or None)
    assert execute("SELECT held FROM wallet").fetchone() == (done * 1_000_000,)
    execute("PRAGMA max_page_count = 1000000")
    assert kinds(committer.commit([hold(done)])) == ["Hold"]
    assert not committer.broken


class Disk:
    """A connection whose COMMIT, or any statement, fails as a disk does."""

    def __init__(self, connection: sqlite3.Connection, at: str, code: int) -> None:
        self._connection = connection
        self._at = at
        self._code = code

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, statement: str, *values: object) -> object:
        if statement.startswith(self._at):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self._code
            raise error
        return self._connection.execute(statement, *values)


def test_after_an_io_error_nothing_is_tried_again(database: Database) -> None:
    disk = Disk(database.connection, "COMMIT", sqlite3.SQLITE_IOERR_FSYNC)
    committer = Committer(disk, 1)  # type: ignore[arg-type]  # only what is used
    assert kinds(committer.commit([deposit(1)])) == ["LedgerUnavailable"]
    assert "failed for good: disk I/O error" in committer.broken
    assert not database.connection.in_transaction
    disk._at = "nothing"
    (result,) = committer.commit([deposit(1)])
    assert isinstance(result, Failed)
    assert isinstance(result.error, LedgerUnavailable)
    assert "failed for good" in str(result.error)
    assert balance(database) == 0
    assert not committer.idle_work


def test_a_disk_that_fails_in_the_second_try_fails_all(database: Database) -> None:
    disk = Disk(database.connection, "SAVEPOINT", sqlite3.SQLITE_FULL)
    committer = Committer(disk, 1)  # type: ignore[arg-type]  # only what is used
    assert kinds(committer.commit([deposit(1), bug])) == ["LedgerUnavailable"] * 2
    assert balance(database) == 0
    assert not committer.broken


def wal_size(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size


def test_the_wal_is_moved_when_enough_has_gathered(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECKPOINT_ROWS_QUIET", 10)
    monkeypatch.setattr(module, "CHECKPOINT_ROWS_MOST", 40)
    committer = Committer(database.connection, 1)
    spoken: list[str] = []
    database.connection.set_trace_callback(spoken.append)

    def checkpoints() -> int:
        return sum("wal_checkpoint(PASSIVE)" in each for each in spoken)

    committer.commit([deposit(number) for number in range(6)])  # an entry each, and the wallet at most as often
    committer.checkpoint(quiet=False)
    assert checkpoints() == 0
    committer.commit([deposit(number) for number in range(6, 12)])
    committer.checkpoint(quiet=True)
    assert checkpoints() == 1
    committer.checkpoint(quiet=True)
    assert checkpoints() == 1
    committer.commit([deposit(number) for number in range(12, 60)])
    committer.checkpoint(quiet=False)
    assert checkpoints() == 2
    assert wal_size(path) > 0
    committer.commit([deposit(99)])
    assert committer.idle_work
    committer.truncate()
    assert wal_size(path) == 0
    assert not committer.idle_work


def test_a_reader_does_not_hold_up_a_truncation(path: Path, database: Database, committer: Committer) -> None:
    committer.commit([deposit(1)])
    reader = connect.connect_reader(path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM wallet").fetchall()
    committer.commit([deposit(2)])
    committer.truncate()
    assert wal_size(path) > 0
    reader.execute("ROLLBACK")
    reader.close()
    assert kinds(committer.commit([deposit(3)])) == ["Entry"]
    assert database.connection.execute("PRAGMA busy_timeout").fetchone() == (connect.BUSY_MS,)


def end(number: int) -> Verb[object]:
    return lambda batch: verbs.end(batch, settle(T, number))


def test_holds_that_are_open_are_not_read_again(database: Database, committer: Committer) -> None:
    committer.commit([deposit(1, 9_000_000), hold(1), hold(2)])
    asked: list[str] = []
    database.connection.set_trace_callback(asked.append)
    assert kinds(committer.commit([end(1), end(2)], [Need(make_id("call", n), T) for n in (1, 2)])) == ["Receipt"] * 2
    assert not [sql for sql in asked if "FROM hold" in sql]


def test_a_call_that_asks_again_gets_the_hold_it_has(database: Database, committer: Committer) -> None:
    committer.commit([deposit(1, 9_000_000)])
    [first] = committer.commit([hold(1)])
    assert committer.commit([hold(1), hold(2)])[0] == first
    fresh = Committer(database.connection, 2)
    assert kinds(fresh.commit([hold(1), hold(3)])) == ["Hold", "Hold"]
    assert fresh.commit([hold(1)])[0] == first
    assert kinds(fresh.commit([end(1)])) == ["Receipt"]
    assert kinds(fresh.commit([hold(1), hold(4)])) == ["InvariantBroken", "Hold"]


def test_a_hold_that_somebody_else_has_ended_ends_once(database: Database, committer: Committer) -> None:
    committer.commit([deposit(1, 9_000_000), hold(1)])
    Committer(database.connection, 1).commit([end(1)])
    [receipt] = committer.commit([end(1)])
    assert isinstance(receipt, Receipt)
    assert receipt.already
    assert balance(database) == 9_000_000 - receipt.paid_nanos


def test_a_batch_that_was_not_committed_is_not_remembered(database: Database, committer: Committer) -> None:
    committer.commit([deposit(1, 9_000_000), hold(1)])
    database.connection.execute("CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(ROLLBACK, 'full'); END")
    assert kinds(committer.commit([end(1)])) != ["Receipt"]
    database.connection.execute("DROP TRIGGER full")
    [receipt] = committer.commit([end(1)])
    assert isinstance(receipt, Receipt)
    assert not receipt.already
