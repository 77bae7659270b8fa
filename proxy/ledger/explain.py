"""Why a call cost what it cost: every line of its bill with the rate and the margin that made it. Pure.

A bill that was made by what the provider stated shares that out over its lines as their rates would.

The bill is priced again from its quantities, along the path that priced it: the card and the margin table of the
versions it names. What comes out is exact (ratios of integers), so that the one rounding can be seen.
"""

from collections.abc import Iterator
from fractions import Fraction

from msgspec import Struct, structs

from proxy.ledger.bill import Bill, Part, Unexplained
from proxy.money import as_ratio
from proxy.pricing.card import Conditions, ModelRates, Rate, RateCard, Source
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import REPORTED, Line
from proxy.pricing.levels import Look, look, winner
from proxy.pricing.reported import cost_ratio


class LineExplained(Struct, frozen=True):
    """One line: `rate.unit` differs from the line's where the unit fell back on another's rate.

    `cost` and `charge` are exact nano-USD before rounding; the line's own amounts are its shares after it.
    `source` is where the rate's file says its prices come from, None if the card does not know.
    """

    line: Line
    part: Part
    rate: Rate
    source: Source | None
    looks: tuple[Look, ...]
    cost: Fraction
    charge: Fraction


class Explained(Struct, frozen=True):
    """A whole bill: the exact sums of its lines, which round half to even to what the bill says."""

    lines: tuple[LineExplained, ...]
    cost: Fraction
    charge: Fraction

    def agrees(self, bill: Bill) -> bool:
        """Tell whether the sums, rounded, are the bill's amounts."""
        return (round(self.cost), round(self.charge)) == (bill.upstream_cost_nanos, bill.charge_nanos)


def explain(bill: Bill, tenant: str, card: RateCard, margins: MarginTable) -> Explained:
    """Explain a bill with the card and the margins that it names.

    Raises Unexplained if they do not lead to the bill's own lines.
    """
    lines = tuple(_lines(bill, tenant, card, margins))
    if bill.by_report:
        lines = tuple(_shared(bill, lines))
    return Explained(lines, sum((each.cost for each in lines), Fraction()), sum((e.charge for e in lines), Fraction()))


def _lines(bill: Bill, tenant: str, card: RateCard, margins: MarginTable) -> Iterator[LineExplained]:
    stored = iter(bill.lines)
    for part in bill.parts:
        model = card.find(bill.integration, part.priced_as)
        if model is None:
            raise Unexplained(f"rate card {card.version} has no rates for {bill.integration}/{part.priced_as}")
        for unit, quantity in part.usage.items():
            rate = card.rate(model, unit, part.conditions) if quantity else None
            if rate is None:
                continue
            line = next(stored, None)
            if line is None or (line.model, line.unit) != (part.model, unit):
                raise Unexplained(
                    f"the bill has no line for {unit} of {part.model}, which rate card {card.version} prices"
                )
            yield _line(line, part, rate, _source(card, bill, model), look(margins, tenant, bill.integration, unit))
    left = next(stored, None)
    if left is not None and left.unit == REPORTED:
        rate = Rate(REPORTED, bill.reported_cost)
        yield _line(left, Part("", "", {}, Conditions()), rate, None, look(margins, tenant, bill.integration, REPORTED))
    elif left is not None:
        raise Unexplained(
            f"rate card {card.version} has no rate for {left.unit} of {left.model}, which the bill prices"
        )


def _shared(bill: Bill, lines: tuple[LineExplained, ...]) -> Iterator[LineExplained]:
    """Yield the lines with what of the reported cost falls to each."""
    reported = Fraction(*cost_ratio(bill.reported_cost))
    whole = sum((each.cost for each in lines), Fraction())
    factor = reported / whole if whole else Fraction(1)
    for each in lines:
        yield structs.replace(each, cost=each.cost * factor, charge=each.charge * factor)


def _line(line: Line, part: Part, rate: Rate, source: Source | None, looks: tuple[Look, ...]) -> LineExplained:
    cost = Fraction(*as_ratio(line.quantity)) * Fraction(*rate.ratio)
    pct = winner(looks).pct
    return LineExplained(line, part, rate, source, looks, cost, cost * (1 + Fraction(pct or 0) / 100))


def _source(card: RateCard, bill: Bill, model: ModelRates) -> Source | None:
    return card.source_of(bill.integration, model)
