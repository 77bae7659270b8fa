"""Opens SQLite connections: the one that writes, and those that only read."""

import sqlite3
from pathlib import Path
from urllib.parse import quote

from proxy.errors import BadConfig

BUSY_MS = 1_000
"""How long a foreign lock is waited for. There should be none: only a hand at the file takes one."""


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the only connection that writes: WAL, fsync at every commit, checkpoints left to the caller.

    Raises sqlite3.Error for what is no database, BadConfig where WAL cannot be had.
    """
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=64)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise BadConfig(f"database: {path} cannot use write-ahead logging; put it on a local file system")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
    except BaseException:
        connection.close()
        raise
    return connection


def read_only_uri(path: Path, *, immutable: bool = False) -> str:
    """Return the URI that opens a file for reading. `immutable` is for media where not even `-shm` can be made."""
    return f"file:{quote(str(path))}?mode=ro{'&immutable=1' if immutable else ''}"


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a read-only connection, also where the folder cannot be written. Raises sqlite3.Error."""
    try:
        return _reader(read_only_uri(path))
    except sqlite3.OperationalError:
        # A WAL that is not empty holds commits that `immutable` would overlook.
        wal = path.with_name(path.name + "-wal")
        if not path.exists() or (wal.exists() and wal.stat().st_size):
            raise
        return _reader(read_only_uri(path, immutable=True))


def _reader(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
