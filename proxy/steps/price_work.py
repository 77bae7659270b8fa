"""Price work that finished later: many answers, each at the rates of its own model, tier and length of prompt.

Answers that are priced alike are added up, so that a bill stays small however many there were.
"""

from bisect import bisect_left
from collections.abc import Mapping
from decimal import Decimal

from msgspec import structs

from proxy.ledger.bill import Bill, Part, draw_up
from proxy.ledger.hold import Hold
from proxy.money import Quantity
from proxy.pricing.card import UNTIMED, Conditions, ModelRates
from proxy.pricing.context import context_of
from proxy.pricing.formula import Prices, Used
from proxy.pricing.hours import minute_of_week
from proxy.usage.certainty import Certainty
from proxy.usage.reading import Reading

_Key = tuple[str, str | None, str | None, int]
"""What prices an answer: its model, tier, region, and how many of the model's sizes of context it exceeds."""


class Answers:
    """What the answers of one work used. `tier` prices them all, if it is set."""

    def __init__(self, held: Hold, prices: Prices, tier: str | None) -> None:
        self._held = held
        self._prices = prices
        self._tier = tier
        self._parts: dict[_Key, Part] = {}
        self._rates: dict[str, tuple[str, ModelRates]] = {}
        self._cost = Decimal(0)
        self._sure = True
        self.reported = False

    def add(self, reading: Reading) -> None:
        """Take one more answer, or one that is the sum of others."""
        self.reported |= reading.reported
        self._sure &= not (reading.invalid or reading.unparsed)
        self._cost += Decimal(reading.reported_cost or 0)
        for model, usage in ((reading.model, reading.usage), *reading.other_models.items()):
            if usage:
                self._add(model or self._held.model, usage, reading)

    def bill(self, *, by_report: bool = False) -> Bill:
        """Price them all, in the order in which their kinds came; `by_report`: as the provider does, if believed."""
        parts = tuple(self._parts.values())
        used = [Used(part.model, self._rates[part.model][1], part.usage, part.conditions) for part in parts]
        certainty = Certainty.EXACT if self._sure else Certainty.AT_LEAST
        model = parts[0].model if parts else self._held.model
        cost = f"{self._cost.normalize():f}" if self._cost else ""
        return draw_up(self._held, self._prices, model, certainty, parts, used, cost, by_report=by_report)

    def _add(self, model: str, usage: Mapping[str, Quantity], reading: Reading) -> None:
        priced_as, rates = self._find(model)
        context = context_of(usage)
        tier = self._tier or reading.tier
        key = (model, tier, reading.region, bisect_left(rates.sizes, context))
        before = self._parts.get(key)
        if before is None:
            minute = minute_of_week(self._held.created_at) if rates.timed else UNTIMED
            conditions = Conditions(tier, context, self._held.period, reading.region, minute)
            self._parts[key] = Part(model, priced_as, dict(usage), conditions)
            return
        summed = dict(before.usage)
        for unit, quantity in usage.items():
            summed[unit] = summed.get(unit, 0) + quantity
        conditions = structs.replace(before.conditions, context=max(before.conditions.context, context))
        self._parts[key] = structs.replace(before, usage=summed, conditions=conditions)

    def _find(self, model: str) -> tuple[str, ModelRates]:
        """Return the rates of a model of an answer; one that has none is priced as the request's."""
        if model not in self._rates:
            held, card = self._held, self._prices.card
            rates, priced_as = card.find(held.integration, model), model
            if rates is None:
                rates, priced_as = card.find(held.integration, held.model), held.model
            if rates is None:
                raise ValueError(f"rate card {card.version} has no rates for {held.integration}/{held.model}")
            self._rates[model] = priced_as, rates
        return self._rates[model]
