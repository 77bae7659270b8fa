"""The formula: quantities, rates and margins in; exact lines, one upstream cost and one charge out."""

from collections.abc import Iterable, Mapping, Sequence
from math import lcm

from msgspec import Struct

from proxy.money import Quantity, Ratio, as_ratio, round_half_even, share_out
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


class _Exact(Struct, frozen=True):
    """One line before rounding: its cost and its charge as ratios of integers."""

    cost: tuple[int, int]
    charge: tuple[int, int]


def price(prices: Prices, used: Iterable[Used]) -> Priced:
    """Price what was used: rounded half to even to the nano once for the call, lines by largest remainder."""
    found, unpriced = _lines(prices, used)
    costs, cost_over = _common([exact.cost for _, exact in found])
    charges, charge_over = _common([exact.charge for _, exact in found])
    cost = round_half_even(sum(costs), cost_over)
    charge = round_half_even(sum(charges), charge_over)
    lines = tuple(
        Line(*head, cost_nanos=line_cost, charge_nanos=line_charge)
        for (head, _), line_cost, line_charge in zip(
            found, share_out(cost, costs), share_out(charge, charges), strict=True
        )
    )
    return Priced(lines, cost, charge, unpriced)


class UnitPrice(Struct, frozen=True):
    """What one unit costs, as exact ratios of nano-USD: upstream, and the tenant, margin included."""

    cost: Ratio
    charge: Ratio


def unit_price(prices: Prices, model: ModelRates, unit: str, conditions: Conditions) -> UnitPrice | None:
    """Return a unit's price, None if no rate covers it."""
    rate = prices.card.rate(model, unit, conditions)
    if rate is None:
        return None
    numerator, denominator = rate.ratio
    times, over = prices.margin(unit).multiplier
    return UnitPrice(rate.ratio, (numerator * times, denominator * over))


_Head = tuple[str, str, Quantity, str, int, str, str]


def _lines(prices: Prices, used: Iterable[Used]) -> tuple[list[tuple[_Head, _Exact]], tuple[tuple[str, str], ...]]:
    found: list[tuple[_Head, _Exact]] = []
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
            many, of = as_ratio(quantity)
            cost_num, cost_den = rate.ratio
            times, over = margin.multiplier
            head = (part.model, unit, quantity, rate.usd, rate.per, margin.level, margin.text)
            cost = (many * cost_num, of * cost_den)
            found.append((head, _Exact(cost, (cost[0] * times, cost[1] * over))))
    return found, tuple(unpriced)


def _common(ratios: Sequence[tuple[int, int]]) -> tuple[list[int], int]:
    """Bring ratios to one denominator."""
    over = lcm(*{denominator for _, denominator in ratios})
    return [numerator * (over // denominator) for numerator, denominator in ratios], over
