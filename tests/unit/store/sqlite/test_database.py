"""Opening: a new folder, a damaged file, a file in use, wallets that lie; each is refused in one line."""

import sqlite3
from pathlib import Path

import pytest
from doubles.books import CARD, NOW, TODAY, credit, make_request, make_tenant, settle
from msgspec import structs

from proxy.errors import BadConfig
from proxy.ledger.cap import Cap, CapPlace, Span
from proxy.pricing.card import Source
from proxy.store.sqlite import cap_deeds, deeds, verbs
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.cap_deeds import Counted
from proxy.store.sqlite.connect import connect_writer
from proxy.store.sqlite.database import Database, open_database
from proxy.store.sqlite.lock import FileLock

T = make_tenant().id


def refusal(path: Path) -> str:
    with pytest.raises(BadConfig) as error:
        open_database(path, CARD, NOW)
    assert "\n" not in str(error.value)
    FileLock(path).release()  # a failed opening keeps nothing
    return str(error.value)


def test_folder_and_file_are_made_for_their_owner_only(path: Path) -> None:
    database = open_database(path, CARD, NOW)
    assert database.epoch == 1
    database.connection.execute("SELECT 1")
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}
    database.close()
    assert sorted(each.name for each in path.parent.iterdir()) == ["faregate.db", "faregate.db.lock"]


def test_every_start_is_an_epoch_and_keeps_each_card_once(path: Path) -> None:
    other = structs.replace(CARD, version="card-2")
    for epoch, card in enumerate((CARD, other, CARD), start=1):
        database = open_database(path, card, NOW + epoch)
        assert database.epoch == epoch
        kept = database.connection.execute("SELECT version, first_seen FROM rate_card ORDER BY 1").fetchall()
        database.close()
    assert kept == [("card-1", NOW + 1), ("card-2", NOW + 2)]


def test_a_version_names_one_card(path: Path) -> None:
    open_database(path, CARD, NOW).close()
    with pytest.raises(BadConfig, match="another rate card has the version card-1"):
        open_database(path, structs.replace(CARD, integrations={}), NOW)


def test_margins_are_returned_as_they_were_set(path: Path, database: Database) -> None:
    deeds.set_margin(Batch(database.connection, 1), (None, "acme", None), "7.5", NOW)
    database.close()
    again = open_database(path, CARD, NOW)
    assert [(row.slot, row.pct, row.version) for row in again.margins] == [((None, "acme", None), "7.5", 1)]
    again.close()


def test_a_second_opener_is_refused(path: Path, database: Database) -> None:
    with pytest.raises(BadConfig, match="is in use by another faregate process"):
        open_database(path, CARD, NOW)
    assert database.connection.execute("SELECT epoch FROM meta").fetchone() == (1,)


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("plain text" * 200)
    assert "cannot be used (file is not a database)" in refusal(path)


def test_another_programs_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE photos (a)")
    other.close()
    assert "belongs to another program" in refusal(path)


def test_a_newer_schema_is_refused(path: Path) -> None:
    open_database(path, CARD, NOW).close()
    other = sqlite3.connect(path)
    other.execute("UPDATE meta SET schema_version = 99")
    other.commit()
    other.close()
    assert "has schema version 99" in refusal(path)


def test_a_damaged_file_is_refused(path: Path, database: Database) -> None:
    for number in range(2, 400):
        deeds.create_tenant(Batch(database.connection, 1), make_tenant(number))
    database.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size // 4))
    assert "is damaged" in refusal(path) or "malformed" in refusal(path)


def test_a_folder_in_the_files_place_and_a_file_in_the_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(BadConfig, match="is not a file"):
        open_database(tmp_path / "folder.db", CARD, NOW)
    (tmp_path / "plain").write_text("")
    with pytest.raises(BadConfig, match=r"cannot be created or written .*FAREGATE_DATABASE"):
        open_database(tmp_path / "plain" / "faregate.db", CARD, NOW)


@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE wallet SET balance = balance + 1",
        "UPDATE wallet SET held = held + 1",
        "UPDATE wallet SET seq = seq - 1",
        "UPDATE wallet SET seq = seq + 1",
        "UPDATE wallet SET head = 'x'",
    ],
)
def test_a_wallet_that_disagrees_with_its_books_is_refused(path: Path, database: Database, lie: str) -> None:
    batch = Batch(database.connection, 1)
    verbs.deposit(batch, credit(T, 10_000_000))
    verbs.hold(batch, make_request(T, 1))
    verbs.hold(batch, make_request(T, 2))
    verbs.end(batch, settle(T, 1))
    batch.flush()
    database.close()
    open_database(path, CARD, NOW).close()
    other = connect_writer(path)
    other.execute(lie)
    other.close()
    assert f"the wallet of {T} disagrees with its entries or holds" in refusal(path)


def test_new_rates_at_a_start_are_on_record_and_the_first_ones_are_not(path: Path) -> None:
    for version, now in (("card-1", NOW), ("card-1", NOW + 1), ("card-2", NOW + 2), ("card-2", NOW + 3)):
        opened = open_database(path, structs.replace(CARD, version=version), now)
        noted = opened.connection.execute("SELECT at, who, action, before, after FROM audit").fetchall()
        opened.close()
    assert noted == [(NOW + 2, "faregate", "rates.use", '{"rate_card":"card-1"}', '{"rate_card":"card-2"}')]


def test_a_card_whose_sources_were_checked_anew_is_the_same_card(path: Path) -> None:
    source = Source("acme", "acme.yaml", False, "a page", "2026-10-01")
    open_database(path, structs.replace(CARD, sources=(source,)), NOW).close()
    open_database(path, structs.replace(CARD, sources=(structs.replace(source, checked="2026-11-01"),)), NOW).close()


@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE cap_window SET held = held + 1",
        "UPDATE cap_window SET held = 0",
        "DELETE FROM cap_window",
        "UPDATE hold SET cap_nanos = 5 WHERE state = 'held'",
        "UPDATE hold SET windows = '[]' WHERE state = 'held'",
    ],
)
def test_a_cap_that_disagrees_with_the_open_holds_is_refused(path: Path, database: Database, lie: str) -> None:
    batch = Batch(database.connection, 1)
    cap_deeds.set_cap(batch, Cap("cap_1", CapPlace(T, Span.DAILY), 9_000_000, TODAY, NOW), Counted(0, ()))
    verbs.deposit(batch, credit(T, 10_000_000))
    for number in (1, 2):
        verbs.hold(batch, make_request(T, number))
    verbs.end(batch, settle(T, 1))
    batch.flush()
    database.close()
    open_database(path, CARD, NOW).close()
    other = connect_writer(path)
    assert other.execute(lie).rowcount > 0
    other.close()
    assert "the spend cap cap_1 disagrees with the open holds; run `faregate ledger verify" in refusal(path)
