"""What several price lists say of one model, side by side; and when two prices are the same."""

from collections.abc import Sequence
from fractions import Fraction

from proxy.money import parse_decimal
from proxy.price_lists.listing import PriceList
from proxy.pricing.card import ModelRates, Rate

Key = tuple[str, str, int]
"""What a price is for: unit, tier (empty: standard), context above which it holds (0: any)."""


def key_of(rate: Rate) -> Key:
    """Return what a rate is for."""
    return rate.unit, rate.tier or "", rate.context_above or 0


def value_of(rate: Rate) -> Fraction | None:
    """Return the price of one unit in USD; None for what cannot be one: negative, or no finite number."""
    try:
        value = parse_decimal(rate.usd)
    except ValueError:
        return None
    return None if value < 0 else Fraction(value) / rate.per


def agree(one: Fraction, other: Fraction, percent: Fraction) -> bool:
    """Tell whether two prices differ by no more than a percentage of the larger."""
    return abs(one - other) * 100 <= percent * max(one, other)


def side_by_side(found: Sequence[ModelRates | None]) -> dict[Key, tuple[Rate | None, ...]]:
    """Return what each list asks under each key that any of them knows; None where it says nothing."""
    tables = [{key_of(rate): rate for rate in model.rates} if model else {} for model in found]
    keys = dict.fromkeys(key for table in tables for key in table)
    return {key: tuple(table.get(key) for table in tables) for key in keys}


def all_names(lists: Sequence[PriceList], integration: str) -> list[str]:
    """Return every model that any of the lists names, sorted."""
    return sorted({name for each in lists for name in each.names(integration)})
