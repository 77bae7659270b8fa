"""The audit log is written with the deed or not at all, and never holds a secret."""

import sqlite3

import pytest
from doubles.books import NOW, make_key, make_tenant
from msgspec import structs

from proxy.store.sqlite import deeds, trail
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.committer import Committer
from proxy.store.sqlite.database import Database
from proxy.tenants.actor import Actor
from proxy.tenants.key import Key

ANN = Actor("ann", "cli", "10.0.0.1")
KEY = structs.replace(make_key(make_tenant()), hint="last", expires_at=NOW)


def rows(database: Database) -> list[tuple[object, ...]]:
    return database.connection.execute("SELECT * FROM audit ORDER BY seq").fetchall()


def test_a_note_is_one_row_after_the_last(database: Database) -> None:
    change = trail.Change("key.revoke", KEY.tenant, KEY.id, {"revoked_at": None}, None)
    trail.note(Batch(database.connection, 1), ANN, NOW, change)
    assert [row[0] for row in rows(database)] == [1, 2]
    assert rows(database)[1][1:] == (
        *(NOW, "ann", "cli", "10.0.0.1", "key.revoke", KEY.tenant, KEY.id, '{"revoked_at":null}', ""),
    )


def test_the_facts_of_a_key_are_all_it_may_do_and_nothing_of_its_secret() -> None:
    facts = trail.key_facts(KEY)
    left_out = {"tenant", "hint", "created_at", "revoked_at", "last_used_at", "replaced_by"}
    assert set(facts) == set(Key.__struct_fields__) - left_out
    assert "last" not in str(facts)
    assert (trail.when(None), trail.when(0)) == (None, "1970-01-01T00:00:00.000000Z")


def test_a_deed_that_cannot_be_noted_is_not_done(database: Database, committer: Committer) -> None:
    """The log is full of trouble: a trigger refuses every row. So nothing may change."""
    refuse = "CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END"
    database.connection.execute(refuse)
    before = [line for line in database.connection.iterdump() if line.startswith("INSERT")]
    (failed,) = committer.commit([lambda batch: deeds.create_key(batch, KEY, "hash", ANN)])
    assert isinstance(getattr(failed, "error", None), sqlite3.IntegrityError)
    assert [line for line in database.connection.iterdump() if line.startswith("INSERT")] == before
    with pytest.raises(sqlite3.IntegrityError):
        deeds.create_tenant(Batch(database.connection, 1), make_tenant(2), ANN)
