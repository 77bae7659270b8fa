"""The most that many requests can cost together: a batch, in one body or in a file.

Each request is bounded by itself; what they come to is added up by model, unit and conditions, so that it stays small
however many there are, and so that it can be priced again when the file is used.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, json

from proxy.bounds.asking import Need, need
from proxy.bounds.dearest import Dearest
from proxy.bounds.media import Known
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec
from proxy.bounds.worst import Portion, Worst, worst
from proxy.errors import Refusal, refuse
from proxy.pricing.card import UNTIMED, Conditions, ModelRates, RateCard, is_glob
from proxy.pricing.formula import Prices, unit_price


class Share(Struct, frozen=True):
    """So many of a unit of a model, under the conditions that price it."""

    model: str
    unit: str
    tier: str | None
    region: str | None
    context: int
    count: int
    minute: int = UNTIMED


class Lot(Struct, frozen=True):
    """What many requests can use at most. `models` are those that they name, in order of appearance."""

    requests: int
    models: tuple[str, ...]
    shares: tuple[Share, ...]


class Survey:
    """Adds up requests, one after the other."""

    def __init__(self, prices: Prices, tiers: frozenset[str], date: str) -> None:
        self._prices = prices
        self._tiers = tiers
        self._date = date
        self.requests = 0
        self._models: dict[str, ModelRates] = {}
        self._counts: dict[tuple[str, str, str | None, str | None, int, int], int] = {}

    def add(self, body: Mapping[str, Any], search: Search, spec: BoundSpec, model: str, known: Known) -> None:
        """Take one more request. Raises Refused: malformed_request, unpriced_model."""
        rates = self._models.get(model) or self._prices.card.find(self._prices.integration, model)
        if rates is None:
            refuse(Refusal.UNPRICED_MODEL, f"The model {model!r} of {self._prices.integration} has no price here.")
        self._models[model] = rates
        most = worst(body, search, spec, rates, self._prices, model, known, date=self._date, tiers=self._tiers)
        for portion, times in _portions(most):
            of = portion.of
            name = model if of.rates is rates else name_of(of.rates, self._prices.card, self._prices.integration)
            conditions = of.conditions
            key = (name, of.unit, conditions.tier, conditions.region, conditions.context, conditions.minute)
            self._counts[key] = self._counts.get(key, 0) + portion.count * times
        self.requests += 1

    def lot(self) -> Lot:
        """Return what they come to."""
        shares = tuple(Share(*key[:-1], count, key[-1]) for key, count in self._counts.items() if count)
        return Lot(self.requests, tuple(self._models), shares)


def _portions(most: Worst) -> Iterator[tuple[Portion, int]]:
    """Yield all that a request can use, its output in full, and how many times each."""
    yield from ((portion, 1) for portion in most.base)
    written = most.limit if most.stated is None else most.stated
    yield from ((portion, written) for portion in most.token)


def need_of(lot: Lot, prices: Prices, date: str) -> Need:
    """Return what a lot asks to hold at today's prices: all of it. Raises Refused (unpriced_model)."""
    portions = []
    for share in lot.shares:
        rates = prices.card.find(prices.integration, share.model)
        conditions = Conditions(share.tier, share.context, date, share.region, share.minute)
        price = unit_price(prices, rates, share.unit, conditions) if rates is not None else None
        if rates is None or price is None:
            refuse(
                Refusal.UNPRICED_MODEL,
                f"{share.unit} of {share.model!r}, has no price here any more: ask your operator.",
            )
        portions.append(Portion(Dearest(rates, share.unit, conditions, price), share.count))
    return need(Worst(tuple(portions), (), None, 0), "strict")


def name_of(rates: ModelRates, card: RateCard, integration: str) -> str:
    """Return a name under which the card finds these rates. Raises Refused if there is none (a glob that hides)."""
    names = (each.replace("*", "").replace("?", "0") if is_glob(each) else each for each in rates.match)
    found = next((name for name in names if card.find(integration, name) is rates), None)
    if found is None:
        refuse(Refusal.UNPRICED_MODEL, "A tool of the batch can use a model that is not sold by a name of its own.")
    return found


def write_lot(lot: Lot) -> str:
    """Return a lot as JSON: what is kept with a file."""
    return json.encode(lot).decode()


def read_lot(text: str) -> Lot:
    """Read a lot."""
    return json.decode(text, type=Lot)
