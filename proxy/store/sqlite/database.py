"""Opens the database for a new start: folder, lock, schema, a quick check, the epoch, the rate card in force."""

import os
import sqlite3
from pathlib import Path

from msgspec import Struct, json

from proxy.errors import BadConfig
from proxy.pricing.card import RateCard
from proxy.store.doors import MarginRow
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.connect import connect_writer
from proxy.store.sqlite.lock import FileLock
from proxy.store.sqlite.rows import to_margin
from proxy.store.sqlite.schema import shipped_schema, upgrade
from proxy.store.sqlite.statements import REGISTRY, START
from proxy.store.sqlite.trail import Change, note
from proxy.tenants.actor import HOUSE

QUICK_CHECK_BYTES_MAX = 64 * 1024 * 1024
"""Files up to this size are checked page by page at every start; larger ones would delay it by seconds."""


class Database(Struct, frozen=True):
    """An open database: what its writer owns, and what was in force when it was opened."""

    connection: sqlite3.Connection
    lock: FileLock
    epoch: int
    margins: tuple[MarginRow, ...]

    def close(self) -> None:
        """Close the file, then let others have it."""
        try:
            self.connection.close()
        finally:
            self.lock.release()


def open_database(path: Path, card: RateCard, now: int) -> Database:
    """Open, or create, the database for writing. `now` is wall time in microseconds.

    Raises BadConfig, in one line with its remedy, for whatever makes the file unusable.
    """
    _make_file(path)
    lock = FileLock(path)
    try:
        connection = _connect(path)
    except BaseException:
        lock.release()
        raise
    try:
        return _begin(connection, lock, path, card, now)
    except sqlite3.Error as error:
        connection.close()
        lock.release()
        raise _unusable(path, error) from error
    except BaseException:
        connection.close()
        lock.release()
        raise


def _make_file(path: Path) -> None:
    """Create folder and file, readable by their owner only: the file holds who pays and who called."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        elif not path.is_file():
            raise BadConfig(f"database: {path} is not a file; set database (FAREGATE_DATABASE) to a file")
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise BadConfig(
            f"database: {path} cannot be created or written ({error.strerror}); "
            "set database (FAREGATE_DATABASE) to a file in a folder that can be written"
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return connect_writer(path)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: sqlite3.Error) -> BadConfig:
    return BadConfig(
        f"database: {path} cannot be used ({error}); restore it from a backup, "
        "or set database (FAREGATE_DATABASE) to another file"
    )


def _begin(connection: sqlite3.Connection, lock: FileLock, path: Path, card: RateCard, now: int) -> Database:
    upgrade(connection, shipped_schema(), str(path))
    _check(connection, path)
    connection.execute("BEGIN IMMEDIATE")
    try:
        epoch: int = connection.execute(START.next_epoch).fetchall()[0][0]
        _note_rates(Batch(connection, epoch), card, now)
        keep_card(connection, card, now)
        margins = tuple(to_margin(row) for row in connection.execute(REGISTRY.margins))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return Database(connection, lock, epoch, margins)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is damaged, or whose wallets or caps disagree with their entries or holds."""
    if path.stat().st_size <= QUICK_CHECK_BYTES_MAX:
        found = " ".join(connection.execute("PRAGMA quick_check(1)").fetchone()[0].split())
        if found != "ok":
            raise BadConfig(f"database: {path} is damaged ({found}); restore it from a backup")
    astray = [row[0] for row in connection.execute(START.wallets_astray)]
    if astray:
        raise BadConfig(
            f"database: {path}: the wallet of {', '.join(astray)} disagrees with its entries or holds; "
            f"run `faregate ledger verify --database {path}` and restore a backup"
        )
    astray = [row[0] for row in connection.execute(START.caps_astray)]
    if astray:
        raise BadConfig(
            f"database: {path}: the spend cap {', '.join(astray)} disagrees with the open holds; "
            f"run `faregate ledger verify --database {path}` and restore a backup"
        )


def _note_rates(batch: Batch, card: RateCard, now: int) -> None:
    """Note in the audit log that this start brings new rates. The first rates of all are no change."""
    before = batch.connection.execute(START.last_rate_card).fetchone()
    known = batch.connection.execute(START.find_rate_card, (card.version,)).fetchone()
    if before is not None and known is None:
        facts = ({"rate_card": version} for version in (before[0], card.version))
        note(batch, HOUSE, now, Change("rates.use", None, "server", *facts))


def keep_card(connection: sqlite3.Connection, card: RateCard, now: int) -> None:
    """Store the card under its version, unless it is there. Raises BadConfig if another has that version."""
    connection.execute(START.insert_rate_card, (card.version, now))
    connection.execute(START.insert_rate_card_content, (card.version, json.encode(card).decode()))
    stored = connection.execute(START.find_rate_card, (card.version,)).fetchone()[0]
    if not json.decode(stored, type=RateCard).prices_as(card):
        raise BadConfig(f"rates: another rate card has the version {card.version}; install Faregate again")
