"""Price: turn what was read of an answer into a bill, with the card and margins that the call was held with.

Reported usage is the truth. Where there is none, or the answer was cut short, the bill rests on evidence: the bytes
of output that were seen, and the bytes of the request's text. Where nothing was seen there is nothing to bill.
"""

from collections.abc import Mapping, Sequence

from proxy.bounds.measures import Measured, added, measured, variant
from proxy.bounds.text import text_bytes
from proxy.ledger.bill import Bill, Part, draw_up
from proxy.ledger.hold import Hold
from proxy.money import Quantity, ceil_div
from proxy.pricing.card import UNTIMED, Conditions, ModelRates
from proxy.pricing.context import context_of
from proxy.pricing.formula import Used
from proxy.pricing.hours import minute_of_week
from proxy.providers.permit import Permit
from proxy.usage.certainty import Certainty
from proxy.usage.reading import Reading

BYTES_PER_TOKEN = 4
"""Evidence is counted at four bytes a token: about what English text comes to, so a lower bound for most."""


def price_call(permit: Permit, held: Hold, reading: Reading | None, *, input_at_least: bool = False) -> Bill:
    """Return the bill of what was read, None being nothing at all.

    With `input_at_least` the input is billed even if no output was seen.
    """
    reading = reading or Reading()
    certainty, quantities = _evidence(permit, reading, input_at_least)
    bound = permit.route.endpoint.bound
    if bound is not None and bound.addons:
        quantities = {**quantities, **added(permit.body, bound.addons, quantities)}
    model = reading.model or permit.model
    parts = [_part(permit, held, reading, model, quantities)] if quantities else []
    parts += [_part(permit, held, reading, other, used) for other, used in reading.other_models.items()]
    if permit.prices is None:
        raise ValueError("a call without prices has no bill")
    of, by_report = tuple(part for part, _ in parts), permit.route.endpoint.charge_by == "reported"
    used, cost = [used for _, used in parts], reading.reported_cost
    return draw_up(held, permit.prices, model, certainty, of, used, cost, by_report=by_report)


def _part(
    permit: Permit, held: Hold, reading: Reading, model: str, quantities: Mapping[str, Quantity]
) -> tuple[Part, Used]:
    """Find the rates of a model of the answer; one that has none is priced as the request's."""
    rates: ModelRates | None = None
    priced_as = model
    if permit.prices is not None:
        rates = permit.prices.card.find(permit.route.integration.name, model)
    if rates is None or rates.stand_in:
        rates, priced_as = permit.rates, permit.model
    if rates is None:
        raise ValueError("a call without rates has no bill")
    region = reading.region or permit.region
    minute = minute_of_week(held.created_at) if rates.timed else UNTIMED
    conditions = Conditions(_tier(permit, reading, rates), context_of(quantities), held.period, region, minute)
    return Part(model, priced_as, quantities, conditions), Used(model, rates, quantities, conditions)


def _tier(permit: Permit, reading: Reading, rates: ModelRates) -> str | None:
    """Return the tier that the answer names, or that the request chose where its choices are priced."""
    bound = permit.route.endpoint.bound
    if reading.tier is not None or bound is None or not bound.variants:
        return reading.tier
    return variant(permit.body, bound.variants, rates)


def _some(unit: str, tokens: int) -> dict[str, Quantity]:
    return {unit: tokens} if tokens else {}


def _text(permit: Permit) -> int:
    bound = permit.route.endpoint.bound
    return text_bytes(permit.body, bound) if bound is not None else 0


def _evidence(permit: Permit, reading: Reading, input_at_least: bool) -> tuple[Certainty, Mapping[str, Quantity]]:
    certainty = reading.certainty
    if certainty is Certainty.EXACT:
        return certainty, reading.usage
    bound, rates = permit.route.endpoint.bound, permit.rates
    if bound is not None and rates is not None and bound.measures and not reading.reported:
        told = measured(permit.body, bound.measures, rates, permit.model)
        if any(each.quantity for each in told):
            return _told(told, rates, reading, input_at_least)
    seen = reading.output_bytes > 0 or reading.reported
    if not seen and not input_at_least:
        return Certainty.NONE, {}
    if certainty is Certainty.NONE:
        certainty = Certainty.AT_LEAST
    quantities = dict(reading.usage) if reading.reported else {}
    if not any(unit.startswith(("input_", "cache_")) for unit in quantities):
        quantities |= _some("input_tokens", ceil_div(_text(permit), BYTES_PER_TOKEN))
    output = max(reading.output_events, ceil_div(reading.output_bytes, BYTES_PER_TOKEN))
    if output > quantities.get("output_tokens", 0):
        quantities["output_tokens"] = output
    return certainty, quantities


def _told(
    told: Sequence[Measured], rates: ModelRates, reading: Reading, input_at_least: bool
) -> tuple[Certainty, Mapping[str, Quantity]]:
    """Return what the request itself tells, once something was delivered: the provider bills it, and reports nothing.

    That is sure where it is counted as the provider counts, and nothing of the answer is missing.
    """
    seen = reading.delivered or reading.output_bytes > 0 or (reading.complete and not reading.failed)
    if not seen and not input_at_least:
        return Certainty.NONE, {}
    quantities: dict[str, Quantity] = {}
    for each in (one for one in told if one.quantity):
        quantities[each.unit] = quantities.get(each.unit, 0) + each.quantity
    sure = all(each.sure for each in told)
    if "output_tokens" in rates.units and "output_tokens" not in quantities and reading.output_bytes:
        quantities["output_tokens"] = max(reading.output_events, ceil_div(reading.output_bytes, BYTES_PER_TOKEN))
        sure = False
    if not reading.complete:
        return Certainty.AT_LEAST, quantities
    return Certainty.EXACT if sure else Certainty.ESTIMATED, quantities
