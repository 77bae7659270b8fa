"""Brings a database to the schema of this version: creates it, or runs the migrations that it lacks."""

import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from proxy.errors import BadConfig
from proxy.store.sql.queries import read

_FOLDER = Path(__file__).parent.parent / "sql" / "sqlite" / "migrations"
_NAME = re.compile(r"(\d{4})_\w+\.sql")


class Schema(Struct, frozen=True):
    """The schema of a new database, and the scripts that bring version 1 to 2, 2 to 3 and so on."""

    fresh: str
    migrations: tuple[str, ...] = ()

    @property
    def version(self) -> int:
        """The version that `fresh` has and that the last migration reaches."""
        return 1 + len(self.migrations)


def shipped_schema() -> Schema:
    """Return the schema that comes with this version of Faregate."""
    return Schema(read("sqlite/schema.sql"), read_migrations(sorted(_FOLDER.glob("*.sql"))))


def read_migrations(files: Sequence[Path]) -> tuple[str, ...]:
    """Read migration files in order. Raises ValueError unless they are numbered 0002, 0003, ... without gaps."""
    for number, file in enumerate(files, start=2):
        match = _NAME.fullmatch(file.name)
        if match is None or int(match[1]) != number:
            raise ValueError(f"{file.name}: a migration to version {number} is named {number:04d}_WHAT.sql")
    return tuple(file.read_text(encoding="utf-8") for file in files)


def upgrade(connection: sqlite3.Connection, schema: Schema, name: str) -> int:
    """Create or upgrade the database, each step in a transaction of its own; return the version it had (0: none).

    Raises BadConfig, naming the file `name`, if it is newer than this program or not a Faregate database.
    """
    found = _version(connection, name)
    if found > schema.version:
        raise BadConfig(
            f"database: {name} has schema version {found}, and this faregate knows {schema.version}; "
            "run the version that wrote it, or a newer one"
        )
    if not found:
        _apply(connection, schema.fresh + "\nINSERT INTO meta VALUES (1, 0, 0);", schema.version)
        return found
    for version, script in enumerate(schema.migrations[found - 1 :], start=found + 1):
        _apply(connection, script, version)
    return found


def check_version(connection: sqlite3.Connection, schema: Schema, name: str) -> None:
    """Raise BadConfig unless the database has exactly this version: what only reads cannot upgrade."""
    found = _version(connection, name)
    if found != schema.version:
        raise BadConfig(
            f"database: {name} has schema version {found or 'none'}, and this faregate reads {schema.version}; "
            "open it with `faregate serve` or `faregate migrate` first, or use the version that wrote it"
        )


def _version(connection: sqlite3.Connection, name: str) -> int:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not tables:
        return 0
    if not {"meta", "wallet", "entry"} <= tables:
        raise BadConfig(f"database: {name} belongs to another program; set database to a file of its own")
    version: int = connection.execute("SELECT schema_version FROM meta").fetchone()[0]
    return version


def _apply(connection: sqlite3.Connection, script: str, version: int) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nUPDATE meta SET schema_version = {version:d};\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
