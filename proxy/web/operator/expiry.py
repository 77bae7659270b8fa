"""When a key ends: reads a date, a time or a duration."""

import re
from datetime import UTC, datetime, timedelta

from proxy.clock import MICROS_PER_SECOND
from proxy.errors import BadRequest

_DURATION = re.compile(r"(\d{1,6})([hdw])")
_SECONDS = {"h": 3_600, "d": 86_400, "w": 604_800}
_CENTURY = 36_525 * 86_400 * MICROS_PER_SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_expiry(text: str, now: int) -> int:
    """Return wall time in microseconds for `2027-01-31`, `2027-01-31T18:00:00Z`, `12h`, `30d` or `8w`.

    A date is its first moment in UTC. Raises BadRequest for other texts, and for a time that is past or
    more than a hundred years ahead.
    """
    match = _DURATION.fullmatch(text)
    at = now + int(match[1]) * _SECONDS[match[2]] * MICROS_PER_SECOND if match else _instant(text)
    if at <= now:
        raise BadRequest(f"expires: {text!r} is not in the future")
    if at > now + _CENTURY:
        raise BadRequest(f"expires: {text!r} is more than a hundred years ahead; leave it out for a key without end")
    return at


def _instant(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"expires: {text!r} is no date, no time (RFC 3339) and no duration such as 30d") from None
    if at.tzinfo is None:
        if len(text) > len("2027-01-31"):
            raise BadRequest(f"expires: {text!r} has no zone; end it with Z for UTC")
        at = at.replace(tzinfo=UTC)
    return (at - _EPOCH) // timedelta(microseconds=1)
