"""Spans of time in queries: `since` and `until` as dates, times, or how long ago."""

from msgspec import Struct

from proxy.errors import BadRequest
from proxy.store.books import FOREVER, Span
from proxy.web.operator.times import parse_past


class Since(Struct, frozen=True, forbid_unknown_fields=True):
    """From `since` on, before `until`: `2026-11-21`, `2026-11-21T18:00:00Z`, `today`, `yesterday`, `36h` or `7d` ago.

    A date is its first moment in UTC.
    """

    since: str = ""
    until: str = ""


def read_span(asked: Since, now: int) -> Span:
    """Return a span; what is not given is open. Raises BadRequest for texts that are no time, and for an empty span."""
    since = parse_past("since", asked.since, now) if asked.since else 0
    until = parse_past("until", asked.until, now) if asked.until else FOREVER
    if since >= until:
        raise BadRequest(f"until: {asked.until} is not after since: {asked.since}, so nothing can lie between them")
    return Span(max(0, since), until)
