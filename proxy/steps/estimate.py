"""Estimate: the most this request can cost, with the price function that will settle it, margin included."""

from proxy.bounds.asking import Mode, Need, need
from proxy.bounds.plain import plain_need
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
