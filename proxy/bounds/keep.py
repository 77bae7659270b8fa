"""How long a request asks its provider to keep what it holds: that is billed at once, for all of the time."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from proxy.bounds.paths import first
from proxy.errors import Refusal, refuse

SECONDS_MAX = 10 * 366 * 86_400
"""Nobody keeps anything for longer."""

_TTL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?s")


class Keep(Struct, frozen=True, forbid_unknown_fields=True):
    """A unit of tokens times hours. `ttl` is the path of a duration (`300s`), `until` that of a time (RFC 3339).

    Where the request states neither it is kept for `default_s` seconds.
    """

    unit: str
    ttl: str
    until: str
    default_s: int


def kept_s(body: Any, keep: Keep, date: str) -> int:
    """Return the most seconds that a request asks for, `date` being the UTC date on which it begins.

    Raises Refused `malformed_request` for a time that is none.
    """
    ttl, until = first(body, keep.ttl), first(body, keep.until)
    if until is not None:
        return _until(until, keep.until, date)
    if ttl is None:
        return keep.default_s
    if not isinstance(ttl, str) or not _TTL.fullmatch(ttl) or Decimal(ttl[:-1]) > SECONDS_MAX:
        refuse(Refusal.MALFORMED_REQUEST, f"{keep.ttl} must be a number of seconds such as '300s'.")
    return int(Decimal(ttl[:-1])) + 1


def _until(until: Any, path: str, date: str) -> int:
    try:
        ends = datetime.fromisoformat(until)
        begins = datetime.fromisoformat(date).replace(tzinfo=UTC)
        seconds = int((ends - begins).total_seconds()) + 1
    except (TypeError, ValueError):
        refuse(Refusal.MALFORMED_REQUEST, f"{path} must be a time such as '2026-12-31T00:00:00Z'.")
    if seconds > SECONDS_MAX:
        refuse(Refusal.MALFORMED_REQUEST, f"{path} is too far away.")
    return max(seconds, 1)
