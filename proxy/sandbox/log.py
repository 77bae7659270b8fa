"""What was asked of a sandbox and what it billed: the truth that a ledger is compared with."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

RECORDS_MAX = 10_000

End = Literal["open", "complete", "aborted", "cut", "stalled", "failed", "refused", "leaked"]
"""open: under way; complete: all bytes were handed over; aborted: the caller left; cut, stalled, failed: as a steering
header asked; refused: an error was answered; leaked: a tenant's key arrived."""


class Record(Struct, gc=False):
    """One request. `usage` is what it costs: all of it, or what was generated until it ended; empty for free routes.

    `headers` are lower-case, the key masked; `body_sha256` is of the bytes as they arrived; `at` is in microseconds.
    """

    number: int
    at: int
    method: str
    path: str
    query: str = ""
    route: str = ""
    model: str = ""
    stream: bool = False
    status: int = 0
    end: End = "open"
    object: str = ""
    usage: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    body_bytes: int = 0
    body_sha256: str = ""


class Log:
    """The last records, oldest first. `count` is of all requests, the forgotten ones included."""

    def __init__(self, records_max: int = RECORDS_MAX) -> None:
        self._records: deque[Record] = deque(maxlen=records_max)
        self.count = 0

    def open(self, at: int, method: str, path: str) -> Record:
        """Begin a record; whoever serves the request fills it in."""
        self.count += 1
        record = Record(self.count, at, method, path)
        self._records.append(record)
        return record

    def clear(self) -> None:
        """Forget the records; the count goes on."""
        self._records.clear()

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Record:
        return self._records[index]
