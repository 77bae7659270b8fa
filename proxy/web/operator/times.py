"""Times as people write them: a date, a time, `yesterday`, how long ago, how long from now."""

import re
from datetime import UTC, datetime, timedelta

from proxy.clock import MICROS_PER_SECOND
from proxy.errors import BadRequest

DAY = 86_400 * MICROS_PER_SECOND
CENTURY = 36_525 * DAY
_DURATION = re.compile(r"(\d{1,6})([mhdw])")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_LENGTH = len("2027-01-31")


def parse_duration(name: str, text: str) -> int:
    """Return the microseconds of `90m`, `24h`, `30d` or `8w`. Raises BadRequest for other texts, and for centuries."""
    duration = _duration(text)
    if duration is None:
        raise BadRequest(f"{name}: {text!r} is no duration; write 90m, 24h, 30d or 8w")
    if duration > CENTURY:
        raise BadRequest(f"{name}: {text!r} is more than a hundred years")
    return duration


def parse_expiry(name: str, text: str, now: int) -> int:
    """Return wall time in microseconds for `2027-01-31`, `2027-01-31T18:00:00Z`, `12h`, `30d` or `8w` from now.

    A date is its first moment in UTC. Raises BadRequest for other texts, and for a time that is past or
    more than a hundred years ahead.
    """
    duration = _duration(text)
    at = _instant(name, text, "30d") if duration is None else now + duration
    if at <= now:
        raise BadRequest(f"{name}: {text!r} is not in the future")
    if at > now + CENTURY:
        raise BadRequest(f"{name}: {text!r} is more than a hundred years ahead; leave it out for a key without end")
    return at


def parse_past(name: str, text: str, now: int) -> int:
    """Return wall time in microseconds for a date, a time, `today`, `yesterday`, or `36h` and `7d` ago.

    Dates are their first moment in UTC. Raises BadRequest for other texts.
    """
    if text in ("today", "yesterday"):
        return now - now % DAY - (DAY if text == "yesterday" else 0)
    duration = _duration(text)
    return _instant(name, text, "7d, no `today` and no `yesterday`") if duration is None else now - duration


def _duration(text: str) -> int | None:
    match = _DURATION.fullmatch(text)
    return int(match[1]) * _SECONDS[match[2]] * MICROS_PER_SECOND if match else None


def _instant(name: str, text: str, example: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{name}: {text!r} is no date, no time (RFC 3339), no duration such as {example}") from None
    if at.tzinfo is None:
        if len(text) > _DATE_LENGTH:
            raise BadRequest(f"{name}: {text!r} has no zone; end it with Z for UTC")
        at = at.replace(tzinfo=UTC)
    return (at - _EPOCH) // timedelta(microseconds=1)
