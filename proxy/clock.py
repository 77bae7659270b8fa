"""Time as a door: wall time for records, monotonic time for patience. Pure code is handed values, never a clock.

Wall time is integer microseconds since the Unix epoch (UTC).
"""

from datetime import UTC, datetime
from typing import Protocol

MICROS_PER_SECOND = 1_000_000


class Clock(Protocol):
    """Tells the time; the real one is made in `app.py`, a simulation's is virtual."""

    def now(self) -> int:
        """Return wall time in microseconds since the epoch: what is written into records."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps: what timeouts are measured with."""
        ...


def date_of(micros: int) -> str:
    """Return the UTC date of a wall time as `2026-11-21`."""
    return datetime.fromtimestamp(micros // MICROS_PER_SECOND, UTC).date().isoformat()


def timestamp(micros: int) -> str:
    """Return a wall time as RFC 3339 with microseconds, in UTC."""
    seconds, rest = divmod(micros, MICROS_PER_SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"
