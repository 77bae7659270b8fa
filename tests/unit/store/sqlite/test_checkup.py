import asyncio
import sqlite3
from pathlib import Path

import pytest
from doubles.books import CARD, StillClock

from proxy.store.sqlite.checkup import Checkup, check_up
from proxy.store.sqlite.store import SqliteStore


@pytest.fixture
async def books(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path / "books.db", StillClock())
    await store.open(CARD)
    await store.close()
    return tmp_path / "books.db"


def test_a_file_that_is_whole(books: Path) -> None:
    before = books.read_bytes()
    assert check_up(books, 5) == Checkup("wal", "", finished=True)
    assert books.read_bytes() == before
    assert {path.name for path in books.parent.iterdir()} == {"books.db", "books.db.lock"}, "nothing is left behind"


async def test_commits_that_wait_in_the_log(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "books.db", StillClock())
    await store.open(CARD)
    assert await asyncio.to_thread(check_up, tmp_path / "books.db", 5) == Checkup("wal", finished=False, pending=True)
    await store.close()


def test_a_page_that_was_lost(books: Path) -> None:
    with books.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 4096)
    assert check_up(books, 5).problem.startswith("it is damaged (")


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("nothing of the kind" * 300)
    assert check_up(tmp_path / "x", 5).problem == "it is damaged (file is not a database)"
    assert check_up(tmp_path / "none", 5).problem.startswith("it cannot be opened (")


def test_time_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "large.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x PRIMARY KEY)")
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
        "INSERT INTO t SELECT 'row ' || i FROM n"
    )
    connection.commit()
    connection.close()
    assert check_up(path, 0) == Checkup("rollback", "", finished=False)
    assert check_up(path, 30).finished
