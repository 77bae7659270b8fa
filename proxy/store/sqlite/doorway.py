"""What the doors of an open store share: its writer, its readers, where it lies."""

from pathlib import Path

from msgspec import Struct

from proxy.errors import LedgerUnavailable
from proxy.store.sqlite.reader import Reader
from proxy.store.sqlite.writer import Writer


class Parts(Struct, frozen=True):
    """An open store. `calls` reads for calls and `desk` for the operator, so that a long list delays no call."""

    path: Path
    writer: Writer
    calls: Reader
    desk: Reader
    epoch: int


class Doorway:
    """The base of each door: knows whether the store is open."""

    def __init__(self) -> None:
        self._opened: Parts | None = None

    @property
    def _parts(self) -> Parts:
        if self._opened is None:
            raise LedgerUnavailable("the ledger is not open")
        return self._opened
