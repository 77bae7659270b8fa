"""The dearest of all rates stands in for models that have none."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from proxy.loading.dearest import with_dearest
from proxy.pricing.card import Conditions, ModelRates, Rate, RateCard

FALLBACKS = {"cache_read_tokens": "input_tokens", "audio_tokens": "cache_read_tokens"}
HERE = Conditions(date="2026-11-21")


def test_it_takes_the_dearest_of_every_unit_and_the_largest_limits() -> None:
    small = ModelRates(("a",), (Rate("input_tokens", "1", 1000), Rate("output_tokens", "9")), 10, 400)
    large = ModelRates(("b",), (Rate("input_tokens", "2", 1000), Rate("output_tokens", "3")), 900, None)
    stand_in = with_dearest((small, large), {})[-1]
    assert stand_in == ModelRates(
        ("*",), (Rate("input_tokens", "2", 1000), Rate("output_tokens", "9")), 900, 400, stand_in=True
    )


def test_qualified_rates_count_and_lose_their_qualifiers() -> None:
    tiered = ModelRates(("a",), (Rate("x", "1"), Rate("x", "5", tier="fast"), Rate("x", "7", context_above=9)))
    assert with_dearest((tiered,), {})[-1].rates == (Rate("x", "7"),)


def test_a_unit_costs_no_less_than_what_it_falls_back_to() -> None:
    dear = ModelRates(("a",), (Rate("input_tokens", "8"),))
    cheap = ModelRates(("b",), (Rate("input_tokens", "1"), Rate("audio_tokens", "2")))
    stand_in = with_dearest((dear, cheap), FALLBACKS)[-1]
    assert {rate.unit: rate.usd for rate in stand_in.rates} == {"input_tokens": "8", "audio_tokens": "8"}


def test_nothing_is_added_where_every_name_has_rates_or_none_has() -> None:
    everything = (ModelRates(("*",), (Rate("x", "0"),)),)
    assert with_dearest(everything, {}) == everything
    assert with_dearest((), {}) == ()


units = st.sampled_from(["input_tokens", "cache_read_tokens", "audio_tokens", "output_tokens"])
rates = st.builds(
    Rate,
    units,
    st.integers(0, 50).map(str),
    st.sampled_from([1, 1000]),
    tier=st.sampled_from([None, "fast"]),
    context_above=st.sampled_from([None, 100]),
    hours=st.sampled_from([(), ("01:00-04:00",)]),
)
models = st.builds(lambda found: ModelRates(("m",), tuple(found), None), st.lists(rates, min_size=1, max_size=5))


@given(st.lists(models, min_size=1, max_size=4), units, st.sampled_from([None, "fast"]), st.sampled_from([0, 500]))
def test_it_is_never_cheaper_than_any_model(found: list[ModelRates], unit: str, tier: str | None, size: int) -> None:
    joined = with_dearest(found, FALLBACKS)
    card = RateCard("v", {"i": joined}, FALLBACKS)
    dearest = card.rate(joined[-1], unit, HERE)
    for model in found:
        rate = card.rate(model, unit, Conditions(tier, size, "2026-11-21", minute=90))
        if rate is not None:
            assert dearest is not None
            assert Fraction(*dearest.ratio) >= Fraction(*rate.ratio)
