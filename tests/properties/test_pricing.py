"""Properties of the formula that hold for any rates, margins and quantities, against exact fractions."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from proxy.money import NANOS_PER_USD
from proxy.pricing.card import Conditions, ModelRates, Rate, RateCard
from proxy.pricing.cascade import DEFAULT_PCT, MarginTable, Slot
from proxy.pricing.formula import Prices, Used, price, unit_price

UNITS = ("input_tokens", "cache_read_tokens", "output_tokens", "audio_seconds", "web_searches")
usd = st.decimals(0, 1_000, places=9).map(lambda value: f"{value:f}")
per = st.sampled_from([1, 3, 60, 1_000, 1_000_000])
pct = st.decimals(-100, 1_000, places=4)
quantity = st.one_of(st.integers(0, 10**7), st.decimals(0, 10**5, places=3))
quantities = st.dictionaries(st.sampled_from(UNITS), quantity)
slots = st.dictionaries(
    st.sampled_from([(None, None, None), ("tnt_1", None, None), *((None, "p", unit) for unit in UNITS)]), pct
)


@st.composite
def models(draw: st.DrawFn) -> ModelRates:
    return ModelRates(("m",), tuple(Rate(unit, draw(usd), draw(per)) for unit in UNITS))


def prices(margins: Mapping[Slot, Decimal]) -> Prices:
    return Prices(RateCard("v", {}), MarginTable(1, margins), "tnt_1", "p")


def used(model: ModelRates, counted: Mapping[str, int | Decimal]) -> Used:
    return Used("m", model, counted, Conditions())


def exact(margins: Mapping[Slot, Decimal], parts: list[Used]) -> tuple[Fraction, Fraction]:
    """The rule itself, in fractions: the sum of unit cost x quantity, and of that times 1 + margin / 100."""
    cost = charge = Fraction(0)
    for part in parts:
        for unit, count in part.quantities.items():
            (rate,) = (rate for rate in part.rates.rates if rate.unit == unit)
            line = Fraction(rate.usd) * NANOS_PER_USD / rate.per * Fraction(count)
            percent = next(
                (
                    margins[slot]
                    for slot in (("tnt_1", None, None), (None, "p", unit), (None, None, None))
                    if slot in margins
                ),
                DEFAULT_PCT,
            )
            cost += line
            charge += line * (1 + Fraction(percent) / 100)
    return cost, charge


def one_by_one(prices: Prices, parts: list[Used]) -> tuple[Fraction, Fraction]:
    """Sum what holds are made of: the exact price of one of each unit."""
    cost = charge = Fraction(0)
    for part in parts:
        for unit, quantity in part.quantities.items():
            found = unit_price(prices, part.rates, unit, part.conditions)
            assert found is not None
            cost += Fraction(*found.cost) * Fraction(quantity)
            charge += Fraction(*found.charge) * Fraction(quantity)
    return cost, charge


calls = st.lists(st.tuples(models(), quantities), max_size=3)


@given(slots, calls)
def test_one_rounding_equals_exact_arithmetic(
    margins: Mapping[Slot, Decimal], call: list[tuple[ModelRates, Mapping[str, int | Decimal]]]
) -> None:
    parts = [used(*part) for part in call]
    cost, charge = exact(margins, parts)
    result = price(prices(margins), parts)
    assert (result.cost_nanos, result.charge_nanos) == (round(cost), round(charge))
    assert one_by_one(prices(margins), parts) == (cost, charge)


@given(slots, calls)
def test_lines_sum_to_the_call(
    margins: Mapping[Slot, Decimal], call: list[tuple[ModelRates, Mapping[str, int | Decimal]]]
) -> None:
    result = price(prices(margins), [used(*part) for part in call])
    assert sum(line.cost_nanos for line in result.lines) == result.cost_nanos
    assert sum(line.charge_nanos for line in result.lines) == result.charge_nanos
    assert all(line.cost_nanos >= 0 <= line.charge_nanos for line in result.lines)
    assert not result.unpriced


@given(slots, calls)
def test_a_hold_covers_the_charge(
    margins: Mapping[Slot, Decimal], call: list[tuple[ModelRates, Mapping[str, int | Decimal]]]
) -> None:
    parts = [used(*part) for part in call]
    result = price(prices(margins), parts)
    cost, charge = one_by_one(prices(margins), parts)
    assert 0 <= ceil(cost) - result.cost_nanos <= 1
    assert 0 <= ceil(charge) - result.charge_nanos <= 1


@given(slots, models(), quantities, st.permutations(UNITS))
def test_the_order_in_which_units_were_seen_is_moot(
    margins: Mapping[Slot, Decimal], model: ModelRates, counted: Mapping[str, int | Decimal], order: list[str]
) -> None:
    shuffled = {unit: counted[unit] for unit in order if unit in counted}
    one, two = price(prices(margins), [used(model, counted)]), price(prices(margins), [used(model, shuffled)])
    assert (one.cost_nanos, one.charge_nanos) == (two.cost_nanos, two.charge_nanos)


@given(slots, models(), quantities, st.sampled_from(UNITS), st.integers(0, 10**6))
def test_more_of_a_unit_never_costs_less(
    margins: Mapping[Slot, Decimal], model: ModelRates, counted: Mapping[str, int | Decimal], unit: str, more: int
) -> None:
    bigger = {**counted, unit: counted.get(unit, 0) + more}
    less, most = price(prices(margins), [used(model, counted)]), price(prices(margins), [used(model, bigger)])
    assert less.cost_nanos <= most.cost_nanos
    assert less.charge_nanos <= most.charge_nanos


@given(models(), quantities, pct, pct)
def test_a_larger_margin_never_charges_less(
    model: ModelRates, counted: Mapping[str, int | Decimal], one: Decimal, two: Decimal
) -> None:
    low, high = (price(prices({(None, None, None): percent}), [used(model, counted)]) for percent in sorted((one, two)))
    assert low.charge_nanos <= high.charge_nanos
    assert low.cost_nanos == high.cost_nanos


@given(models(), quantities)
def test_no_margin_charges_the_cost(model: ModelRates, counted: Mapping[str, int | Decimal]) -> None:
    result = price(prices({(None, None, None): Decimal(0)}), [used(model, counted)])
    assert [line.charge_nanos for line in result.lines] == [line.cost_nanos for line in result.lines]
    assert result.charge_nanos == result.cost_nanos
