"""Reads a database that no server has through, within a time limit.

It changes nothing and leaves nothing behind: a `-shm` file that belongs to whoever looked would keep the server out.
"""

import sqlite3
import time
from pathlib import Path

from msgspec import Struct

from proxy.store.sqlite.connect import read_only_uri

_STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock: about a millisecond."""


class Checkup(Struct, frozen=True):
    """What was found. `problem` is empty for a file that is whole as far as it was read; `finished`: to its end.

    `pending` tells that commits wait in the log for the next start: then the file alone says nothing, and is not read.
    """

    journal: str = ""
    problem: str = ""
    finished: bool = True
    pending: bool = False


def check_up(path: Path, seconds: float) -> Checkup:
    """Look at how a file keeps its journal, and whether its pages are in order."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return Checkup("wal", finished=False, pending=True)
    try:
        connection = sqlite3.connect(read_only_uri(path, immutable=True), uri=True, isolation_level=None)
    except sqlite3.Error as error:
        return Checkup(problem=f"it cannot be opened ({error})")
    try:
        deadline = time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        return _read_through(connection, _journal(path))
    except (OSError, sqlite3.Error) as error:
        return Checkup(problem=f"it cannot be read ({error})")
    finally:
        connection.close()


def _journal(path: Path) -> str:
    """Return how a file keeps its journal: its header says so (https://sqlite.org/fileformat.html, 1.3.3)."""
    with path.open("rb") as file:
        return "wal" if file.read(20)[18:] == b"\2\2" else "rollback"


def _read_through(connection: sqlite3.Connection, journal: str) -> Checkup:
    try:
        found = " ".join(connection.execute("PRAGMA quick_check(1)").fetchone()[0].split())
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return Checkup(journal, finished=False)
        raise
    except sqlite3.DatabaseError as error:
        return Checkup(journal, f"it is damaged ({error})")
    return Checkup(journal, "" if found == "ok" else f"it is damaged ({found})")
