"""Estimate: the most this request can cost, with the price function that will settle it, margin included."""

from proxy.bounds.asking import Mode, Need, need
from proxy.bounds.plain import plain_need
from proxy.bounds.turns import Beside, Flow, TurnBound, turn_worst
from proxy.bounds.worst import worst
from proxy.errors import Refusal, refuse
from proxy.providers.permit import Permit


def estimate(permit: Permit, date: str) -> Need:
    """Return what the call asks to hold at the rates of `date`.

    Raises Refused (malformed_request) for absurd limits in the request.
    """
    endpoint = permit.route.endpoint
    if endpoint.bound is None or permit.search is None or permit.rates is None or permit.prices is None:
        refuse(Refusal.INTERNAL_ERROR, f"The endpoint {endpoint.name} is metered but has no bound.")
    mode: Mode = permit.route.integration.policy.admission if endpoint.output_splice else "strict"
    plain = plain_need(
        permit.body,
        permit.search,
        endpoint.bound,
        permit.rates,
        permit.prices,
        permit.model,
        mode,
        date=date,
        region=permit.region,
    )
    if plain is not None:
        return plain
    most = worst(
        permit.body,
        permit.search,
        endpoint.bound,
        permit.rates,
        permit.prices,
        permit.model,
        permit.known,
        date=date,
        region=permit.region,
    )
    return need(most, mode)


def estimate_turn(permit: Permit, bound: TurnBound, covered: Flow, beside: str, date: str) -> Need:
    """Return what a turn of a session asks to hold, with no more to read than `covered`.

    `beside` is the model that hears the sound too, "" if there is none. Raises Refused (unpriced_model).
    """
    prices, rates = permit.prices, permit.rates
    if rates is None or prices is None:
        refuse(Refusal.INTERNAL_ERROR, f"The endpoint {permit.route.endpoint.name} is metered but has no prices.")
    hears = None
    reader = permit.route.endpoint.reader
    if beside and reader is not None and reader.another is not None:
        found = prices.card.find(prices.integration, beside)
        if found is None:
            refuse(Refusal.UNPRICED_MODEL, f"The model {beside[:200]!r} of {prices.integration} has no price here.")
        hears = Beside(beside, found, tuple(reader.another.units))
    return need(turn_worst(bound, covered, rates, prices, permit.model, date, hears), "strict")
