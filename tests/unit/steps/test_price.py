"""From what was read of an answer to its bill: reported usage first, evidence where there is none."""

import json
from decimal import Decimal
from typing import Any

import pytest
from doubles.acme import CALL, HOLDER, make_endpoint, make_hold, make_permit, make_route
from doubles.books import CARD, TODAY
from msgspec import structs

from proxy.bounds.measures import Addon, Measure, Variant
from proxy.bounds.spec import BoundSpec
from proxy.ledger.bill import Bill, recompute
from proxy.pricing.card import UNTIMED, ModelRates, Rate, RateCard
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Prices
from proxy.providers.permit import Permit
from proxy.steps.price import price_call
from proxy.usage.certainty import Certainty
from proxy.usage.reading import Reading

HELD = make_hold()
BODY = b'{"model":"m-1","messages":[{"role":"user","content":"Why is it blue?"}]}'
INPUT_BY_BYTES = 4
"""Fifteen bytes of text at four a token, rounded up."""

WHOLE = Reading(
    model="m-1", usage={"input_tokens": 10, "output_tokens": 3}, reported=True, complete=True, output_bytes=9
)


def permit_with(card: RateCard = CARD, margins: MarginTable | None = None) -> Permit:
    prices = Prices(card, margins or MarginTable(), HOLDER.tenant.id, "acme")
    return make_permit(BODY, prices=prices, rates=card.find("acme", "m-1"))


def test_reported_usage_is_billed_as_it_stands() -> None:
    bill = price_call(permit_with(), HELD, WHOLE)
    assert (bill.certainty, bill.charge_nanos, bill.upstream_cost_nanos) == (Certainty.EXACT, 26_400, 22_000)
    assert [(line.unit, line.quantity, line.charge_nanos) for line in bill.lines] == [
        ("input_tokens", 10, 12_000),
        ("output_tokens", 3, 14_400),
    ]
    assert (bill.call, bill.integration, bill.endpoint, bill.key) == (CALL, "acme", "chat", HOLDER.key.id)
    assert (bill.rate_card, bill.margins, bill.model) == (HELD.rate_card, HELD.margins, "m-1")


def test_a_bill_can_be_computed_again() -> None:
    permit = permit_with(margins=MarginTable(1, {(None, "acme", "output_tokens"): Decimal("33.33")}))
    bill = price_call(
        permit,
        HELD,
        structs.replace(WHOLE, usage={"input_tokens": 7, "audio_seconds": Decimal("1.25"), "output_tokens": 3}),
    )
    again = recompute(bill, HOLDER.tenant.id, CARD, permit.prices.margins)
    assert (again.charge_nanos, again.cost_nanos, again.lines) == (
        bill.charge_nanos,
        bill.upstream_cost_nanos,
        bill.lines,
    )


EXACT, AT_LEAST, ESTIMATED = Certainty.EXACT, Certainty.AT_LEAST, Certainty.ESTIMATED
UNREPORTED = {"usage": {}, "reported": False}
CUT = {"complete": False}


def used(inputs: int, outputs: int) -> dict[str, int]:
    return {"input_tokens": inputs, "output_tokens": outputs}


@pytest.mark.parametrize(
    ("reading", "certainty", "usage"),
    [
        # Cut after usage was reported for the last time: the provider's word is final.
        ({**CUT, "final": True}, EXACT, used(10, 3)),
        # Cut before: at least that, and at least the output that was seen.
        ({**CUT, "usage": used(10, 1)}, AT_LEAST, used(10, 3)),
        ({**CUT, "usage": used(10, 50)}, AT_LEAST, used(10, 50)),
        ({**CUT, "usage": {"output_tokens": 5}, "output_bytes": 0}, AT_LEAST, used(INPUT_BY_BYTES, 5)),
        ({**CUT, "usage": {"cache_read_tokens": 7}}, AT_LEAST, {"cache_read_tokens": 7, "output_tokens": 3}),
        # Never reported: bytes of request and of output count.
        ({**UNREPORTED, **CUT}, AT_LEAST, used(INPUT_BY_BYTES, 3)),
        (UNREPORTED, ESTIMATED, used(INPUT_BY_BYTES, 3)),
        # A stream gives at least one token an event.
        ({**UNREPORTED, **CUT, "output_events": 7}, AT_LEAST, used(INPUT_BY_BYTES, 7)),
        # Absurd usage was not believed, but output was seen.
        ({**UNREPORTED, "invalid": True}, ESTIMATED, used(INPUT_BY_BYTES, 3)),
    ],
)
def test_evidence(reading: dict[str, Any], certainty: Certainty, usage: dict[str, int]) -> None:
    bill = price_call(permit_with(), HELD, structs.replace(WHOLE, **reading))
    assert bill.certainty is certainty
    assert bill.parts[0].usage == usage


@pytest.mark.parametrize("reading", [None, Reading(), Reading(complete=True), Reading(failed=True, complete=True)])
def test_nothing_seen_is_nothing_to_bill(reading: Reading | None) -> None:
    bill = price_call(permit_with(), HELD, reading)
    assert (bill.certainty, bill.parts, bill.lines, bill.charge_nanos) == (Certainty.NONE, (), (), 0)


def test_a_caller_who_stopped_the_call_pays_its_input() -> None:
    bill = price_call(permit_with(), HELD, None, input_at_least=True)
    assert (bill.certainty, bill.parts[0].usage) == (Certainty.AT_LEAST, {"input_tokens": INPUT_BY_BYTES})
    assert bill.charge_nanos == INPUT_BY_BYTES * 1_200


# --- Models and rates


def card_of(*models: ModelRates) -> RateCard:
    return RateCard("v", {"acme": (*CARD.integrations["acme"], *models)})


def test_the_model_of_the_answer_prices_it() -> None:
    card = card_of(
        ModelRates(("m-1-2026",), (Rate("input_tokens", "10", 1_000_000), Rate("output_tokens", "10", 1_000_000)))
    )
    bill = price_call(permit_with(card), HELD, structs.replace(WHOLE, model="m-1-2026"))
    assert (bill.model, bill.parts[0].priced_as, bill.upstream_cost_nanos) == ("m-1-2026", "m-1-2026", 130_000)


def test_a_model_without_a_rate_is_priced_as_the_requests() -> None:
    bill = price_call(permit_with(), HELD, structs.replace(WHOLE, model="m-1-secret"))
    assert (bill.model, bill.parts[0].model, bill.parts[0].priced_as) == ("m-1-secret", "m-1-secret", "m-1")
    assert bill.charge_nanos == 26_400


def test_other_models_of_an_answer_are_billed_beside_it() -> None:
    card = card_of(ModelRates(("judge",), (Rate("input_tokens", "2", 1_000_000),)))
    bill = price_call(permit_with(card), HELD, structs.replace(WHOLE, other_models={"judge": {"input_tokens": 5}}))
    assert [(part.model, part.usage) for part in bill.parts] == [
        ("m-1", dict(WHOLE.usage)),
        ("judge", {"input_tokens": 5}),
    ]
    assert bill.upstream_cost_nanos == 22_000 + 10_000


def test_a_unit_without_a_rate_is_named() -> None:
    bill = price_call(permit_with(), HELD, structs.replace(WHOLE, usage={"input_tokens": 10, "web_searches": 1}))
    assert bill.unpriced == (("m-1", "web_searches"),)
    assert bill.charge_nanos == 12_000


def test_tier_context_and_day_of_the_hold_choose_the_rate() -> None:
    rates = (
        Rate("input_tokens", "1", 1_000_000),
        Rate("input_tokens", "2", 1_000_000, context_above=9),
        Rate("input_tokens", "3", 1_000_000, tier="fast"),
        Rate("input_tokens", "4", 1_000_000, tier="old", since=TODAY),
        Rate("input_tokens", "5", 1_000_000, tier="new", since="2026-11-22"),
    )
    permit = permit_with(RateCard("v", {"acme": (ModelRates(("m-1",), rates),)}))

    def cost(tokens: int, tier: str | None = None) -> int:
        return price_call(
            permit, HELD, structs.replace(WHOLE, usage={"input_tokens": tokens}, tier=tier)
        ).upstream_cost_nanos

    assert cost(9) == 9_000
    assert cost(10) == 20_000
    assert cost(1, "fast") == 3_000
    assert cost(1, "old") == 4_000
    assert cost(1, "new") == 1_000  # not yet in force: the standard rate


@pytest.mark.parametrize(
    ("told", "asked", "usd"),
    [("us", None, "2"), (None, "us", "2"), ("us", "eu", "2"), (None, "eu", "3"), (None, None, "1")],
)
def test_the_region_of_the_answer_prices_it_else_the_requests(told: str | None, asked: str | None, usd: str) -> None:
    rates = tuple(Rate("input_tokens", usd, region=region) for usd, region in (("1", None), ("2", "us"), ("3", "eu")))
    card = RateCard("v", {"acme": (ModelRates(("m-1",), rates),)})
    permit = structs.replace(permit_with(card), region=asked)
    bill = price_call(permit, HELD, structs.replace(WHOLE, usage={"input_tokens": 1}, region=told))
    assert [line.usd for line in bill.lines] == [usd]


def test_a_call_without_prices_has_no_bill() -> None:
    with pytest.raises(ValueError, match="no bill"):
        price_call(make_permit(BODY, prices=None, rates=None), HELD, WHOLE)


# --- What the request itself tells, where the answer reports nothing

SPEECH = ModelRates(
    ("m-1",),
    (
        Rate("characters", "15", 1_000_000),
        Rate("characters", "30", 1_000_000, tier="hd"),
        Rate("audio_seconds", "6", 1_000),
        Rate("output_tokens", "4", 1_000_000),
    ),
)
SPOKEN = Reading(delivered=True, complete=True)


def told_permit(body: dict[str, Any], *measures: Measure) -> Permit:
    bound = BoundSpec(measures=measures, variants=(Variant("quality"),))
    card = RateCard("v", {"acme": (SPEECH,)})
    prices = Prices(card, MarginTable(), HOLDER.tenant.id, "acme")
    route = make_route(make_endpoint(bound=bound))
    return make_permit(json.dumps(body).encode(), prices=prices, rates=SPEECH, route=route)


CHARACTERS = Measure("characters", "characters", ("input",))
SECONDS = Measure("audio_seconds", "seconds", ("file",), least=10)


@pytest.mark.parametrize(
    ("reading", "certainty", "characters"),
    [
        (SPOKEN, Certainty.EXACT, 5),
        (structs.replace(SPOKEN, complete=False), Certainty.AT_LEAST, 5),
        (Reading(complete=True), Certainty.EXACT, 5),
        (Reading(complete=True, failed=True), Certainty.NONE, None),
        (Reading(), Certainty.NONE, None),
        (structs.replace(SPOKEN, usage={"characters": 3}, reported=True), Certainty.EXACT, 3),
        (Reading(usage={"characters": 3}, reported=True), Certainty.AT_LEAST, 3),
    ],
)
def test_characters_of_the_request_are_charged_once_something_came(
    reading: Reading, certainty: Certainty, characters: int | None
) -> None:
    bill = price_call(told_permit({"model": "m-1", "input": "häuse"}, CHARACTERS), HELD, reading)
    assert bill.certainty is certainty
    assert [line.quantity for line in bill.lines] == ([] if characters is None else [characters])


def test_a_caller_who_left_pays_what_the_request_told() -> None:
    bill = price_call(told_permit({"model": "m-1", "input": "abc"}, CHARACTERS), HELD, None, input_at_least=True)
    assert (bill.certainty, bill.lines[0].quantity) == (Certainty.AT_LEAST, 3)


def test_a_measured_recording_is_an_estimate_and_so_is_its_text() -> None:
    reading = Reading(output_bytes=40, output_events=1, complete=True)
    bill = price_call(told_permit({"model": "m-1"}, SECONDS), HELD, reading)
    assert bill.certainty is Certainty.ESTIMATED
    assert {line.unit: line.quantity for line in bill.lines} == {"audio_seconds": 10, "output_tokens": 10}


def test_a_choice_of_the_request_picks_the_rate() -> None:
    bill = price_call(told_permit({"model": "m-1", "input": "abc", "quality": "HD"}, CHARACTERS), HELD, SPOKEN)
    assert [line.usd for line in bill.lines] == ["30"]
    answered = structs.replace(SPOKEN, tier="other")
    assert [
        line.usd
        for line in price_call(told_permit({"input": "abc", "quality": "hd"}, CHARACTERS), HELD, answered).lines
    ] == ["15"]


def test_extras_are_billed_beside_what_was_reported() -> None:
    addon = Addon("output_tokens", "characters", {"extra": None})
    permit = told_permit({"model": "m-1", "input": "abc", "extra": True}, CHARACTERS)
    bound = structs.replace(permit.route.endpoint.bound, addons=(addon,))
    route = structs.replace(permit.route, endpoint=structs.replace(permit.route.endpoint, bound=bound))
    reading = structs.replace(SPOKEN, usage={"characters": 7}, reported=True)
    bill = price_call(structs.replace(permit, route=route), HELD, reading)
    assert {line.unit: line.quantity for line in bill.lines} == {"characters": 7, "output_tokens": 7}


def test_a_measure_that_only_bounds_leaves_its_unit_to_the_evidence() -> None:
    tokens = Measure("output_tokens", "seconds", ("file",), each="0", most="100")
    bill = price_call(told_permit({"model": "m-1"}, SECONDS, tokens), HELD, Reading(output_bytes=8, complete=True))
    assert {line.unit: line.quantity for line in bill.lines} == {"audio_seconds": 10, "output_tokens": 2}


# --- The provider's own cost


def reporting(usd: str, charge_by: str = "reported", margins: MarginTable | None = None, **reading: Any) -> Bill:
    permit = permit_with(margins=margins)
    endpoint = structs.replace(permit.route.endpoint, charge_by=charge_by)
    permit = structs.replace(permit, route=structs.replace(permit.route, endpoint=endpoint))
    bill = price_call(permit, HELD, structs.replace(WHOLE, reported_cost=usd, **reading))
    again = recompute(bill, HOLDER.tenant.id, CARD, permit.prices.margins)
    assert (again.charge_nanos, again.cost_nanos, again.lines) == (
        bill.charge_nanos,
        bill.upstream_cost_nanos,
        bill.lines,
    )
    return bill


def test_a_reported_cost_is_only_recorded_where_rates_price() -> None:
    bill = reporting("0.000033", charge_by="rates")
    assert (bill.reported_cost, bill.upstream_cost_nanos, bill.rated_nanos) == ("0.000033", 22_000, 22_000)


@pytest.mark.parametrize("usd", ["0.000011", "0.000033", "0.000066"])
def test_a_reported_cost_is_the_charge_up_to_three_times_ours(usd: str) -> None:
    nanos = int(Decimal(usd) * 10**9)
    bill = reporting(usd)
    assert (bill.upstream_cost_nanos, bill.charge_nanos) == (nanos, nanos * 12 // 10)
    assert (bill.certainty, bill.by_report, bill.rated_nanos) == (EXACT, True, 22_000)
    assert sum(line.charge_nanos for line in bill.lines) == bill.charge_nanos
    assert [line.unit for line in bill.lines] == ["input_tokens", "output_tokens"]


def test_each_line_of_a_reported_cost_keeps_its_margin() -> None:
    margins = MarginTable(1, {(None, "acme", "output_tokens"): Decimal(100), (None, None, None): Decimal(0)})
    bill = reporting("0.000044", margins=margins)
    assert [(line.cost_nanos, line.charge_nanos) for line in bill.lines] == [(20_000, 20_000), (24_000, 48_000)]


def test_a_reported_cost_of_nothing_is_not_believed() -> None:
    bill = reporting("0")
    assert (bill.upstream_cost_nanos, bill.by_report) == (22_000, False)


def test_what_is_far_above_ours_is_no_more_certain_than_an_estimate() -> None:
    """The ledger takes no more for an estimate than was held, and books the rest as exposure."""
    bill = reporting("0.000066001")
    assert (bill.upstream_cost_nanos, bill.certainty, bill.by_report) == (66_001, ESTIMATED, True)
    assert reporting("0.000066001", complete=False).certainty is AT_LEAST


def test_a_cost_that_no_unit_explains_has_a_line_of_its_own() -> None:
    bill = reporting("0.000033", usage={"web_searches": 1})
    assert [(line.unit, line.usd, line.charge_nanos) for line in bill.lines] == [("reported_cost", "0.000033", 39_600)]
    assert bill.unpriced == (("m-1", "web_searches"),)


# --- Stand-ins and hours


def test_a_stand_in_does_not_price_what_the_request_names_better() -> None:
    card = card_of(ModelRates(("*",), (Rate("input_tokens", "9"), Rate("output_tokens", "9")), stand_in=True))
    bill = price_call(permit_with(card), HELD, structs.replace(WHOLE, model="m-1-secret"))
    assert (bill.parts[0].priced_as, bill.charge_nanos) == ("m-1", 26_400)


def test_the_hour_at_which_a_call_began_chooses_the_rate() -> None:
    rates = (Rate("input_tokens", "1", 1_000_000), Rate("input_tokens", "2", 1_000_000, hours=("sat 01:00-04:00",)))
    permit = permit_with(RateCard("v", {"acme": (ModelRates(("m-1",), rates),)}))
    saturday = 1_795_219_200 * 10**6

    def cost(minutes: int) -> int:
        held = structs.replace(HELD, created_at=saturday + minutes * 60 * 10**6)
        bill = price_call(permit, held, structs.replace(WHOLE, usage={"input_tokens": 1}))
        assert recompute(bill, HOLDER.tenant.id, permit.prices.card, permit.prices.margins).lines == bill.lines
        return bill.upstream_cost_nanos

    assert [cost(minutes) for minutes in (0, 59, 60, 239, 240, 1500)] == [1_000, 1_000, 2_000, 2_000, 1_000, 1_000]


def test_a_call_without_hours_does_not_tell_its_own() -> None:
    assert price_call(permit_with(), HELD, WHOLE).parts[0].conditions.minute == UNTIMED
