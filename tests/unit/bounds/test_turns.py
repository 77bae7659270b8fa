from collections.abc import Callable
from typing import Any

import pytest

from proxy.bounds.asking import need
from proxy.bounds.turns import (
    Beside,
    Characters,
    Coding,
    Flow,
    Pictures,
    Sound,
    Text,
    TurnBound,
    Written,
    asked_for,
    cover,
    turn_worst,
)
from proxy.errors import Refusal, Refused
from proxy.pricing.card import ModelRates, Rate

BOUND = TurnBound(
    text=Text(("input_tokens",), overhead=10, step=100),
    sound=Sound(100, at=("sound",), units=("input_audio_tokens",), tokens_per_second=10, step_s=60),
    pictures=Pictures(("image",), 50, ("input_tokens",)),
    output=Written(("output_tokens", "output_audio_tokens")),
)


@pytest.fixture
def price(model: ModelRates, make_prices: Any) -> Callable[..., int]:
    def run(flow: Flow, bound: TurnBound = BOUND, rates: ModelRates = model, beside: Beside | None = None) -> int:
        prices = make_prices(None, *([beside.rates] if beside else []))
        return need(turn_worst(bound, flow, rates, prices, "small", "2026-11-21", beside), "strict").ask.most

    return run


def test_a_bound_covers_a_step_more_than_there_is() -> None:
    covered = cover(Flow(text=7, sound_bytes=100), BOUND)
    assert (covered.text, covered.sound_bytes, covered.pictures) == (107, 6100, 0)
    covered = cover(Flow(pictures=50, heard=3), BOUND)
    assert (covered.text, covered.sound_bytes, covered.pictures, covered.heard) == (100, 6000, 850, 3)
    assert cover(Flow(), TurnBound(characters=Characters("input_tokens", ("say",), step=9))).characters == 9


def test_what_costs_nothing_is_covered_whatever_comes() -> None:
    bound = TurnBound(characters=Characters("input_tokens", ("say",)))
    assert Flow(text=10**9, sound_bytes=10**9, pictures=258).within(cover(Flow(), bound))


@pytest.mark.parametrize("name", ["text", "pictures", "heard", "sound_bytes", "characters"])
def test_more_of_anything_is_not_covered(name: str) -> None:
    assert Flow().within(Flow(**{name: 1}))
    assert not Flow(**{name: 2}).within(Flow(**{name: 1}))


def test_flows_add_up_and_the_later_maximum_counts() -> None:
    assert Flow(1, 2, 3, 4, 5, 6).plus(Flow(1, 1, 1, 1, 1)) == Flow(2, 3, 4, 5, 6, 6)
    assert Flow(maximum=6).plus(Flow(maximum=2)).maximum == 2


def test_what_is_read_and_the_longest_answer_are_held(price: Callable[..., int]) -> None:
    # 10 + 20 tokens of text at 8 USD a million in the dearest tier, 2 s of sound are 20 tokens at 10, output is at 40.
    assert price(Flow(text=20, sound_bytes=200)) == 30 * 8000 + 20 * 10_000 + 500 * 40_000
    assert price(Flow(text=20, maximum=5)) == 30 * 8000 + 5 * 40_000
    assert price(Flow(heard=7, maximum=5)) == 10 * 8000 + 7 * 10_000 + 5 * 40_000


def test_the_window_is_filled_with_the_dearest_first(price: Callable[..., int]) -> None:
    full = price(Flow(text=50_000, heard=4_000, maximum=1))
    assert full == 4_000 * 10_000 + 6_000 * 8_000 + 40_000


def test_seconds_and_characters_are_units_of_their_own(price: Callable[..., int]) -> None:
    seconds = TurnBound(sound=Sound(100, seconds="searches"))
    assert price(Flow(sound_bytes=201), seconds) == 3 * 10_000_000
    characters = TurnBound(characters=Characters("searches", ("say",)))
    assert price(Flow(characters=2), characters) == 2 * 10_000_000


def test_who_hears_beside_is_held_too(price: Callable[..., int]) -> None:
    by_second = ModelRates(("ears",), (Rate("audio_seconds", "0.06", 60),))
    beside = Beside("ears", by_second, ("input_audio_tokens", "audio_seconds"))
    flow = Flow(sound_bytes=200, maximum=1)
    assert price(flow, beside=beside) - price(flow) == 2 * 1_000_000


def test_a_unit_without_a_price_is_refused(price: Callable[..., int]) -> None:
    with pytest.raises(Refused) as caught:
        price(Flow(characters=1), TurnBound(characters=Characters("characters", ("say",))))
    assert caught.value.refusal is Refusal.UNPRICED_MODEL


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"encoding": "linear16", "sample_rate": "16000"}, 32_000),
        ({"encoding": "linear16", "sample_rate": "16000", "channels": "2"}, 64_000),
        ({"encoding": "opus", "sample_rate": "16000"}, 500),
        ({"encoding": "linear16"}, 500),
        ({"encoding": "linear16", "sample_rate": "x"}, 500),
        ({}, 500),
    ],
)
def test_a_second_takes_what_the_url_says(parameters: dict[str, str], found: int) -> None:
    coding = Coding("encoding", "sample_rate", {"linear16": 2}, channels="channels")
    made = asked_for(TurnBound(sound=Sound(500, coding=coding)), parameters).sound
    assert made is not None
    assert made.bytes_per_second == found
    assert asked_for(BOUND, parameters) == BOUND


@pytest.mark.parametrize(
    ("parameters", "found"),
    [({}, 32_000), ({"format": "ulaw"}, 8_000), ({"format": "pcm", "rate": "8000"}, 16_000), ({"format": "opus"}, 500)],
)
def test_a_coding_may_say_all_in_its_name_and_be_meant_where_it_is_absent(
    parameters: dict[str, str], found: int
) -> None:
    coding = Coding("format", "rate", {"pcm": 2}, {"ulaw": 8_000}, absent={"format": "pcm", "rate": "16000"})
    made = asked_for(TurnBound(sound=Sound(500, coding=coding)), parameters).sound
    assert made is not None
    assert made.bytes_per_second == found


def test_what_is_billed_by_the_same_seconds_is_held_where_it_is_asked_for(price: Callable[..., int]) -> None:
    bound = TurnBound(sound=Sound(100, seconds="searches", added={"input_tokens": "diarize"}))
    for parameters, extra in (({}, 0), ({"diarize": "false"}, 0), ({"diarize": "true"}, 3 * 8000)):
        assert price(Flow(sound_bytes=201), asked_for(bound, parameters)) == 3 * 10_000_000 + extra
