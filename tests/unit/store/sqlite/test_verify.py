"""Verification: honest books pass, and each single change to them is found and told.

The changes are made with the triggers dropped, as by somebody who means it.
"""

import shutil
import sqlite3
from pathlib import Path

import pytest
from doubles.books import CARD, NOW, TODAY, credit, make_id, make_request, make_tenant, release, settle

from proxy.errors import BadConfig
from proxy.ledger.cap import Cap, CapPlace, Span
from proxy.ledger.entry import digest
from proxy.store.doors import Verdict
from proxy.store.sqlite import cap_deeds, deeds, verbs, verify
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.cap_deeds import Counted
from proxy.store.sqlite.connect import connect_writer
from proxy.store.sqlite.database import Database, open_database
from proxy.store.sqlite.rows import margin_table, to_entry
from proxy.store.sqlite.statements import LEDGER
from proxy.store.sqlite.verify import verify_file

ONE, TWO = make_tenant(1), make_tenant(2)
T = ONE.id


def fill(database: Database) -> None:
    """Two tenants and six entries: two with exposure, one under a margin of its own. One hold is open, one released.

    One tenant has two caps.
    """
    batch = Batch(database.connection, database.epoch)
    deeds.create_tenant(batch, TWO)
    for name, place in (("cap_day", CapPlace(T, Span.DAILY)), ("cap_month", CapPlace(T, Span.MONTHLY, model="m-*"))):
        cap_deeds.set_cap(batch, Cap(name, place, 90_000_000, TODAY, NOW), Counted(0, ()))
    row = deeds.set_margin(batch, (None, "acme", None), "50", NOW)
    verbs.deposit(batch, credit(T, 20_000_000))
    verbs.deposit(batch, credit(TWO.id, 5_000_000, 2))
    for number in range(1, 6):
        verbs.hold(batch, make_request(T, number))
    verbs.hold(batch, make_request(TWO.id, 6, margins=1))
    verbs.end(batch, settle(T, 1))
    verbs.end(batch, settle(T, 2, tokens=20_000))
    verbs.end(batch, settle(T, 3, unseen=True))
    verbs.end(batch, release(T, 4, exposed=77))
    verbs.end(batch, settle(TWO.id, 6, margins=margin_table([row], 1)))
    batch.flush()


@pytest.fixture
def books(path: Path, database: Database) -> Path:
    """A closed database with some history."""
    fill(database)
    database.close()
    return path


def tamper(path: Path, *statements: str) -> Verdict:
    """Change the books behind everyone's back, and verify them."""
    connection = connect_writer(path)
    connection.execute("PRAGMA foreign_keys = OFF")
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        assert connection.execute(statement).rowcount > 0, statement
    connection.close()
    return verify_file(path)


def test_honest_books_pass(books: Path) -> None:
    assert verify_file(books) == Verdict(True, 2, 6, 1)
    assert verify_file(books, TWO.id) == Verdict(True, 1, 2, 0)
    assert verify_file(books, "tnt_nobody") == Verdict(True, 0, 0, 0)


LAST = f"WHERE tenant = '{T}' AND seq = 4"
CALL_1 = f"WHERE call = '{make_id('call', 1)}'"

DEARER = 'UPDATE rate_card_content SET content = replace(content, \'"usd":"1"\', \'"usd":"2"\')'
HOLD_MORE = (
    "INSERT INTO hold SELECT 'call_x', tenant, key, integration, endpoint, model, 5, 5, rate_card, margins, waived, "
    f"created_at, period, epoch, 'held', '', app, 0, '[]' FROM hold {CALL_1}"
)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (f"UPDATE entry SET amount_nanos = -1 {LAST}", "its hash does not cover its content"),
        (f"UPDATE entry SET amount_nanos = -1 {LAST}", "leaves "),
        (f"UPDATE entry SET balance_after_nanos = 1 {LAST}", "leaves 1 of"),
        (f"UPDATE entry SET previous = '' {LAST}", "does not name the hash of the entry before it"),
        (f"UPDATE entry SET seq = 9 {LAST}", "has sequence number 9 after 3"),
        (f"UPDATE entry SET created_at = 0 {LAST}", "its hash does not cover its content"),
        (f"DELETE FROM entry {LAST}", "a settled hold has no entry"),
        (f"DELETE FROM entry {LAST}", "the wallet's last entry is 4, the ledger's is 3"),
        (f"DELETE FROM entry WHERE tenant = '{T}' AND seq = 2", "has sequence number 3 after 1"),
        (f"UPDATE entry SET bill = '{{' {LAST}", "has a bill that cannot be read"),
        (f"UPDATE entry SET waived_nanos = 5 {LAST}", "waives 5 instead of 0"),
        (f"UPDATE entry SET period = '2026-12-01' {LAST}", "counts for 2026-12-01, its hold for 2026-11-21"),
        (f"UPDATE entry SET kind = 'refund' {LAST}", "carries a bill or a waived amount but is no call"),
        ("UPDATE wallet SET balance = balance + 1", "and its entries sum to"),
        ("UPDATE wallet SET held = held + 1", "the wallet holds 1000001 and its open holds sum to 1000000"),
        ("UPDATE wallet SET head = 'x'", "the wallet's last entry is"),
        (f"DELETE FROM wallet WHERE tenant = '{T}'", "an entry has no wallet"),
        (f"DELETE FROM hold {CALL_1}", "has a hold of nobody"),
        (f"UPDATE hold SET tenant = '{TWO.id}' {CALL_1}", f"has a hold of {TWO.id}"),
        (f"UPDATE hold SET state = 'released' {CALL_1}", "has a hold that is released"),
        (f"UPDATE hold SET state = 'held' {CALL_1}", "an open hold has a call row"),
        (f"UPDATE hold SET margins = 1 {CALL_1}", "was not priced with the versions that its hold froze"),
        (f"UPDATE hold SET waived = 1 {CALL_1}", "waives 0 instead of 120000"),
        (f"DELETE FROM call WHERE id = '{make_id('call', 1)}'", "has a call row of nobody"),
        (f"DELETE FROM call WHERE id = '{make_id('call', 4)}'", "a hold that ended has no call row"),
        ("UPDATE exposure SET nanos = nanos + 1", "was booked"),
        (f"DELETE FROM exposure WHERE call = '{make_id('call', 3)}'", "and 0 was booked"),
        (f"DELETE FROM hold WHERE call = '{make_id('call', 4)}'", "an exposure has no hold that ended"),
        ("UPDATE margin SET pct = '51'", "computed again: 100000 and 151000"),
        ("DELETE FROM margin", "which are not stored"),
        ("DELETE FROM rate_card_content", "which are not stored"),
        (DEARER, "computed again: 200000"),
        ("UPDATE rate_card_content SET content = replace(content, 'm-1', 'm-2')", "has no rates for acme/m-1"),
        (HOLD_MORE, "and its open holds sum to 1000005"),
        ("UPDATE cap_window SET spent = spent + 1 WHERE cap = 'cap_day'", "spent in 2026-11-21, and its calls come to"),
        ("UPDATE cap_window SET spent = spent - 1 WHERE cap = 'cap_month'", "spent in 2026-11, and its calls come to"),
        ("UPDATE cap_window SET held = 0", "holds 0 in 2026-11-21, and its open holds sum to 1000000"),
        ("DELETE FROM cap_window WHERE cap = 'cap_month'", "holds 0 in 2026-11, and its open holds sum to 1000000"),
        ("UPDATE hold SET cap_nanos = 5 WHERE state = 'held' AND cap_nanos <> 0", "its open holds sum to 5"),
        (f"UPDATE hold SET model = 'n-1' {CALL_1}", "spent in 2026-11, and its calls come to"),
    ],
)  # fmt: skip
def test_each_change_is_found(books: Path, change: str, problem: str) -> None:
    verdict = tamper(books, change)
    assert not verdict.ok
    assert any(problem in fault.problem for fault in verdict.faults), verdict.faults


def test_a_charge_changed_with_all_its_hashes_is_still_found(books: Path) -> None:
    """Whoever rewrites the chain to its end still has to explain the price."""
    connection = connect_writer(books)
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    row = connection.execute(LEDGER.find_call_entry, (make_id("call", 6),)).fetchone()
    entry = to_entry(row)
    assert '"charge_nanos":150000' in entry.bill
    forged = to_entry((*row[:4], -1, 0, 4_999_999, *row[7:10], entry.bill.replace("150000", "1"), *row[11:]))
    connection.execute("UPDATE entry SET amount_nanos = -1, balance_after_nanos = 4999999, bill = ?, hash = ? "
                       "WHERE id = ?", (forged.bill, digest(forged), forged.id))  # fmt: skip
    connection.execute("UPDATE wallet SET balance = 4999999, head = ? WHERE tenant = ?", (digest(forged), TWO.id))
    connection.close()
    (fault,) = verify_file(books).faults
    assert (fault.tenant, fault.entry) == (TWO.id, entry.id)
    assert fault.problem == "costs 100000 and charges 1; computed again: 100000 and 150000"


def test_faults_name_their_place_and_are_bounded(books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = tamper(books, "UPDATE entry SET hash = 'x'")
    assert {fault.tenant for fault in verdict.faults} == {T, TWO.id}
    assert make_id("led", 1) in {fault.entry for fault in verdict.faults}
    monkeypatch.setattr(verify, "FAULTS_MAX", 2)
    assert len(verify_file(books).faults) == 2


def test_a_copy_and_a_file_with_a_wal_are_verified(path: Path, database: Database, tmp_path: Path) -> None:
    fill(database)
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{tmp_path}/copy.db{suffix}")
    assert verify_file(tmp_path / "copy.db") == Verdict(True, 2, 6, 1)
    assert verify_file(path) == Verdict(True, 2, 6, 1), "and under the open database"


def test_what_cannot_be_verified_is_told_in_one_line(tmp_path: Path, books: Path) -> None:
    with pytest.raises(BadConfig, match="there is no file"):
        verify_file(tmp_path / "x.db")
    (tmp_path / "text.db").write_text("no database" * 100)
    with pytest.raises(BadConfig, match="file is not a database"):
        verify_file(tmp_path / "text.db")
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(BadConfig, match="has schema version none"):
        verify_file(tmp_path / "empty.db")
    connection = connect_writer(books)
    connection.execute("UPDATE meta SET schema_version = 99")
    connection.close()
    with pytest.raises(BadConfig, match="has schema version 99"):
        verify_file(books)


def test_verification_changes_nothing(books: Path) -> None:
    before = books.read_bytes()
    verify_file(books)
    assert books.read_bytes() == before
    open_database(books, CARD, NOW).close()
