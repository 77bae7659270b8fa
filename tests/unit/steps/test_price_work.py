from decimal import Decimal
from typing import Any

import pytest
from doubles.acme import NOW, TENANT, make_hold
from doubles.books import CARD
from msgspec import structs

from proxy.ledger.bill import recompute
from proxy.pricing.card import ModelRates, Rate
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Prices
from proxy.steps.price_work import Answers
from proxy.usage.certainty import Certainty
from proxy.usage.reading import Reading

SIZED = ModelRates(
    ("m-2",),
    (
        Rate("input_tokens", "1", 1_000_000),
        Rate("input_tokens", "2", 1_000_000, context_above=100),
        Rate("input_tokens", "0.5", 1_000_000, tier="batch"),
    ),
)
BOOK = structs.replace(CARD, integrations={"acme": (*CARD.integrations["acme"], SIZED)})


def answers(tier: str | None = None) -> Answers:
    return Answers(make_hold(), Prices(BOOK, MarginTable(), TENANT.id, "acme"), tier)


def read(model: str = "m-1", **usage: int) -> Reading:
    return Reading(model=model, usage=usage, reported=True, complete=True)


def test_answers_that_are_priced_alike_are_added_up() -> None:
    added = answers()
    for _ in range(3):
        added.add(read(input_tokens=10, output_tokens=1))
    bill = added.bill()
    [part] = bill.parts
    assert part.usage == {"input_tokens": 30, "output_tokens": 3}
    assert (bill.model, bill.certainty, bill.upstream_cost_nanos) == ("m-1", Certainty.EXACT, 42_000)


def test_each_answer_is_priced_by_the_length_of_its_own_prompt() -> None:
    added = answers()
    for tokens in (100, 60, 101, 500):
        added.add(read("m-2", input_tokens=tokens))
    bill = added.bill()
    assert [(part.usage["input_tokens"], part.conditions.context) for part in bill.parts] == [(160, 100), (601, 500)]
    assert bill.upstream_cost_nanos == 160 * 1_000 + 601 * 2_000
    assert recompute(bill, TENANT.id, BOOK, MarginTable()).charge_nanos == bill.charge_nanos


def test_the_works_tier_counts_whatever_the_answers_say() -> None:
    added = answers("batch")
    added.add(structs.replace(read("m-2", input_tokens=10), tier="standard"))
    assert added.bill().upstream_cost_nanos == 5_000


CHANGING = ModelRates(
    ("m-3",),
    (
        Rate("input_tokens", "1", 1_000_000),
        Rate("input_tokens", "7", 1_000_000, since="2026-11-22"),
        Rate("input_tokens", "5", 1_000_000, region="eu"),
        Rate("output_tokens", "4", 1_000_000),
        Rate("output_tokens", "2", 1_000_000, hours=("sun 00:00-24:00",)),
    ),
)


def changing(**held: Any) -> Answers:
    book = structs.replace(CARD, integrations={"acme": (CHANGING,)})
    return Answers(make_hold(model="m-3", **held), Prices(book, MarginTable(), TENANT.id, "acme"), None)


@pytest.mark.parametrize(("period", "cost"), [("2026-11-21", 10_000), ("2026-11-22", 70_000)])
def test_the_day_of_the_hold_prices_what_ends_later(period: str, cost: int) -> None:
    added = changing(period=period)
    added.add(read("m-3", input_tokens=10))
    assert added.bill().upstream_cost_nanos == cost


@pytest.mark.parametrize(("days", "cost"), [(0, 40_000), (1, 20_000)], ids=["saturday", "sunday"])
def test_the_hour_of_the_hold_prices_what_ends_later(days: int, cost: int) -> None:
    added = changing(created_at=NOW + days * 86_400_000_000)
    added.add(read("m-3", output_tokens=10))
    assert added.bill().upstream_cost_nanos == cost


def test_regions_are_told_apart() -> None:
    added = changing()
    added.add(structs.replace(read("m-3", input_tokens=10), region="eu"))
    added.add(read("m-3", input_tokens=10))
    bill = added.bill()
    assert [part.conditions.region for part in bill.parts] == ["eu", None]
    assert bill.upstream_cost_nanos == 50_000 + 10_000


@pytest.mark.parametrize(("by_report", "cost"), [(True, 12_000), (False, 10_000)])
def test_what_the_provider_states_is_the_cost_only_where_its_route_says_so(by_report: bool, cost: int) -> None:
    added = changing()
    for _ in range(2):
        added.add(structs.replace(read("m-3", input_tokens=5), reported_cost="0.000006"))
    assert added.bill(by_report=by_report).upstream_cost_nanos == cost


def test_models_are_told_apart_and_an_unknown_one_is_priced_as_the_request_s() -> None:
    added = answers()
    added.add(structs.replace(read(input_tokens=1), other_models={"m-2": {"input_tokens": 2}}))
    added.add(read("m-9", input_tokens=3))
    bill = added.bill()
    assert [(part.model, part.priced_as) for part in bill.parts] == [("m-1", "m-1"), ("m-2", "m-2"), ("m-9", "m-1")]


def test_what_could_not_be_believed_makes_the_sum_a_lower_bound() -> None:
    added = answers()
    added.add(read(input_tokens=1))
    added.add(Reading(invalid=True))
    assert added.bill().certainty is Certainty.AT_LEAST


def test_answers_without_usage_are_none() -> None:
    added = answers()
    added.add(Reading(complete=True))
    assert not added.reported
    assert added.bill().charge_nanos == 0
    added.add(Reading(reported=True))
    assert added.reported


def test_reported_costs_are_added_up() -> None:
    added = answers()
    for cost in ("0.01", "", "0.002"):
        added.add(structs.replace(read(input_tokens=1), reported_cost=cost))
    assert Decimal(added.bill().reported_cost) == Decimal("0.012")


def test_a_model_that_was_never_sold_has_no_bill() -> None:
    held = make_hold(model="m-0")
    with pytest.raises(ValueError, match="no rates"):
        Answers(held, Prices(BOOK, MarginTable(), TENANT.id, "acme"), None).add(read("m-9", input_tokens=1))
