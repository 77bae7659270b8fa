"""The worst case, priced by the function that will settle it."""

import pytest
from doubles.acme import BOUND, make_endpoint, make_integration, make_permit, make_route
from doubles.books import TODAY
from msgspec import structs

from proxy.errors import Refusal, Refused
from proxy.money import ceil_div
from proxy.pricing.card import Conditions, Rate
from proxy.pricing.formula import Used, price
from proxy.providers.integration import Policy
from proxy.providers.permit import Permit
from proxy.steps.estimate import estimate

INPUT, OUTPUT = 1_200, 4_800


def test_a_stated_maximum_is_asked_for_in_full() -> None:
    permit = make_permit({"max_tokens": 1_000})
    need = estimate(permit, TODAY)
    assert need.ask.least == need.ask.most == len(permit.raw) * INPUT + 1_000 * OUTPUT
    assert need.cost_most == ceil_div(need.ask.most * 10, 12)


def test_without_an_output_limit_to_splice_the_models_maximum_is_asked_for() -> None:
    permit = make_permit({})
    need = estimate(permit, TODAY)
    assert need.ask.least == need.ask.most == len(permit.raw) * INPUT + 8_192 * OUTPUT
    assert need.parameter is None


def capped(admission: str) -> Permit:
    endpoint = make_endpoint(output_splice=True)
    return make_permit({}, route=make_route(endpoint, integration=make_integration(policy=Policy(admission=admission))))


def test_fair_asks_for_less_where_a_limit_can_be_spliced_in() -> None:
    permit = capped("fair")
    need = estimate(permit, TODAY)
    assert need.ask.least == len(permit.raw) * INPUT + 256 * OUTPUT
    assert need.ask.most == len(permit.raw) * INPUT + 8_192 * OUTPUT
    assert (need.ask.floor, need.ask.share, need.parameter) == (4_096 * OUTPUT, 8, ("max_tokens",))


def test_strict_asks_for_all_of_it_all_the_same() -> None:
    need = estimate(capped("strict"), TODAY)
    assert need.ask.least == need.ask.most


@pytest.mark.parametrize("body", [{"max_tokens": 10}, {"max_tokens": 8_192}, {}])
def test_what_the_call_then_costs_is_never_more(body: dict[str, int]) -> None:
    permit = make_permit(body)
    need = estimate(permit, TODAY)
    assert permit.rates is not None
    assert permit.prices is not None
    used = {"input_tokens": len(permit.raw), "output_tokens": body.get("max_tokens", 8_192)}
    priced = price(permit.prices, [Used("m-1", permit.rates, used, Conditions(date=TODAY))])
    assert priced.charge_nanos <= need.ask.most
    assert priced.cost_nanos <= need.cost_most


def test_a_known_object_counts_what_it_holds() -> None:
    bare, continued = make_permit({"max_tokens": 1}), make_permit({"max_tokens": 1, "previous": "ans-1"})
    without = estimate(bare, TODAY).ask.most - len(bare.raw) * INPUT
    known = estimate(structs.replace(continued, known={"ans-1": 500}), TODAY).ask.most - len(continued.raw) * INPUT
    unknown = estimate(structs.replace(continued, known={"ans-1": None}), TODAY).ask.most - len(continued.raw) * INPUT
    assert known - without == 500 * INPUT
    assert unknown - without == BOUND.window * INPUT


@pytest.mark.parametrize("limit", [-1, 0, "many", 1.5, True, 10**30])
def test_absurd_limits_are_refused(limit: object) -> None:
    with pytest.raises(Refused) as caught:
        estimate(make_permit({"max_tokens": limit}), TODAY)
    assert caught.value.refusal is Refusal.MALFORMED_REQUEST


def test_a_metered_route_without_a_bound_is_our_own_mistake() -> None:
    with pytest.raises(Refused) as caught:
        estimate(make_permit({}, route=make_route(make_endpoint(bound=None))), TODAY)
    assert caught.value.refusal is Refusal.INTERNAL_ERROR


def test_the_region_that_serves_a_call_prices_it() -> None:
    usual = make_permit({"max_tokens": 1_000})
    rates = structs.replace(
        usual.rates, rates=(*usual.rates.rates, Rate("input_tokens", "2", 1_000, region="far"), *DEAR)
    )
    usual = structs.replace(usual, rates=rates)
    far, plain = structs.replace(usual, region="far"), len(usual.raw)
    assert estimate(usual, TODAY).ask.most == plain * INPUT + 1_000 * OUTPUT
    assert estimate(far, TODAY).ask.most == plain * 2_400_000 + 1_000 * OUTPUT
    assert estimate(usual, TODAY).ask.most == plain * INPUT + 1_000 * OUTPUT, "what is remembered has its region"


DEAR = (Rate("input_tokens", "9", 1_000, region="elsewhere"),)
