"""Keeps a second process off the file: an advisory lock on `{database}.lock`, which the system drops with its holder.

The lock file itself stays: removing it would let two processes lock two files of one name.
"""

import fcntl
import os
from pathlib import Path

from proxy.errors import BadConfig


class FileLock:
    """An exclusive lock on a database, from construction to `release`. Raises BadConfig if another has it."""

    def __init__(self, database: Path) -> None:
        path = lock_path(database)
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            self._close()
            raise BadConfig(
                f"database: {database} is in use by another faregate process ({holder or 'starting'}); stop it, "
                "or set database (FAREGATE_DATABASE) to another file"
            ) from None
        except OSError:
            self._close()
            raise
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"pid {os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others have the database. Releasing twice is nothing."""
        self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def lock_path(database: Path) -> Path:
    """Return the lock file of a database."""
    return database.with_name(database.name + ".lock")


def holder_of(database: Path) -> str:
    """Return who has a database, such as `pid 123`; empty if nobody has.

    To ask takes the lock for an instant; a server that starts in this very instant finds it taken.
    """
    try:
        descriptor = os.open(lock_path(database), os.O_RDONLY)
    except OSError:
        return ""  # no lock file: no server was ever started on it, or this user may not know
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "starting"
    finally:
        os.close(descriptor)
    return ""
