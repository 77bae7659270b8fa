"""A condition on JSON, as data files write it."""

from typing import Any

from msgspec import Struct


class Match(Struct, frozen=True, forbid_unknown_fields=True):
    """A condition on a request's or an event's JSON: the value at `path` equals, is empty, or is there at all.

    With `other_than` it is there and is anything but that value, whatever its type; with `or_missing` it may lack.
    """

    path: str
    equals: Any = None
    other_than: Any = None
    empty: bool = False
    or_missing: bool = False
