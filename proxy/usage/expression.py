"""Quantities as signed sums of reported numbers, checked: `prompt_tokens - details.cached_tokens | cached_tokens`.

Terms are paths below the usage object, separated by ` + ` or ` - ` (with blanks). A term may name alternatives with
` | `: the first that is there counts. A path that leads to several numbers counts their sum; none is zero.
"""

import re
from decimal import Decimal
from typing import Any

from msgspec import Struct

from proxy.money import Quantity
from proxy.wire.paths import Member, Step, find_all, parse_path

COUNT_MAX = 10**12
"""No answer uses more of anything; a larger number is a mistake upstream."""

_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")
_SIGN = re.compile(r"\s+([+-])\s+")


class Absurd(ValueError):
    """A reported quantity that cannot be one: negative, not a number, too large, or less than its own parts."""


class Term(Struct, frozen=True):
    """One reported number, added or taken off. `ways` are the names on its paths, empty if one of them is not plain."""

    sign: int
    paths: tuple[tuple[Step, ...], ...]
    ways: tuple[tuple[str, ...], ...] = ()

    def value(self, usage: dict[str, Any], decimal: bool) -> Quantity | None:
        """Return what stands at the first of the paths that leads anywhere, None if none does. Raises Absurd."""
        for names in self.ways:
            value: Any = usage
            for name in names:
                value = value.get(name) if type(value) is dict else None
                if value is None:
                    break
            else:
                return value if type(value) is int and 0 <= value <= COUNT_MAX else quantity(value, decimal)
        if not self.ways:
            for path in self.paths:
                found = find_all(path, usage)
                if found:
                    return sum([quantity(each, decimal) for each in found])
        return None


def parse_terms(text: str) -> tuple[Term, ...]:
    """Read a signed sum. Raises ValueError, saying what is wrong."""
    first, *rest = _SIGN.split(text.strip())
    signed = [("+", first), *zip(rest[::2], rest[1::2], strict=True)]
    return tuple(_term(-1 if sign == "-" else 1, paths) for sign, paths in signed)


def _term(sign: int, text: str) -> Term:
    paths = tuple(parse_path(path.strip()) for path in text.split(" | "))
    ways = tuple(tuple(step.name for step in path if isinstance(step, Member)) for path in paths)
    plain = all(len(way) == len(path) > 0 for way, path in zip(ways, paths, strict=True))
    return Term(sign, paths, ways if plain else ())


def evaluate(terms: tuple[Term, ...], usage: dict[str, Any], decimal: bool) -> Quantity | None:
    """Return the sum; None if not one of its terms is there. Raises Absurd."""
    total: Quantity = 0
    seen = False
    for term in terms:
        value = term.value(usage, decimal)
        if value is not None:
            seen = True
            total += term.sign * value
    if total < 0:
        raise Absurd(f"parts are larger than their whole: {total}")
    return total if seen else None


def quantity(value: object, decimal: bool) -> Quantity:
    """Return a reported number as a quantity: whole, or also a decimal where `decimal` says so. Raises Absurd."""
    number: Quantity
    if type(value) is int:
        number = value
    elif type(value) is float and decimal and value == value and abs(value) <= COUNT_MAX:
        number = Decimal(repr(value))
    else:
        raise Absurd(f"{value!r} is not a quantity")
    if not 0 <= number <= COUNT_MAX:
        raise Absurd(f"{number} is not a believable quantity")
    return number


def number_of(text: str) -> int | float | None:
    """Return the number that a header states, as JSON would have it; None for anything else."""
    if not _NUMBER.fullmatch(text.strip()):
        return None
    return float(text) if "." in text else int(text)
