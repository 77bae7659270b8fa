from decimal import Decimal
from fractions import Fraction

import pytest
from doubles.books import CARD, TODAY, make_bill
from msgspec import structs

from proxy.ledger.bill import Bill, Part, Unexplained
from proxy.ledger.explain import explain
from proxy.pricing.card import Conditions, ModelRates, Rate, RateCard, Source
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Prices, Used, price
from proxy.pricing.reported import cost_ratio
from proxy.usage.certainty import Certainty

TENANT = "tnt_1"
SOURCE = Source("acme", "acme.yaml", False, "a price list", "2026-11-01", frozenset({"m-1"}))
TIERED = RateCard(
    "card-2",
    {
        "acme": (
            ModelRates(
                ("m-1",),
                (
                    Rate("input_tokens", "1", 1_000_000, source="row"),
                    Rate("input_tokens", "2", 1_000_000, tier="fast"),
                    Rate("input_tokens", "3", 1_000_000, tier="fast", context_above=100),
                    Rate("audio_seconds", "0.01", 7),
                ),
            ),
        )
    },
    {"cache_read_tokens": "input_tokens"},
    (SOURCE,),
)


def billed(used: dict[str, int | Decimal], conditions: Conditions, table: MarginTable | None = None) -> Bill:
    table = table or MarginTable()
    rates = TIERED.find("acme", "m-1")
    assert rates is not None
    priced = price(Prices(TIERED, table, TENANT, "acme"), [Used("m-1", rates, used, conditions)])
    part = Part("m-1", "m-1", used, conditions)
    amounts = (priced.cost_nanos, priced.charge_nanos, priced.unpriced)
    head = ("call_1", "acme", "chat", "m-1", Certainty.EXACT, "card-2", table.version)
    return Bill(*head, (part,), priced.lines, *amounts)


def test_every_line_has_its_rate_its_margin_and_its_exact_amounts() -> None:
    table = MarginTable(3, {(TENANT, None, None): Decimal("12.5")})
    used = {"input_tokens": 101, "output_tokens": 5, "cache_read_tokens": 3, "audio_seconds": Decimal("0.1")}
    bill = billed(used, Conditions("fast", 104, TODAY), table)
    explained = explain(bill, TENANT, TIERED, table)
    tokens, cached, seconds = explained.lines
    assert bill.unpriced == (("m-1", "output_tokens"),)
    assert (tokens.rate.usd, tokens.rate.context_above, tokens.source) == ("3", 100, SOURCE)
    assert (cached.line.unit, cached.rate.unit) == ("cache_read_tokens", "input_tokens")
    assert tokens.cost == 101 * 3000
    assert seconds.cost == Fraction(10_000_000, 70)
    assert seconds.charge == seconds.cost * Fraction(9, 8)
    assert [each.level for each in tokens.looks if each.wins] == ["tenant"]
    assert explained.cost == sum(each.cost for each in explained.lines)
    assert explained.charge.denominator > 1, "there is something to round"
    assert explained.agrees(bill)
    assert not explained.agrees(structs.replace(bill, charge_nanos=bill.charge_nanos + 1))
    assert not explained.agrees(structs.replace(bill, upstream_cost_nanos=bill.upstream_cost_nanos - 1))


def test_half_a_nano_rounds_to_even_as_the_bill_does() -> None:
    card = RateCard("c", {"acme": (ModelRates(("m-1",), (Rate("input_tokens", "0.000000001", 2),)),)})
    for tokens, charge in ((1, 0), (3, 2), (5, 2)):
        bill = make_bill(
            TENANT, 1, {"input_tokens": tokens}, card=card, margins=MarginTable(1, {(None,) * 3: Decimal(0)})
        )
        explained = explain(bill, TENANT, card, MarginTable(1, {(None, None, None): Decimal(0)}))
        assert explained.charge == Fraction(tokens, 2)
        assert bill.charge_nanos == charge
        assert explained.agrees(bill)


def test_a_call_of_nothing_is_explained_by_nothing() -> None:
    bill = make_bill(TENANT, 1, {"input_tokens": 0})
    explained = explain(bill, TENANT, CARD, MarginTable())
    assert (explained.lines, explained.charge) == ((), 0)
    assert explained.agrees(bill)


def test_a_card_that_does_not_lead_to_the_bill_is_told() -> None:
    bill = billed({"input_tokens": 1}, Conditions(date=TODAY))
    with pytest.raises(Unexplained, match="has no rates for acme/m-1"):
        explain(bill, TENANT, RateCard("other", {}), MarginTable())
    poorer = structs.replace(TIERED, version="p", integrations={"acme": (ModelRates(("m-1",), (Rate("x", "1"),)),)})
    with pytest.raises(Unexplained, match="has no rate for input_tokens of m-1"):
        explain(bill, TENANT, poorer, MarginTable())
    more = billed({"output_tokens": 1, "input_tokens": 1}, Conditions(date=TODAY))
    richer = ModelRates(("m-1",), (Rate("input_tokens", "1"), Rate("output_tokens", "1")))
    with pytest.raises(Unexplained, match="no line for output_tokens"):
        explain(more, TENANT, structs.replace(TIERED, integrations={"acme": (richer,)}), MarginTable())


def reported(used: dict[str, int | Decimal], usd: str, table: MarginTable) -> Bill:
    bill = billed(used, Conditions("fast", 104, TODAY), table)
    rates = TIERED.find("acme", "m-1")
    assert rates is not None
    parts = [Used("m-1", rates, used, Conditions("fast", 104, TODAY))]
    priced = price(Prices(TIERED, table, TENANT, "acme"), parts, cost_ratio(usd))
    return structs.replace(
        bill,
        lines=priced.lines,
        upstream_cost_nanos=priced.cost_nanos,
        charge_nanos=priced.charge_nanos,
        reported_cost=usd,
        by_report=True,
    )


@pytest.mark.parametrize("used", [{"input_tokens": 101, "cache_read_tokens": 3, "audio_seconds": 2}, {"unheard_of": 1}])
def test_a_reported_cost_is_explained_to_the_last_fraction(used: dict[str, int | Decimal]) -> None:
    table = MarginTable(3, {(TENANT, "acme", "input_tokens"): Decimal(50), (None, None, None): Decimal(10)})
    bill = reported(used, "0.00123457", table)
    explained = explain(bill, TENANT, TIERED, table)
    assert explained.cost == Fraction("1234570")
    assert explained.agrees(bill)
    assert [each.line for each in explained.lines] == list(bill.lines)
    if "unheard_of" in used:
        assert [each.rate.unit for each in explained.lines] == ["reported_cost"]
