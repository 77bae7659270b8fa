"""What a request can be billed for besides tokens, counted in the request: searches, credits, pages."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from proxy.bounds.fields import length, whole
from proxy.bounds.paths import first
from proxy.bounds.spec import Fee
from proxy.money import ceil_div


def counted(body: Any, size: int, fees: Iterable[Fee]) -> dict[str, int]:
    """Return the most of each unit. `size` is the bytes of the body.

    Raises Refused `malformed_request` for a number or a list that is none.
    """
    found: dict[str, int] = {}
    for fee in fees:
        found[fee.unit] = found.get(fee.unit, 0) + _count(body, size, fee)
    return found


def _count(body: Any, size: int, fee: Fee) -> int:
    count = fee.count + sum(length(body, path, text=True) for path in fee.each)
    if fee.number:
        stated = whole(body, fee.number, least=0)
        number = fee.absent if stated is None else stated
        count += number if fee.most is None else min(number, fee.most)
    if fee.bytes_per is not None:
        count += ceil_div(size, fee.bytes_per)
    for path, factors in fee.times.items():
        count *= _factor(first(body, path), factors)
    return ceil_div(count, fee.per)


def _factor(value: Any, factors: Mapping[str, int]) -> int:
    """Return what a value multiplies by. A boolean is called as in JSON; a list or an object has no name."""
    if value is None:
        return 1
    name = str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else ""
    return next((times for glob, times in factors.items() if fnmatchcase(name, glob)), 1)
