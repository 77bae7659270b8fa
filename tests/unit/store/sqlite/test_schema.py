"""The schema: what the database itself refuses, and that migrations end where a new database begins."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles.books import NOW, TODAY, credit, make_id, make_request, make_tenant, release, settle

from proxy.errors import BadConfig
from proxy.ledger.cap import Cap, CapPlace, Span
from proxy.store.sqlite import cap_deeds, verbs
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.cap_deeds import Counted
from proxy.store.sqlite.database import Database
from proxy.store.sqlite.schema import Schema, check_version, read_migrations, shipped_schema, upgrade

T = make_tenant().id
FIRST_RELEASED = (Path(__file__).parent / "schema_1.sql").read_text(encoding="utf-8")
ONE = "CREATE TABLE meta (one INTEGER PRIMARY KEY, schema_version INTEGER, epoch INTEGER) STRICT;"
FIRST = Schema(ONE + "CREATE TABLE wallet (a TEXT); CREATE TABLE entry (a TEXT);")
THIRD = Schema(
    ONE + "CREATE TABLE wallet (a TEXT); CREATE TABLE entry (a TEXT, b TEXT); CREATE INDEX by_b ON entry (b);",
    ("ALTER TABLE entry ADD COLUMN b TEXT;", "CREATE INDEX by_b ON entry (b);"),
)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:", isolation_level=None)
    yield made
    made.close()


def catalogue(connection: sqlite3.Connection) -> object:
    """What a schema comes to: the columns and indexes of every table, and its triggers."""
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]
    columns = {table: connection.execute(f"PRAGMA table_xinfo({table})").fetchall() for table in tables}
    others = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type <> 'table' ORDER BY 1, 2"
    ).fetchall()
    return columns, others


def test_a_migrated_database_equals_a_fresh_one(connection: sqlite3.Connection) -> None:
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    assert upgrade(fresh, THIRD, "x") == 0
    assert upgrade(connection, FIRST, "x") == 0
    assert upgrade(connection, THIRD, "x") == 1
    assert upgrade(connection, THIRD, "x") == 3
    assert catalogue(connection) == catalogue(fresh)
    fresh.close()


def test_the_shipped_migrations_end_at_the_shipped_schema(connection: sqlite3.Connection) -> None:
    """`schema_1.sql` beside this test is version 1 as it was first released; it never changes after that."""
    schema = shipped_schema()
    upgrade(connection, Schema(FIRST_RELEASED), "x")
    upgrade(connection, schema, "x")
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(fresh, schema, "x")
    assert catalogue(connection) == catalogue(fresh)
    check_version(connection, schema, "x")
    fresh.close()


def test_a_migration_that_fails_changes_nothing(connection: sqlite3.Connection) -> None:
    upgrade(connection, FIRST, "x")
    before = catalogue(connection)
    with pytest.raises(sqlite3.OperationalError):
        upgrade(connection, Schema("", ("ALTER TABLE entry ADD COLUMN c TEXT; SELECT nonsense;",)), "x")
    assert catalogue(connection) == before
    check_version(connection, FIRST, "x")


def test_a_newer_database_is_refused(connection: sqlite3.Connection) -> None:
    upgrade(connection, THIRD, "x")
    with pytest.raises(BadConfig, match="has schema version 3, and this faregate knows 1"):
        upgrade(connection, FIRST, "x")
    with pytest.raises(BadConfig, match="has schema version 3, and this faregate reads 1"):
        check_version(connection, FIRST, "x")


def test_another_programs_database_is_refused(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE photos (a)")
    with pytest.raises(BadConfig, match="belongs to another program"):
        upgrade(connection, FIRST, "x")


def test_migrations_are_numbered_without_gaps(tmp_path: Path) -> None:
    for name in ("0002_caps.sql", "0003_more.sql"):
        (tmp_path / name).write_text(f"-- {name}")
    files = sorted(tmp_path.glob("*.sql"))
    assert read_migrations(files) == ("-- 0002_caps.sql", "-- 0003_more.sql")
    with pytest.raises(ValueError, match=r"a migration to version 2 is named 0002_WHAT\.sql"):
        read_migrations(files[1:])


def test_every_table_about_a_tenant_has_the_tenant(database: Database) -> None:
    ask = database.connection.execute
    tables = {row[0] for row in ask("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    with_tenant = {table for table in tables if "tenant" in {row[1] for row in ask(f"PRAGMA table_info({table})")}}
    assert tables - with_tenant == {"meta", "rate_card", "rate_card_content", "tenant"}
    assert all("STRICT" in row[0] for row in ask("SELECT sql FROM sqlite_schema WHERE type = 'table'"))


@pytest.fixture
def books(database: Database) -> sqlite3.Connection:
    """One settled call with an exposure, one released, one open; a cap and a margin."""
    batch = Batch(database.connection, 1)
    cap_deeds.set_cap(batch, Cap("cap_1", CapPlace(T, Span.DAILY), 9_000_000, TODAY, NOW), Counted(0, ()))
    verbs.deposit(batch, credit(T, 10_000_000))
    for number in (1, 2, 3):
        verbs.hold(batch, make_request(T, number))
    verbs.end(batch, settle(T, 1, unseen=True))
    verbs.end(batch, release(T, 2))
    batch.flush()
    database.connection.execute("INSERT INTO margin (pct, set_at) VALUES ('5', 1)")
    return database.connection


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE entry SET amount_nanos = 0", "append-only"),
        ("DELETE FROM entry", "append-only"),
        ("INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE seq = 1", "no gaps"),
        ("UPDATE entry SET seq = 9 WHERE seq = 2", "append-only"),
        ("UPDATE exposure SET nanos = 1", "append-only"),
        ("DELETE FROM exposure", "append-only"),
        ("UPDATE audit SET who = 'nobody'", "append-only"),
        ("DELETE FROM audit", "append-only"),
        ("INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 1", "no gaps"),
        ("INSERT INTO audit SELECT 9, at, who, via, address, action, tenant, target, before, after FROM audit", "gaps"),
        ("UPDATE margin SET pct = '1'", "never changed"),
        ("DELETE FROM margin", "never deleted"),
        ("UPDATE rate_card SET first_seen = 0", "never changed"),
        ("DELETE FROM rate_card", "never deleted"),
        ("UPDATE rate_card_content SET content = ''", "never changed"),
        ("DELETE FROM rate_card_content", "never deleted"),
        ("UPDATE hold SET state = 'held' WHERE state = 'settled'", "ends once"),
        ("UPDATE hold SET state = 'settled' WHERE state = 'released'", "ends once"),
        ("DELETE FROM hold", "never deleted"),
        ("UPDATE wallet SET held = -1", "CHECK"),
        ("UPDATE hold SET state = 'lost' WHERE state = 'held'", "CHECK"),
        ("DELETE FROM cap", "unset, never deleted"),
        ("UPDATE cap SET limit_nanos = -1", "CHECK"),
        ("UPDATE cap SET span = 'weekly'", "CHECK"),
        ("INSERT INTO cap SELECT 'x', tenant, span, app, key, integration, model, 5, since, set_at FROM cap", "UNIQUE"),
        ("UPDATE cap_window SET held = -1", "CHECK"),
        ("UPDATE cap_window SET spent = -1", "CHECK"),
        ("UPDATE hold SET cap_nanos = -1 WHERE state = 'held'", "CHECK"),
        ("DELETE FROM tenant", "FOREIGN KEY"),
        ("INSERT INTO wallet (tenant) VALUES ('tnt_nobody')", "FOREIGN KEY"),
        ("INSERT INTO margin (unit, pct, set_at) VALUES ('input_tokens', '5', 1)", "CHECK"),
        ("INSERT INTO wallet (tenant, balance) VALUES ('x', 'much')", "TEXT value in INTEGER column"),
    ],
)
def test_the_database_refuses(books: sqlite3.Connection, statement: str, problem: str) -> None:
    before = list(books.iterdump())
    with pytest.raises(sqlite3.IntegrityError, match=problem):
        books.execute(statement)
    assert list(books.iterdump()) == before


def test_a_call_has_one_entry(books: sqlite3.Connection) -> None:
    columns = "id, tenant, seq, kind, amount_nanos, waived_nanos, balance_after_nanos, created_at, period, reference"
    row = f"'led_x', '{T}', 3, 'call', 0, 0, 0, 0, '', '{make_id('call', 1)}', '', '', ''"
    with pytest.raises(sqlite3.IntegrityError, match=r"entry\.reference"):
        books.execute(f"INSERT INTO entry ({columns}, bill, previous, hash) VALUES ({row})")


def test_holds_of_before_there_were_caps_are_told_by_their_keys_labels(connection: sqlite3.Connection) -> None:
    second = Schema(FIRST_RELEASED, shipped_schema().migrations[:1])
    upgrade(connection, second, "x")
    ask = connection.execute
    ask("INSERT INTO tenant (id, name, test, state, created_at) VALUES ('t', 'acme', 0, 'active', 1)")
    ask("INSERT INTO key (id, tenant, app, hint, hash, scopes, integrations, models, created_at) "
        "VALUES ('k', 't', 'bot', '', 'h', '[]', '[]', '[]', 1)")  # fmt: skip
    for call, key, state in (("c1", "k", "settled"), ("c2", "k", "held"), ("c3", "gone", "settled")):
        ask(
            f"INSERT INTO hold VALUES ('{call}', 't', '{key}', 'i', 'e', 'm', 1, 1, 'v', 0, 0, 1, '', 1, '{state}', '')"
        )
    assert upgrade(connection, shipped_schema(), "x") == 2
    found = ask("SELECT call, app, cap_nanos, windows FROM hold ORDER BY 1").fetchall()
    assert found == [("c1", "bot", 0, "[]"), ("c2", "bot", 0, "[]"), ("c3", "", 0, "[]")]
    with pytest.raises(sqlite3.IntegrityError, match="ends once"):
        ask("UPDATE hold SET app = 'x' WHERE call = 'c1'")
