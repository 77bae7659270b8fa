"""Connections: the writer's settings, and readers that cannot write."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from proxy.store.sqlite import connect
from proxy.store.sqlite.connect import connect_reader, connect_writer, read_only_uri


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_the_writer_is_durable_and_checkpoints_by_hand(tmp_path: Path) -> None:
    writer = connect_writer(tmp_path / "x.db")
    full = 2
    assert pragma(writer, "journal_mode") == "wal"
    assert pragma(writer, "synchronous") == full
    assert pragma(writer, "foreign_keys") == 1
    assert pragma(writer, "wal_autocheckpoint") == 0
    assert pragma(writer, "recursive_triggers") == 1
    writer.close()


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("these are not the bytes of a database, not by any means" * 20)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        connect_writer(path)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        connect_reader(path)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    writer = connect_writer(tmp_path / "x.db")
    writer.execute("CREATE TABLE t (x)")
    reader = connect_reader(tmp_path / "x.db")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("INSERT INTO t VALUES (1)")
    reader.close()
    writer.close()


def test_a_reader_sees_what_only_the_wal_has(tmp_path: Path) -> None:
    """As after a kill: the file and its WAL, copied while the writer was alive."""
    writer = connect_writer(tmp_path / "x.db")
    writer.execute("CREATE TABLE t (x)")
    writer.execute("INSERT INTO t VALUES (7)")
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"x.db{suffix}", tmp_path / f"copy.db{suffix}")
    reader = connect_reader(tmp_path / "copy.db")
    assert reader.execute("SELECT x FROM t").fetchone() == (7,)
    reader.close()
    writer.close()


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        connect_reader(tmp_path / "x.db")
    assert not (tmp_path / "x.db").exists()


def test_names_are_quoted() -> None:
    assert read_only_uri(Path("/a b/c?d#e.db")) == "file:/a%20b/c%3Fd%23e.db?mode=ro"
    assert read_only_uri(Path("x.db"), immutable=True) == "file:x.db?mode=ro&immutable=1"


def test_a_folder_that_cannot_be_written_is_read_as_immutable_unless_a_wal_says_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There SQLite cannot make its `-shm`, and says that it cannot open the file."""
    path = tmp_path / "x.db"
    connect_writer(path).close()
    real = connect._reader

    def as_if_unwritable(uri: str) -> sqlite3.Connection:
        if "immutable" not in uri:
            raise sqlite3.OperationalError("unable to open database file")
        return real(uri)

    monkeypatch.setattr(connect, "_reader", as_if_unwritable)
    reader = connect_reader(path)
    assert reader.execute("SELECT 1").fetchone() == (1,)
    reader.close()
    (tmp_path / "x.db-wal").write_bytes(b"commits")
    with pytest.raises(sqlite3.OperationalError):
        connect_reader(path)
