"""What a database takes, to the byte, and what its volume has left."""

import os
from pathlib import Path

import pytest

from proxy.store.sqlite.footprint import footprint


def test_each_file_is_measured_and_one_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    database = tmp_path / "books.db"
    database.write_bytes(b"x" * 100)
    (tmp_path / "books.db.journal").write_bytes(b"x" * 7)
    measured = footprint(database)
    assert (measured.database, measured.wal, measured.journal) == (100, 0, 7)
    (tmp_path / "books.db-wal").write_bytes(b"x" * 30)
    assert footprint(database).wal == 30


def test_what_is_free_is_free_for_a_process_without_privileges(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Path] = []

    def statvfs(path: Path) -> os.statvfs_result:
        asked.append(path)
        return os.statvfs_result((4096, 1024, 1_000, 900, 800, 0, 0, 0, 0, 255))

    monkeypatch.setattr(os, "statvfs", statvfs)
    assert footprint(tmp_path / "books.db").free == 800 * 1024, "available blocks of a fragment's size"
    assert asked == [tmp_path]


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        footprint(tmp_path / "nowhere" / "books.db")
