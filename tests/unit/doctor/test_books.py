import os
import shutil
import sqlite3
from pathlib import Path
from typing import NamedTuple

import pytest
from doubles.books import CARD, StillClock

from proxy.doctor import books
from proxy.doctor.examine import in_thread
from proxy.store.sqlite.checkup import Checkup
from proxy.store.sqlite.lock import FileLock
from proxy.store.sqlite.store import SqliteStore


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(("free", "state"), [(10**12, "ok"), (5 * 10**8, "warning"), (10**7, "failed")])
def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free))
    found = books.folder(tmp_path / "not" / "yet" / "books.db")
    assert (found.state, bool(found.remedy)) == (state, state != "ok")


def test_a_folder_that_cannot_be() -> None:
    found = books.folder(Path("/dev/null/books.db"))
    assert (found.state, found.remedy) == ("failed", "correct the path")
    assert found.text == "database is 'sqlite:////dev/null/books.db': /dev/null is no folder"


async def test_books_that_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    found = await in_thread(lambda: books.file(path, ""))
    assert found.text.endswith("will be made when the server is first started")
    store = SqliteStore(path, StillClock())
    await store.open(CARD)
    assert (await in_thread(lambda: books.file(path, "pid 5"))).state == "skipped"
    assert "was not closed in good order" in (await in_thread(lambda: books.file(path, ""))).text
    await store.close()
    found = await in_thread(lambda: books.file(path, ""))
    assert found.state == "ok"
    assert f"`faregate ledger verify --database {path}`" in found.text


def test_books_that_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    path.write_text("this is no database, and was none ever" * 100)
    found = books.file(path, "")
    assert (found.state, found.remedy) == ("failed", "restore it from a backup")
    lock = FileLock(path)
    assert "a server that has just been started" in books.file(path, "").text, "what it writes now is not damage"
    lock.release()


def test_books_with_another_journal(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    found = books.file(path, "")
    assert found.state == "warning"
    assert "keeps its journal as 'rollback'" in found.text


def test_books_too_large_to_wait_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "check_up", lambda *_: Checkup("wal", "", finished=False))
    (tmp_path / "books.db").touch()
    found = books.file(tmp_path / "books.db", "")
    assert (found.state, found.remedy) == ("warning", f"run `faregate ledger verify --database {tmp_path}/books.db`")


@pytest.mark.parametrize(("mode", "state"), [(0o600, "ok"), (0o400, "ok"), (0o640, "failed"), (0o604, "failed")])
def test_who_may_read_the_token(tmp_path: Path, mode: int, state: str) -> None:
    path = tmp_path / "books.db.admin-token"
    path.touch()
    path.chmod(mode)
    found = books.token(path, told=False)
    assert (found.state, found.remedy) == (state, f"chmod 600 {path}" if state == "failed" else "")


def test_a_token_that_is_not_there(tmp_path: Path) -> None:
    assert books.token(tmp_path / "none", told=True).text == "it is set"
    assert "will be made" in books.token(tmp_path / "none", told=False).text
    (tmp_path / "file").touch()
    assert books.token(tmp_path / "file" / "none", told=False).state == "failed"


def test_a_token_of_somebody_else_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"
    path.touch(mode=0o600)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert books.token(path, told=False).state == "warning"
