"""The lock: one holder at a time, and none after its death."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.errors import BadConfig
from proxy.store.sqlite.lock import FileLock, holder_of, lock_path


def test_a_second_holder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    database = tmp_path / "faregate.db"
    first = FileLock(database)
    with pytest.raises(BadConfig, match=f"is in use by another faregate process \\(pid {os.getpid()}\\)"):
        FileLock(database)
    first.release()
    first.release()
    FileLock(database).release()
    assert lock_path(database).exists()


def test_another_database_has_another_lock(tmp_path: Path) -> None:
    locks = [FileLock(tmp_path / "a.db"), FileLock(tmp_path / "b.db")]
    for lock in locks:
        lock.release()


def test_a_killed_holder_leaves_nothing_behind(tmp_path: Path) -> None:
    database = tmp_path / "faregate.db"
    script = (
        "import sys, time; from pathlib import Path; from proxy.store.sqlite.lock import FileLock; "
        "lock = FileLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(database)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    with pytest.raises(BadConfig, match=f"pid {child.pid}"):
        FileLock(database)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    FileLock(database).release()


def test_a_folder_that_is_none_raises_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        FileLock(tmp_path / "nowhere" / "faregate.db")


def test_who_has_a_database_can_be_asked(tmp_path: Path) -> None:
    database = tmp_path / "books.db"
    assert holder_of(database) == "", "nobody ever had it"
    lock = FileLock(database)
    assert holder_of(database) == f"pid {os.getpid()}"
    assert holder_of(database) == f"pid {os.getpid()}", "to ask does not take it away"
    lock.release()
    assert holder_of(database) == ""
    FileLock(database).release()
