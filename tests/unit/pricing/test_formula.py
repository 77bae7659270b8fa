"""The formula on worked examples: each is small enough to check with pencil and paper."""

from decimal import Decimal
from fractions import Fraction

from proxy.pricing.card import Conditions, ModelRates, Rate, RateCard
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Line, Priced, Prices, Used, price, unit_price

MODEL = ModelRates(
    ("m",),
    (
        Rate("input_tokens", "1.25", 1_000_000),
        Rate("cache_read_tokens", "0.125", 1_000_000),
        Rate("output_tokens", "10", 1_000_000),
        Rate("output_tokens", "20", 1_000_000, tier="priority"),
        Rate("web_searches", "10", 1_000),
        Rate("audio_seconds", "0.017", 60),
        Rate("images", "0"),
        Rate("third", "0.000000001", 3),
    ),
)
CARD = RateCard("v1", {"openai": (MODEL,)}, {"input_audio_tokens": "input_tokens"})


def prices(**margins: str) -> Prices:
    slots = {
        "everyone": (None, None, None),
        "tenant": ("tnt_1", None, None),
        "searches": (None, "openai", "web_searches"),
    }
    return Prices(CARD, MarginTable(1, {slots[key]: Decimal(pct) for key, pct in margins.items()}), "tnt_1", "openai")


def used(conditions: Conditions | None = None, **quantities: int | Decimal) -> Used:
    return Used("m", MODEL, quantities, conditions or Conditions())


def test_a_chat_call() -> None:
    """1,000 x 1.25 + 2,000 x 0.125 + 500 x 10 per million = 0.0065 USD; with 20 % on top 0.0078."""
    result = price(prices(), [used(input_tokens=1_000, cache_read_tokens=2_000, output_tokens=500)])
    assert result == Priced(
        (
            Line("m", "input_tokens", 1_000, "1.25", 1_000_000, "global", "20", 1_250_000, 1_500_000),
            Line("m", "cache_read_tokens", 2_000, "0.125", 1_000_000, "global", "20", 250_000, 300_000),
            Line("m", "output_tokens", 500, "10", 1_000_000, "global", "20", 5_000_000, 6_000_000),
        ),
        6_500_000,
        7_800_000,
    )


def test_each_unit_has_its_own_margin() -> None:
    result = price(prices(everyone="10", searches="-50"), [used(output_tokens=100, web_searches=2)])
    assert [(line.unit, line.margin_level, line.margin_pct, line.charge_nanos) for line in result.lines] == [
        ("output_tokens", "global", "10", 1_100_000),
        ("web_searches", "meter", "-50", 10_000_000),
    ]
    assert result.charge_nanos == 11_100_000


def test_a_line_names_the_unit_that_was_used_and_the_rate_that_priced_it() -> None:
    (line,) = price(prices(), [used(input_audio_tokens=4)]).lines
    assert (line.unit, line.usd, line.per) == ("input_audio_tokens", "1.25", 1_000_000)


def test_conditions_pick_the_rate() -> None:
    assert price(prices(), [used(Conditions("priority"), output_tokens=100)]).cost_nanos == 2_000_000
    assert price(prices(), [used(Conditions("default"), output_tokens=100)]).cost_nanos == 1_000_000


def test_decimal_seconds_are_exact() -> None:
    """7.5 s at 0.017 USD a minute is 0.002125 USD."""
    assert price(prices(everyone="0"), [used(audio_seconds=Decimal("7.5"))]).charge_nanos == 2_125_000


def test_several_models_are_one_sum() -> None:
    other = Used("n", ModelRates(("n",), (Rate("input_tokens", "5", 1_000_000),)), {"input_tokens": 10}, Conditions())
    result = price(prices(everyone="0"), [used(input_tokens=100), other])
    assert [(line.model, line.charge_nanos) for line in result.lines] == [("m", 125_000), ("n", 50_000)]
    assert result.charge_nanos == 175_000


def test_what_has_no_rate_is_named_and_costs_nothing() -> None:
    result = price(prices(), [used(input_tokens=100, file_searches=3, pages=1)])
    assert result.unpriced == (("m", "file_searches"), ("m", "pages"))
    assert [line.unit for line in result.lines] == ["input_tokens"]


def test_zero_quantities_leave_no_line_and_a_zero_price_does() -> None:
    result = price(prices(), [used(input_tokens=0, file_searches=0, images=2)])
    assert result.unpriced == ()
    assert [(line.unit, line.charge_nanos) for line in result.lines] == [("images", 0)]


def test_nothing_used_costs_nothing() -> None:
    assert price(prices(), []) == Priced((), 0, 0)


def test_a_margin_of_minus_100_charges_nothing_but_still_costs() -> None:
    result = price(prices(tenant="-100"), [used(output_tokens=100)])
    assert (result.cost_nanos, result.charge_nanos) == (1_000_000, 0)


def test_rounds_once_for_the_call_and_half_to_even() -> None:
    """Three thirds of a nano are one nano: rounding each line would have lost it."""
    result = price(prices(everyone="0"), [used(third=1), used(third=1), used(third=1)])
    assert result.charge_nanos == 1
    assert [line.charge_nanos for line in result.lines] == [1, 0, 0]
    assert price(prices(everyone="50"), [used(third=1)]).charge_nanos == 0  # exactly half a nano
    assert price(prices(everyone="50"), [used(third=3)]).charge_nanos == 2  # exactly one and a half


def test_unit_price_is_the_exact_price_of_one() -> None:
    found = unit_price(prices(), MODEL, "third", Conditions())
    assert found is not None
    assert Fraction(*found.cost) == Fraction(1, 3)
    assert Fraction(*found.charge) == Fraction(6, 5) / 3
    assert unit_price(prices(), MODEL, "pages", Conditions()) is None
