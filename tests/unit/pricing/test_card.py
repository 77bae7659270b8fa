"""The rate card: which model a name means, and which of its rates applies."""

from fractions import Fraction

import msgspec
import pytest

from proxy.money import NANOS_PER_USD
from proxy.pricing.card import GLOBBED_MAX, Conditions, ModelRates, Rate, RateCard, Source, is_glob

INPUT = Rate("input_tokens", "1")


def model(*match: str, rates: tuple[Rate, ...] = (INPUT,)) -> ModelRates:
    return ModelRates(match, rates)


def card(*models: ModelRates, **fallbacks: str) -> RateCard:
    return RateCard("v", {"p": models}, fallbacks)


class TestFind:
    def test_an_exact_name_beats_every_glob(self) -> None:
        exact, near = model("gpt-5-mini"), model("gpt-5-min?")
        assert card(near, exact).find("p", "gpt-5-mini") is exact

    def test_the_longest_literal_head_beats_shorter_ones(self) -> None:
        wide, narrow, all_ = model("gpt-*"), model("gpt-5-20??-??-??"), model("*")
        for order in ((wide, narrow, all_), (all_, narrow, wide)):
            assert card(*order).find("p", "gpt-5-2025-08-07") is narrow
            assert card(*order).find("p", "gpt-4") is wide
            assert card(*order).find("p", "claude") is all_

    def test_a_tie_of_heads_does_not_depend_on_order(self) -> None:
        one, two = model("gpt-*"), model("gpt-??")
        assert card(one, two).find("p", "gpt-40") is card(two, one).find("p", "gpt-40") is two

    @pytest.mark.parametrize(
        "name", ["gpt-5-2025-08-07x", "xgpt-5-2025-08-07", "gpt-5-2025-08-0", "GPT-5-2025-08-07", ""]
    )
    def test_a_glob_matches_the_whole_name_and_its_case(self, name: str) -> None:
        assert card(model("gpt-5-20??-??-??")).find("p", name) is None

    def test_a_name_with_glob_characters_is_not_a_glob(self) -> None:
        assert card(model("a[b]")).find("p", "ab") is not None
        assert card(model("exact")).find("p", "e*") is None

    def test_unknown_integration(self) -> None:
        assert card(model("*")).find("other", "x") is None

    def test_many_unknown_names_leave_nothing_behind(self) -> None:
        """Names come from callers: looking them up must not fill memory."""
        subject = card(model("gpt-*"))
        subject.find("p", "gpt-1")
        for number in range(GLOBBED_MAX + 100):
            assert subject.find("p", f"gpt-{number}") is not None
            subject.find("p", f"unknown-{number}")
            subject.find(f"p{number}", "x")
        assert max(len(value) for value in vars(subject).values() if hasattr(value, "__len__")) == GLOBBED_MAX


class TestRate:
    RATES = (
        Rate("input_tokens", "1"),
        Rate("input_tokens", "2", context_above=200),
        Rate("input_tokens", "3", since="2026-06-01"),
        Rate("input_tokens", "4", tier="batch"),
        Rate("input_tokens", "5", tier="batch", region="us"),
        Rate("input_tokens", "6", region="us"),
        Rate("output_tokens", "7", tier="batch", context_above=200, since="2026-06-01"),
        Rate("output_tokens", "8", tier="batch"),
        Rate("output_tokens", "9", context_above=1_000),
        Rate("output_tokens", "10", context_above=200),
        Rate("output_tokens", "11"),
    )

    @pytest.mark.parametrize(
        ("unit", "conditions", "usd"),
        [
            ("input_tokens", Conditions(), "1"),
            ("input_tokens", Conditions(date="2026-05-31"), "1"),
            ("input_tokens", Conditions(date="2026-06-01"), "3"),
            ("input_tokens", Conditions(context=200), "1"),
            ("input_tokens", Conditions(context=201), "2"),
            ("input_tokens", Conditions(context=201, date="2027-01-01"), "2"),
            ("input_tokens", Conditions("batch"), "4"),
            ("input_tokens", Conditions("batch", 201, "2027-01-01"), "4"),
            ("input_tokens", Conditions("flex"), "1"),
            ("input_tokens", Conditions("batch", region="us"), "5"),
            ("input_tokens", Conditions(region="us"), "6"),
            ("input_tokens", Conditions(region="eu"), "1"),
            ("output_tokens", Conditions("batch", 201, "2026-06-01"), "7"),
            ("output_tokens", Conditions("batch", 201, "2026-05-31"), "8"),
            ("output_tokens", Conditions("batch", 200, "2026-06-01"), "8"),
            ("output_tokens", Conditions(None, 1_001), "9"),
            ("output_tokens", Conditions(None, 1_000), "10"),
            ("output_tokens", Conditions("standard", 1), "11"),
        ],
    )
    def test_the_closest_rate_applies(self, unit: str, conditions: Conditions, usd: str) -> None:
        for rates in (self.RATES, self.RATES[::-1]):
            subject = model("m", rates=rates)
            chosen = card(subject).rate(subject, unit, conditions)
            assert chosen is not None
            assert chosen.usd == usd

    def test_a_rate_of_the_future_is_no_rate_yet(self) -> None:
        subject = model("m", rates=(Rate("input_tokens", "1", since="2027-01-01"),))
        assert card(subject).rate(subject, "input_tokens", Conditions(date="2026-12-31")) is None

    def test_units_fall_back_along_the_chain(self) -> None:
        subject = model("m", rates=(INPUT, Rate("cache_read_tokens", "0.1", tier="flex")))
        chain = {"cache_read_audio_tokens": "cache_read_tokens", "cache_read_tokens": "input_tokens"}
        find = card(subject, **chain).rate
        assert find(subject, "cache_read_audio_tokens", Conditions("flex")) == Rate(
            "cache_read_tokens", "0.1", tier="flex"
        )
        assert find(subject, "cache_read_audio_tokens", Conditions()) == INPUT
        assert find(subject, "output_tokens", Conditions()) is None

    def test_an_explicit_zero_is_a_rate(self) -> None:
        free = Rate("input_tokens", "0")
        subject = model("m", rates=(free,))
        assert card(subject).rate(subject, "input_tokens", Conditions()) == free


@pytest.mark.parametrize(
    ("usd", "per"), [("1.25", 1_000_000), ("0", 1), ("0.017", 60), ("1", 3), ("0.1234567890123456789012345678901", 7)]
)
def test_ratio_is_exact_nanos_for_one_unit(usd: str, per: int) -> None:
    assert Fraction(*Rate("u", usd, per).ratio) == Fraction(usd) * NANOS_PER_USD / per


def test_units_are_those_with_a_rate_of_their_own() -> None:
    assert model("m", rates=(INPUT, Rate("web_searches", "0"))).units == {"input_tokens", "web_searches"}


def test_is_glob() -> None:
    assert [name for name in ("a", "a*", "a?", "a[b]", "a-b.c:d") if is_glob(name)] == ["a*", "a?", "a[b]"]


def test_a_card_survives_json() -> None:
    """The store keeps cards as JSON; what was looked up before does not leak into it."""
    subject = card(ModelRates(("a", "b*"), TestRate.RATES, 100, 10), model("c"), cache_read_tokens="input_tokens")
    subject.find("p", "b1")
    subject.rate(subject.integrations["p"][0], "input_tokens", Conditions())
    encoded = msgspec.json.encode(subject)
    again = msgspec.json.decode(encoded, type=RateCard)
    assert again == subject
    assert msgspec.json.encode(again) == encoded
    assert again.find("p", "b1") == subject.find("p", "b1")


def test_where_prices_come_from_is_kept_beside_them() -> None:
    own = Source("acme", "mine.yaml", True, "a contract", "2026-11-01", frozenset({"m", "other"}))
    built_in = Source("acme", "acme.yaml", False, "a page", "2026-10-01", frozenset({"m", "n", "n-*"}))
    mine, theirs = ModelRates(("m",), ()), ModelRates(("n", "n-*"), ())
    card = RateCard("v", {"acme": (mine, theirs)}, sources=(own, built_in))
    assert card.source_of("acme", mine) == own
    assert card.source_of("acme", theirs) == built_in
    assert card.source_of("bolt", mine) is None
    assert RateCard("v", card.integrations).source_of("acme", mine) is None


def test_cards_that_price_alike_may_differ_in_their_sources() -> None:
    source = Source("acme", "acme.yaml", False, "a page", "2026-10-01")
    card = RateCard("v", {"acme": (ModelRates(("m",), (Rate("u", "1"),)),)}, sources=(source,))
    assert card.prices_as(RateCard("v", card.integrations))
    assert not card.prices_as(RateCard("v", {"acme": (ModelRates(("m",), (Rate("u", "2"),)),)}, sources=(source,)))
    assert not card.prices_as(RateCard("w", card.integrations))
    assert not card.prices_as(RateCard("v", card.integrations, {"a": "b"}))
