"""The dearest price that can apply: among units, tiers, regions and sizes of context, margin included."""

from collections.abc import Iterable

from msgspec import Struct

from proxy.pricing.card import Conditions, ModelRates
from proxy.pricing.formula import Prices, unit_price

STANDARD = "standard"
"""The name in data for rates without a tier, or without a region."""

ANY = "*"
"""The name in data for every tier or region that a model has rates for."""


class Dearest(Struct, frozen=True):
    """A unit, the conditions under which it costs most, and that price: an exact ratio of nano-USD."""

    unit: str
    conditions: Conditions
    price: tuple[int, int]


class Market(Struct, frozen=True):
    """The prices of one model that can apply to a call: every combination of their conditions."""

    prices: Prices
    rates: ModelRates
    conditions: tuple[Conditions, ...]

    def dearest(self, units: Iterable[str]) -> Dearest | None:
        """Return the dearest of these units, None if no rate covers any of them."""
        best: Dearest | None = None
        for unit in units:
            for conditions in self.conditions:
                price = unit_price(self.prices, self.rates, unit, conditions)
                if price is not None and (best is None or price[0] * best.price[1] > best.price[0] * price[1]):
                    best = Dearest(unit, conditions, price)
        return best


class Scope(Struct, frozen=True):
    """The service tiers and the regions that can serve a call, by the names of the rates."""

    tiers: frozenset[str] = frozenset((STANDARD,))
    regions: frozenset[str] = frozenset((STANDARD,))


ANYWHERE = Scope(frozenset((ANY,)), frozenset((ANY,)))


def market(prices: Prices, rates: ModelRates, scope: Scope, context: int, date: str) -> Market:
    """Return the market of a call of at most `context` tokens of input, on a UTC date.

    A rate above a size of context can be cheaper than the one below it, so every size in reach is looked at.
    """
    tiers = _names(scope.tiers, (rate.tier for rate in rates.rates))
    regions = _names(scope.regions, (rate.region for rate in rates.rates))
    sizes = {context}
    sizes.update(
        rate.context_above for rate in rates.rates if rate.context_above is not None and rate.context_above < context
    )
    return Market(
        prices,
        rates,
        tuple(Conditions(tier, size, date, region) for tier in tiers for size in sorted(sizes) for region in regions),
    )


def _names(wanted: frozenset[str], there: Iterable[str | None]) -> list[str | None]:
    """Turn names of data into qualifiers of rates, None for rates without one, in a steady order."""
    names = {None, *there} if ANY in wanted else {None if name == STANDARD else name for name in wanted}
    return sorted(names, key=lambda name: name or "")
