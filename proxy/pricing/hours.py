"""Hours of the week in which a rate holds, in UTC: `mon-fri 01:00-04:00`, `sat 00:00-24:00`, `16:30-00:30`.

A time is the minutes since Monday, 00:00 UTC. Without days it is every day; hours that end before they begin reach into
the next day.
"""

import re

from proxy.clock import MICROS_PER_SECOND

MINUTES_PER_DAY = 24 * 60
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIRST_WEEKDAY = 3
"""The epoch began on a Thursday."""
_MICROS_PER_MINUTE = 60 * MICROS_PER_SECOND
_HOURS = re.compile(r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? )?(?P<begin>\d\d:\d\d)-(?P<end>\d\d:\d\d)")

Span = tuple[int, int]
"""From a minute of the week, up to but without another; not beyond the end of the week."""


def minute_of_week(micros: int) -> int:
    """Return the minutes from Monday, 00:00 UTC, to a wall time."""
    return (micros // _MICROS_PER_MINUTE + _FIRST_WEEKDAY * MINUTES_PER_DAY) % MINUTES_PER_WEEK


def parse_hours(text: str) -> tuple[Span, ...]:
    """Read hours as spans of the week. Raises ValueError, saying what is wrong."""
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError("write days and times of UTC, such as 'mon-fri 01:00-04:00'")
    begin, end = _minutes(found["begin"]), _minutes(found["end"])
    if begin == end:
        raise ValueError("they end when they begin; leave out the hours if the rate always holds")
    if end < begin:
        end += MINUTES_PER_DAY
    spans: list[Span] = []
    for day in _days(found["first"], found["last"]):
        start, stop = day * MINUTES_PER_DAY + begin, day * MINUTES_PER_DAY + end
        spans.append((start, min(stop, MINUTES_PER_WEEK)))
        if stop > MINUTES_PER_WEEK:
            spans.append((0, stop - MINUTES_PER_WEEK))
    return tuple(spans)


def _days(first: str | None, last: str | None) -> list[int]:
    if first is None:
        return list(range(7))
    for name in (first, last or first):
        if name not in DAYS:
            raise ValueError(f"{name!r} is no day; use {', '.join(DAYS)}")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]


def _minutes(text: str) -> int:
    hours, minutes = int(text[:2]), int(text[3:])
    if minutes > 59 or hours * 60 + minutes > MINUTES_PER_DAY:
        raise ValueError(f"{text} is no time of a day; write 00:00 to 24:00")
    return hours * 60 + minutes
