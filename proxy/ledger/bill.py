"""The bill of a call: everything needed to explain its charge and to compute it again.

A bill is stored as JSON inside the entry, and its text is part of the entry's hash.
"""

from collections.abc import Mapping, Sequence
from math import ceil

from msgspec import Struct, field, json

from proxy.errors import FaregateError
from proxy.ledger.ending import Due
from proxy.ledger.hold import Hold
from proxy.money import Quantity
from proxy.pricing.card import Conditions, RateCard
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Line, Priced, Prices, Used, price
from proxy.pricing.reported import Word, cost_ratio, word_of
from proxy.usage.certainty import Certainty


class Part(Struct, frozen=True):
    """What one model used. `priced_as` is the model whose rates apply, where the answer's own has none."""

    model: str
    priced_as: str
    usage: Mapping[str, Quantity]
    conditions: Conditions


class Bill(Struct, frozen=True, omit_defaults=True):
    """A priced call. Amounts in nano-USD; `charge_nanos` is the full price, whoever bears it.

    `reported_cost` is the provider's own figure, decimal USD; with `by_report` it is what was charged by, and
    `rated_cost_nanos` what our rates come to.
    """

    call: str
    integration: str
    endpoint: str
    model: str
    certainty: Certainty
    rate_card: str
    margins: int
    parts: tuple[Part, ...]
    lines: tuple[Line, ...]
    upstream_cost_nanos: int
    charge_nanos: int
    unpriced: tuple[tuple[str, str], ...] = ()
    key: str = ""
    reported_cost: str = ""
    by_report: bool = False
    rated_cost_nanos: int = 0
    exposure_nanos: int = 0
    shortfall_nanos: int = 0

    @property
    def rated_nanos(self) -> int:
        """What our rates say that upstream asks."""
        return self.rated_cost_nanos if self.by_report else self.upstream_cost_nanos

    def due(self, *, waived: bool, unasked: int = 0) -> Due:
        """Return what this bill comes to, for the ledger to divide."""
        return Due(self.certainty, self.upstream_cost_nanos, self.charge_nanos, waived, unasked)


def draw_up(
    held: Hold,
    prices: Prices,
    model: str,
    certainty: Certainty,
    parts: tuple[Part, ...],
    used: Sequence[Used],
    reported_cost: str = "",
    *,
    by_report: bool = False,
) -> Bill:
    """Price what a call used: `used` is what `parts` say, with their rates; `model` is what the call is said to be.

    With `by_report` the provider's own figure is the cost, as far as it is believed.
    """
    priced = price(prices, used)
    rated = priced.cost_nanos
    word = word_of(cost_ratio(reported_cost), rated) if by_report and reported_cost else Word.NONE
    if word is not Word.NONE:
        priced = price(prices, used, cost_ratio(reported_cost))
    if word is Word.DOUBTED and certainty is Certainty.EXACT:
        certainty = Certainty.ESTIMATED  # so that no more is charged than was held
    return Bill(
        call=held.call,
        integration=held.integration,
        endpoint=held.endpoint,
        key=held.key,
        model=model,
        certainty=certainty,
        rate_card=held.rate_card,
        margins=held.margins,
        parts=parts,
        lines=priced.lines,
        upstream_cost_nanos=priced.cost_nanos,
        charge_nanos=priced.charge_nanos,
        unpriced=priced.unpriced,
        reported_cost=reported_cost,
        by_report=word is not Word.NONE,
        rated_cost_nanos=rated if word is not Word.NONE else 0,
    )


class Unexplained(FaregateError):
    """A bill names a card, a margin table or a model that cannot be found: it cannot be computed again."""


def write_bill(bill: Bill) -> str:
    """Return the JSON text that is stored and hashed."""
    return _ENCODER.encode(bill).decode()


def read_bill(text: str) -> Bill:
    """Read a stored bill."""
    return _DECODER.decode(text)


def recompute(bill: Bill, tenant: str, card: RateCard, margins: MarginTable) -> Priced:
    """Price a stored bill again from its quantities. Raises Unexplained if a model is not on the card."""
    used = []
    for part in bill.parts:
        rates = card.find(bill.integration, part.priced_as)
        if rates is None:
            model = f"{bill.integration}/{part.priced_as}"
            raise Unexplained(f"rate card {card.version} has no rates for {model}")
        used.append(Used(part.model, rates, part.usage, part.conditions))
    reported = cost_ratio(bill.reported_cost) if bill.by_report else None
    return price(Prices(card, margins, tenant, bill.integration), used, reported)


def tokens(bill: Bill) -> int:
    """Return how many tokens a bill counts in all: what continuing from its answer may add to an input."""
    counted = (part.usage[unit] for part in bill.parts for unit in part.usage if unit.endswith("_tokens"))
    return ceil(sum(counted))


_ENCODER = json.Encoder(decimal_format="number")
_DECODER = json.Decoder(Bill)


class Usages(Struct, frozen=True):
    """A bill's quantities as the API shows them: of the call's own model, and of any others."""

    own: dict[str, Quantity] = field(default_factory=dict)
    others: dict[str, dict[str, Quantity]] = field(default_factory=dict)


def usages(bill: Bill) -> Usages:
    """Gather a bill's non-zero quantities by model."""
    gathered = Usages()
    for part in bill.parts:
        into = gathered.own if part.model == bill.model else gathered.others.setdefault(part.model, {})
        for unit, quantity in part.usage.items():
            if quantity:
                into[unit] = into.get(unit, 0) + quantity
    return gathered
