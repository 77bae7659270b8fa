"""What any price list answers, whatever it is made of: an integration's models, and one model's prices today."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import Protocol

from proxy.pricing.card import ModelRates

_DIGITS = Context(prec=12)
"""A list that computes with floats says 0.30000000000000004; no price has more digits than these."""


class PriceList(Protocol):
    """One list, as it stands on one day.

    `title` names it with its version: `genai-prices 0.2.3`; `day` is when its file came to this machine, since nothing
    newer can be in it. `alike` says under which unit it has the price of
    another that it does not tell apart. Prices may be negative, or no number at all: they are as the list has them.
    """

    title: str
    day: date
    alike: Mapping[str, str]

    def names(self, integration: str) -> Iterable[str]:
        """Yield the exact names of an integration's models that it tells of, as callers write them."""
        ...

    def find(self, integration: str, model: str) -> ModelRates | None:
        """Return what it tells of a model."""
        ...


def written(price: Decimal, per: int, of: int) -> str:
    """Write a price for `of` units as one for `per`, without a float's noise, an exponent or idle zeros."""
    if not price.is_finite():
        return str(price)
    text = f"{_DIGITS.plus(price * per / of):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def day_of(file: Path) -> date:
    """Return the UTC date on which a file was written here. Raises OSError."""
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).date()
