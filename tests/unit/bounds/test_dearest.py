from decimal import Decimal

import pytest

from proxy.bounds.dearest import ANYWHERE, Dearest, Scope, market
from proxy.pricing.card import Conditions, ModelRates, Rate
from proxy.pricing.formula import unit_price

STANDARD = Scope()


def dearest(prices, model, units, scope=STANDARD, context=10) -> Dearest:
    found = market(prices, model, scope, context, "2026-11-21").dearest(units)
    assert found is not None
    return found


def test_the_dearest_unit(make_prices, model) -> None:
    assert dearest(make_prices(), model, ("input_tokens", "cache_write")).unit == "cache_write"


def test_the_margin_decides_too(make_prices, model) -> None:
    prices = make_prices({(None, None, None): Decimal(0), (None, "maker", "input_tokens"): Decimal(100)})
    assert dearest(prices, model, ("input_tokens", "cache_write")).unit == "input_tokens"


@pytest.mark.parametrize(("context", "nanos"), [(1000, 1000), (1001, 2000)])
def test_the_size_of_the_context(make_prices, model, context, nanos) -> None:
    numerator, denominator = dearest(make_prices(), model, ("input_tokens",), context=context).price.charge
    assert numerator == nanos * denominator


def test_a_cheaper_large_context_does_not_lower_the_bound(make_prices) -> None:
    rates = (Rate("input_tokens", "5"), Rate("input_tokens", "1", context_above=100))
    found = dearest(make_prices(), ModelRates(("x",), rates), ("input_tokens",), context=5000)
    assert found.price.charge[0] == 5_000_000_000 * found.price.charge[1]
    assert found.conditions.context <= 100


def test_tiers_and_regions(make_prices, model) -> None:
    prices = make_prices()
    priority = Scope(frozenset(("standard", "priority")))
    assert dearest(prices, model, ("input_tokens",), priority).conditions.tier == "priority"
    assert dearest(prices, model, ("input_tokens",), ANYWHERE).conditions.tier == "priority"
    assert dearest(prices, model, ("input_tokens",)).conditions.tier is None
    regional = ModelRates(("x",), (Rate("u", "1"), Rate("u", "2", region="us"), Rate("u", "9", region="eu")))
    assert dearest(prices, regional, ("u",), Scope(regions=frozenset(("us", "standard")))).conditions.region == "us"
    assert dearest(prices, regional, ("u",), ANYWHERE).conditions.region == "eu"


def test_the_price_is_that_of_the_conditions(make_prices, model) -> None:
    prices = make_prices()
    found = dearest(prices, model, ("output_tokens",), ANYWHERE, context=2000)
    assert found.price == unit_price(prices, model, found.unit, found.conditions)


def test_what_has_no_rate_has_no_price(make_prices, model) -> None:
    here = market(make_prices(), model, STANDARD, 10, "2026-11-21")
    assert here.dearest(("pages",)) is None
    assert here.dearest(()) is None
    assert here.conditions == (Conditions(None, 0, "2026-11-21"),)
