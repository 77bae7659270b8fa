"""The formula: quantities, rates and margins in; exact lines, one upstream cost and one charge out."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from proxy.money import NANOS_PER_USD, Quantity, Ratio, as_ratio, common, round_half_even, share_out, times
from proxy.pricing.card import Conditions, ModelRates, RateCard
from proxy.pricing.cascade import Margin, MarginTable


class Prices(Struct, frozen=True):
    """All that prices one call, frozen when its money is held: card, margins, whose call it is."""

    card: RateCard
    margins: MarginTable
    tenant: str
    integration: str

    def margin(self, unit: str) -> Margin:
        """Return the margin of a unit for this call."""
        return self.margins.resolve(self.tenant, self.integration, unit)


class Used(Struct, frozen=True):
    """What one model used, in disjoint units, and the conditions that pick its rates."""

    model: str
    rates: ModelRates
    quantities: Mapping[str, Quantity]
    conditions: Conditions


class Line(Struct, frozen=True):
    """One priced unit: `charge_nanos` of all lines sum to the call's charge."""

    model: str
    unit: str
    quantity: Quantity
    usd: str
    per: int
    margin_level: str
    margin_pct: str
    cost_nanos: int
    charge_nanos: int


class Priced(Struct, frozen=True):
    """What a call costs: upstream, and for the tenant. `unpriced` names (model, unit) that no rate covers."""

    lines: tuple[Line, ...]
    cost_nanos: int
    charge_nanos: int
    unpriced: tuple[tuple[str, str], ...] = ()


_Head = tuple[str, str, Quantity, str, int, str, str]
"""A line but for its amounts."""


REPORTED = "reported_cost"
"""The unit of a call whose cost is known as a whole, where no rate says what of it falls to which unit."""


def price(prices: Prices, used: Iterable[Used], reported: Ratio | None = None) -> Priced:
    """Price what was used: rounded half to even to the nano once for the call, lines by largest remainder.

    `reported` is what upstream asks for all of it, in nano-USD, where that is known better than by rates: it is shared
    out over the lines as their rates would, so that each keeps its margin.
    """
    heads: list[_Head] = []
    costs: list[Ratio] = []
    charges: list[Ratio] = []
    unpriced: list[tuple[str, str]] = []
    for part in used:
        for unit, quantity in part.quantities.items():
            if not quantity:
                continue
            rate = prices.card.rate(part.rates, unit, part.conditions)
            if rate is None:
                unpriced.append((part.model, unit))
                continue
            margin = prices.margin(unit)
            heads.append((part.model, unit, quantity, rate.usd, rate.per, margin.level, margin.text))
            cost = times(rate.ratio, as_ratio(quantity))
            costs.append(cost)
            charges.append(times(cost, margin.multiplier))
    if reported is not None:
        _share(reported, prices, heads, costs, charges)
    cost_nanos, line_costs = _rounded(costs)
    charge_nanos, line_charges = _rounded(charges)
    lines = [Line(*heads[at], line_costs[at], line_charges[at]) for at in range(len(heads))]
    return Priced(tuple(lines), cost_nanos, charge_nanos, tuple(unpriced))


def _share(reported: Ratio, prices: Prices, heads: list[_Head], costs: list[Ratio], charges: list[Ratio]) -> None:
    """Make the costs sum to a reported one, and the charges follow; what falls to no line gets a line of its own."""
    weights, over = common(costs)
    whole = sum(weights)
    if whole:
        factor = times(reported, (over, whole))
        costs[:] = [times(cost, factor) for cost in costs]
        charges[:] = [times(charge, factor) for charge in charges]
        return
    margin = prices.margin(REPORTED)
    usd = f"{Decimal(reported[0]) / Decimal(reported[1] * NANOS_PER_USD):f}"
    heads.append(("", REPORTED, 1, usd, 1, margin.level, margin.text))
    costs.append(reported)
    charges.append(times(reported, margin.multiplier))


def _rounded(amounts: Sequence[Ratio]) -> tuple[int, list[int]]:
    """Sum amounts and round once; return that, and what of it falls to each."""
    weights, over = common(amounts)
    total = round_half_even(sum(weights), over)
    return total, weights if over == 1 else share_out(total, weights)


class UnitPrice(Struct, frozen=True):
    """What one unit costs, as exact ratios of nano-USD: upstream, and the tenant, margin included."""

    cost: Ratio
    charge: Ratio


def unit_price(prices: Prices, model: ModelRates, unit: str, conditions: Conditions) -> UnitPrice | None:
    """Return a unit's price, None if no rate covers it."""
    rate = prices.card.rate(model, unit, conditions)
    if rate is None:
        return None
    return UnitPrice(rate.ratio, times(rate.ratio, prices.margin(unit).multiplier))
