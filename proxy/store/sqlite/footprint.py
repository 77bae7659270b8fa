"""What a database takes of its volume, and what is left there. Reads the file system, so it belongs on a thread."""

import os
from pathlib import Path

from msgspec import Struct

from proxy.store.journal import journal_path


class Footprint(Struct, frozen=True):
    """Bytes: `free` for a process without privileges, and of each file; one that is not there has none."""

    free: int
    database: int
    wal: int
    journal: int


def footprint(database: Path) -> Footprint:
    """Measure a database and its volume. Raises OSError if the folder cannot be looked at."""
    volume = os.statvfs(database.parent)
    return Footprint(
        free=volume.f_bavail * volume.f_frsize,
        database=_size(database),
        wal=_size(database.with_name(f"{database.name}-wal")),
        journal=_size(journal_path(database)),
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
