"""The dearest price that can apply: among units, tiers, regions and sizes of context, margin included."""

from collections.abc import Iterable
from functools import cached_property

from msgspec import Struct

from proxy.money import Ratio
from proxy.pricing.card import Conditions, ModelRates
from proxy.pricing.formula import Prices, UnitPrice, unit_price

STANDARD = "standard"
"""The name in data for rates without a tier, or without a region."""

ANY = "*"
"""The name in data for every tier or region that a model has rates for."""


class Dearest(Struct, frozen=True):
    """A unit of a model, the conditions under which it costs the tenant most, and that price."""

    rates: ModelRates
    unit: str
    conditions: Conditions
    price: UnitPrice


class Market(Struct, frozen=True, dict=True):
    """The prices of one model that can apply to a call: every combination of their conditions."""

    prices: Prices
    rates: ModelRates
    conditions: tuple[Conditions, ...]

    def dearest(self, units: tuple[str, ...]) -> Dearest | None:
        """Return the dearest of these units, None if no rate covers any of them."""
        known = self._known
        if units not in known:
            known[units] = self._search(units)
        return known[units]

    @cached_property
    def _known(self) -> dict[tuple[str, ...], Dearest | None]:
        return {}

    def _search(self, units: tuple[str, ...]) -> Dearest | None:
        best: Dearest | None = None
        for unit in units:
            for conditions in self.conditions:
                price = unit_price(self.prices, self.rates, unit, conditions)
                if price is not None and (best is None or _above(price.charge, best.price.charge)):
                    best = Dearest(self.rates, unit, conditions, price)
        return best


def _above(one: Ratio, other: Ratio) -> bool:
    return one[0] * other[1] > other[0] * one[1]


class Scope(Struct, frozen=True):
    """The service tiers and the regions that can serve a call, by the names of the rates."""

    tiers: frozenset[str] = frozenset((STANDARD,))
    regions: frozenset[str] = frozenset((STANDARD,))


ANYWHERE = Scope(frozenset((ANY,)), frozenset((ANY,)))


def market(prices: Prices, rates: ModelRates, scope: Scope, context: int, date: str) -> Market:
    """Return the market of a call of at most `context` tokens of input, on a UTC date.

    A rate above a size of context can be cheaper than the one below it, so every size in reach is looked at. Calls of
    one tenant to one model mostly meet on the same market, so it is remembered beside the margins.
    """
    reached = tuple(size for size in rates.sizes if size < context)
    # A market refers to its card and rates, so as long as it is remembered no others can have their identities.
    whose = (id(prices.card), id(rates), prices.tenant, prices.integration)
    key = (*whose, scope.tiers, scope.regions, reached, date)
    return prices.margins.recall(key, lambda: _market(prices, rates, scope, reached, date))


def _market(prices: Prices, rates: ModelRates, scope: Scope, reached: tuple[int, ...], date: str) -> Market:
    """Work a market out. A size stands for all that no further rate begins above."""
    tiers = _names(scope.tiers, (rate.tier for rate in rates.rates))
    regions = _names(scope.regions, (rate.region for rate in rates.rates))
    sizes = (0, *(size + 1 for size in reached))
    return Market(
        prices,
        rates,
        tuple(
            Conditions(tier, size, date, region, minute)
            for tier in tiers
            for size in sizes
            for region in regions
            for minute in rates.minutes
        ),
    )


def _names(wanted: frozenset[str], there: Iterable[str | None]) -> list[str | None]:
    """Turn names of data into qualifiers of rates, None for rates without one, in a steady order."""
    names = {None, *there} if ANY in wanted else {None if name == STANDARD else name for name in wanted}
    return sorted(names, key=lambda name: name or "")
