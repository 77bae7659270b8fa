"""Pages of lists, and the times in them."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from msgspec import Meta

from proxy.clock import timestamp

Limit = Annotated[int, Meta(ge=1, le=1000)]
"""How many rows a page has at most."""

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC, with microseconds."""

T = TypeVar("T")


def cut(rows: Sequence[T], limit: int) -> tuple[list[T], bool]:
    """Return the page of a list that was asked for with one row more than `limit`, and whether there is more."""
    return list(rows[:limit]), len(rows) > limit


def moment(micros: int | None) -> Time | None:
    """Write a time that may not be set."""
    return None if micros is None else timestamp(micros)
