"""The journal: settlements that the database could not commit in time, on disk before their last byte goes out.

One JSON line for each ending, fsynced. What was read back or appended is *pending* until it is known to be
settled; when nothing is pending the file is emptied. Replaying an ending twice is harmless: the ledger ends a call
once. Counterpart: `proxy/jobs`, which replays it at start.
"""

import asyncio
import logging
import os
from pathlib import Path
from threading import Lock

from msgspec import DecodeError, json

from proxy.ledger.call import Ending

_ENCODER = json.Encoder(decimal_format="number")
_DECODER = json.Decoder(Ending)
_log = logging.getLogger("faregate.journal")


class Journal:
    """An append-only file beside the database. Its methods run on threads, one at a time. They raise OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._pending: set[str] = set()

    def __len__(self) -> int:
        """How many endings are pending."""
        return len(self._pending)

    async def append(self, ending: Ending) -> None:
        """Write an ending and wait until it is on disk."""
        await asyncio.to_thread(self._append, ending)

    async def read(self) -> list[Ending]:
        """Return every ending in the file, each call's once; all of them are now pending.

        A line that a crash tore is left out: nobody was told that it had been written.
        """
        return await asyncio.to_thread(self._read)

    async def settled(self, call: str) -> None:
        """Say that a call's ending is in the database; the file is emptied after the last of them."""
        await asyncio.to_thread(self._settled, call)

    def _append(self, ending: Ending) -> None:
        line = _ENCODER.encode(ending) + b"\n"
        with self._lock:
            made = not self._path.exists()
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    line = b"\n" + line  # a torn line must not swallow this one
                _write_all(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if made:
                _sync_folder(self._path.parent)
            self._pending.add(ending.record.id)

    def _read(self) -> list[Ending]:
        with self._lock:
            try:
                text = self._path.read_bytes()
            except FileNotFoundError:
                return []
            found: dict[str, Ending] = {}
            for number, line in enumerate(text.split(b"\n"), start=1):
                if not line:
                    continue
                try:
                    ending = _DECODER.decode(line)
                except DecodeError:
                    _log.warning("%s: line %d is torn and left out", self._path, number)
                else:
                    found[ending.record.id] = ending
            self._pending.update(found)
            return list(found.values())

    def _settled(self, call: str) -> None:
        with self._lock:
            if call not in self._pending:
                return
            self._pending.discard(call)
            if not self._pending:
                # Not synced: an ending that comes back after a crash is replayed, and found to be settled.
                os.truncate(self._path, 0)


def journal_path(database: Path) -> Path:
    """Return the journal of a database."""
    return database.with_name(database.name + ".journal")


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
