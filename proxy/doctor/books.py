"""The books: their folder, the disk under it, the file itself while no server has it, and the token beside it."""

import os
import shutil
import stat
from pathlib import Path

from proxy.doctor.finding import Finding, failed, ok, skipped, warning
from proxy.errors import BadConfig
from proxy.loading.places import check_database
from proxy.store.sqlite.checkup import Checkup, check_up
from proxy.store.sqlite.lock import holder_of

DISK_BYTES_MIN, DISK_BYTES_LITTLE = 100 * 1024**2, 1024**3
CHECK_S = 10.0
"""Seconds spent on reading a database through; a large one takes longer than anybody waits here."""

WRITABLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def folder(database: Path) -> Finding:
    """Look at whether the books can be written where they are said to be, and how much room there is."""
    name = "database folder"
    try:
        check_database(database)
    except BadConfig as bad:
        text, _, remedy = str(bad).partition("; ")
        return failed(name, text, remedy)
    place = database.parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{database.parent} can be written; {free / 1024**3:.1f} GiB are free"
    if free < DISK_BYTES_MIN:
        return failed(name, text, "make room: without it no call can be recorded, so none is taken")
    if free < DISK_BYTES_LITTLE:
        return warning(name, text, "make room, or move the books: set database to a file on a larger disk")
    return ok(name, text)


def file(database: Path, holder: str) -> Finding:
    """Read the books through, unless a server has them."""
    name = "database"
    if holder:
        return skipped(name, f"{database} is in use by a running server ({holder}), which is asked instead")
    if not database.exists():
        return ok(name, f"{database} will be made when the server is first started")
    found = check_up(database, CHECK_S)
    if found.problem and (newcomer := holder_of(database)):
        return skipped(name, f"{database} is in use by a server that has just been started ({newcomer})")
    return _judge(name, database, found)


def _judge(name: str, database: Path, found: Checkup) -> Finding:
    verify = f"`faregate ledger verify --database {database}`"
    if found.problem:
        return failed(name, f"{database}: {found.problem}", "restore it from a backup")
    if found.pending:
        return ok(name, f"{database} was not closed in good order; the next start recovers what waits in its log")
    if found.journal != "wal":
        text = f"{database} keeps its journal as {found.journal!r}, not as a write-ahead log"
        return warning(name, text, "put it on a local file system; the server switches it over when it starts")
    if not found.finished:
        return warning(name, f"{database} is too large to be read through in {CHECK_S:g} s", f"run {verify}")
    return ok(name, f"{database} is whole; {verify} checks the ledger in it")


def token(path: Path, *, told: bool) -> Finding:
    """Look at who may read the operator's token: whoever can may do everything."""
    name = "admin token"
    try:
        found = path.stat()
    except FileNotFoundError:
        where = "it is set" if told else f"it will be made in {path} when the server is first started"
        return ok(name, where)
    except OSError as error:
        return failed(name, f"{path} cannot be looked at ({error.strerror})", f"let this user read {path.parent}")
    mode = stat.S_IMODE(found.st_mode)
    if mode & WRITABLE_BY_OTHERS:
        return failed(name, f"{path} can be read or written by others (mode {mode:o})", f"chmod 600 {path}")
    if found.st_uid != os.geteuid() and os.geteuid() != 0:
        return warning(name, f"{path} belongs to another user", "run the command line as the user who runs the server")
    return ok(name, f"{path} is its owner's alone")
