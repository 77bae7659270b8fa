from decimal import Decimal

import pytest
from doubles.acme import TENANT, make_hold
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
