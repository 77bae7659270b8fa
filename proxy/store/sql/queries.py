"""Reads files of named queries into typed structs, so that a missing or unknown name fails at import.

A file is a sequence of `-- name: NAME`, comment lines that say what for, and one statement.
"""

import re
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

_FOLDER = Path(__file__).parent
_HEAD = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(file: str, into: type[T]) -> T:
    """Read `sqlite/ledger.sql` or the like. Raises msgspec.ValidationError if names and fields differ."""
    return msgspec.convert(split(read(file)), into)


def read(file: str) -> str:
    """Return the text of a file in this folder."""
    return (_FOLDER / file).read_text(encoding="utf-8")


def split(text: str) -> dict[str, str]:
    """Return statements by name, without their comments. Raises ValueError if a name is given twice."""
    pieces = _HEAD.split(text)[1:]
    found: dict[str, str] = {}
    for name, body in zip(pieces[::2], pieces[1::2], strict=True):
        if name in found:
            raise ValueError(f"the query {name!r} is given twice")
        lines = (line for line in body.splitlines() if not line.startswith("--"))
        found[name] = "\n".join(lines).strip()
    return found
