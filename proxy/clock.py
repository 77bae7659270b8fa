"""Time as a door: wall time for records, monotonic time for patience. Pure code is handed values, never a clock.

Wall time is integer microseconds since the Unix epoch (UTC).
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Protocol

MICROS_PER_SECOND = 1_000_000
MICROS_PER_DAY = 86_400 * MICROS_PER_SECOND
_FIRST_DAY = date(1970, 1, 1)


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
    return _date_of(micros // MICROS_PER_DAY)


@lru_cache(maxsize=64)  # calls come on one day, or about midnight on two
def _date_of(day: int) -> str:
    return (_FIRST_DAY + timedelta(days=day)).isoformat()


def midnight(date_text: str) -> int:
    """Return the first moment of a UTC date such as `2026-11-21`, in microseconds since the epoch."""
    return (date.fromisoformat(date_text) - _FIRST_DAY).days * MICROS_PER_DAY


def timestamp(micros: int) -> str:
    """Return a wall time as RFC 3339 with microseconds, in UTC."""
    seconds, rest = divmod(micros, MICROS_PER_SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"
