"""Quantities that a request tells by itself: characters to be spoken, seconds of a recording, pictures to be made.

They bound a call before it is sent; and where the provider bills by them without reporting any, they are what is
charged. A measure counts where the model has a rate of its own for its unit.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Literal

from msgspec import Struct

from proxy.bounds.fields import WHOLE_MAX, whole
from proxy.bounds.parts import by_model, matches
from proxy.bounds.paths import every
from proxy.money import Quantity, parse_decimal
from proxy.pricing.card import ModelRates
from proxy.wire.upload import Upload

SPARSE_BYTES_PER_SECOND = 500
"""What a recording that cannot be read has at least: no codec that people send speaks in less than 4 kbit/s."""

USUAL_BYTES_PER_SECOND = 16_000
"""What such a recording is charged by: 128 kbit/s, more than most have, so that it is no more than there was."""


_DIGITS = re.compile("[0-9]{1,9}")


class Measure(Struct, frozen=True, forbid_unknown_fields=True):
    """A unit, and what of the request tells its quantity.

    `of`: `characters` (code points of the strings at the paths), `seconds` (of the recordings there), `items` (values
    there, a list's elements one by one), `number` (the largest number there; `absent` where there is none) or `call`.
    Each counts `each` units (decimal text), at most `most`; `models` maps globs to another `each`. `times` are
    paths of numbers that multiply. `least` is what is billed anyway, `round_up` that only whole ones are. Seconds of
    what lies elsewhere (a URL, a file's id) or cannot be read are held as `unknown`. `where` must hold of the request,
    and nothing of `unless`.
    """

    unit: str
    of: Literal["characters", "seconds", "items", "number", "call"]
    at: tuple[str, ...] = ()
    each: str = "1"
    most: str = ""
    models: Mapping[str, str] = {}
    times: tuple[str, ...] = ()
    absent: int = 1
    least: int = 0
    round_up: bool = False
    unknown: int = 0
    where: Mapping[str, str | None] = {}
    unless: Mapping[str, str | None] = {}

    def __post_init__(self) -> None:
        """Refuse numbers that are none."""
        for text in (self.each, self.most or "0", *self.models.values()):
            if parse_decimal(text) < 0:
                raise ValueError(f"{text!r} is below nothing")


class Variant(Struct, frozen=True, forbid_unknown_fields=True):
    """A choice in the request that the price depends on: its value's name (`names`, else `given`, else the value
    itself in lower case), `absent` where there is none. The names of all choices, joined by `/`, are the rates' tier.
    """

    path: str
    names: Mapping[str, str] = {}
    given: str = ""
    absent: str = ""


class Addon(Struct, frozen=True, forbid_unknown_fields=True):
    """A unit that is billed beside another one, as much of it, if the request asks for what it stands for.

    Each of `where` is enough by itself: paths to globs of the value wanted (null: anything).
    """

    unit: str
    beside: str
    where: Mapping[str, str | None]


class Measured(Struct, frozen=True):
    """A quantity: what is charged, the most that it can be, and whether it is the provider's own way to count."""

    unit: str
    quantity: Quantity
    most: int
    sure: bool


def measured(body: Any, measures: tuple[Measure, ...], rates: ModelRates, model: str) -> list[Measured]:
    """Measure a request by all that counts for this model.

    Raises Refused `malformed_request` for a number that makes no sense.
    """
    return [
        _measured(body, measure, model)
        for measure in measures
        if measure.unit in rates.units
        and matches(body, measure.where)
        and not any(matches(body, {path: value}) for path, value in measure.unless.items())
    ]


def added(body: Any, addons: tuple[Addon, ...], quantities: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """Return what a request's extras are billed, beside these quantities."""
    return {
        addon.unit: quantities[addon.beside]
        for addon in addons
        if addon.beside in quantities and any(matches(body, {path: value}) for path, value in addon.where.items())
    }


def variant(body: Any, variants: tuple[Variant, ...], rates: ModelRates) -> str | None:
    """Return the tier of the rates that a request's choices make, None where the model has no such tier."""
    names = (_chosen(body, each) for each in variants)
    chosen = "/".join(name for name in names if name)
    return chosen if any(rate.tier == chosen for rate in rates.rates) else None


def _chosen(body: Any, choice: Variant) -> str:
    value = next((value for value in every(body, choice.path) if value not in ("", False, [])), None)
    if value is None:
        return choice.absent
    name = value.casefold() if isinstance(value, str) else str(value).lower()
    return choice.names.get(name) or choice.given or name


def _measured(body: Any, measure: Measure, model: str) -> Measured:
    each = Decimal(by_model(measure.models, model) or measure.each)
    most_each = max(Decimal(measure.most or "0"), each)
    amount, most, sure = _amount(body, measure)
    for path in measure.times:
        times = whole(body, path, least=0) or 1
        amount, most = amount * times, most * times
    quantity = max(amount * each, Decimal(measure.least))
    if measure.round_up or measure.of != "seconds":
        quantity = quantity.to_integral_value(ROUND_CEILING)
    if measure.of == "seconds" and most:
        most += 1 + most / 50  # a decoder may hear a little more than the header says
    bound = max(most * most_each, quantity).to_integral_value(ROUND_CEILING)
    return Measured(measure.unit, _plain(quantity), int(bound), sure)


def _plain(quantity: Decimal) -> Quantity:
    return int(quantity) if quantity == quantity.to_integral_value() else quantity.normalize()


def _amount(body: Any, measure: Measure) -> tuple[Decimal, Decimal, bool]:
    """Return (how many, at most how many, whether that is sure)."""
    if measure.of == "seconds":
        return _seconds(_values(body, measure), measure)
    if measure.of == "characters":
        count = sum(len(value) for value in _values(body, measure) if isinstance(value, str))
    elif measure.of == "items":
        count = sum(1 for _ in _values(body, measure))
    elif measure.of == "number":
        numbers = [number for path in measure.at if (number := _number(body, path)) is not None]
        count = max(numbers, default=measure.absent)
    else:
        count = 1
    return Decimal(count), Decimal(count), True


def _number(body: Any, path: str) -> int | None:
    """Return the largest whole number at a path; some write theirs as text. Raises Refused."""
    found = list(every(body, path))
    if found and all(isinstance(value, str) and _DIGITS.fullmatch(value) for value in found):
        return max(int(value) for value in found)
    return whole(body, path, least=0, most=WHOLE_MAX)


def _values(body: Any, measure: Measure) -> Iterator[Any]:
    for path in measure.at:
        for value in every(body, path):
            yield from value if isinstance(value, list) else (value,)


def _seconds(values: Iterator[Any], measure: Measure) -> tuple[Decimal, Decimal, bool]:
    amount = most = Decimal(0)
    for value in values:
        known = value.seconds if isinstance(value, Upload) else None
        if known is not None:
            amount, most = amount + known, most + known
        elif isinstance(value, Upload):
            amount += Decimal(len(value)) / USUAL_BYTES_PER_SECOND
            most += Decimal(len(value)) / SPARSE_BYTES_PER_SECOND
        else:
            most += measure.unknown
    return amount, most, False
