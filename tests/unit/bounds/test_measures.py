"""What a request tells of its own cost: characters, seconds, pieces, choices."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from doubles.sound import wav

from proxy.bounds.measures import Addon, Measure, Measured, Variant, added, measured, variant
from proxy.errors import Refused
from proxy.pricing.card import ModelRates, Rate
from proxy.wire.upload import Upload

RATES = ModelRates(
    ("m",), tuple(Rate(unit, "1") for unit in ("characters", "audio_seconds", "images", "output_tokens"))
)


def measure(body: Any, model: str = "m", **fields: Any) -> Measured:
    [found] = measured(body, (msgspec.convert(fields, Measure),), RATES, model)
    return found


@pytest.mark.parametrize(
    ("text", "count"), [("abc", 3), ("häuser", 6), ("\N{GRINNING FACE}", 1), ("", 0), (["ab", "c", 4], 3), (None, 0)]
)
def test_characters_are_code_points(text: Any, count: int) -> None:
    found = measure({"input": text}, unit="characters", of="characters", at=("input",))
    assert (found.quantity, found.most, found.sure) == (count, count, True)


def test_characters_of_several_places() -> None:
    body = {"inputs": [{"text": "ab", "voice": "x"}, {"text": "cde"}]}
    assert measure(body, unit="characters", of="characters", at=("inputs.*.text", "title")).quantity == 5


def test_a_model_may_count_in_another_way() -> None:
    fields: dict[str, Any] = {"unit": "characters", "of": "characters", "at": ["input"], "models": {"*flash*": "0.5"}}
    assert measure({"input": "abc"}, "eleven_flash_v2", **fields).quantity == 2
    assert measure({"input": "abc"}, "other", **fields).quantity == 3


def test_tokens_for_characters_are_held_at_their_most() -> None:
    found = measure({"input": "abc"}, unit="output_tokens", of="characters", at=("input",), each="1.7", most="8")
    assert (found.quantity, found.most) == (6, 24)


def test_seconds_of_uploads() -> None:
    found = measure({"file": Upload(wav(2.5))}, unit="audio_seconds", of="seconds", at=("file",))
    assert (found.quantity, found.sure) == (Decimal("2.5"), False)
    assert found.most == 4


def test_seconds_are_rounded_up_or_have_a_least() -> None:
    body = {"file": Upload(wav(2.5))}
    fields: dict[str, Any] = {"unit": "audio_seconds", "of": "seconds", "at": ["file"]}
    assert measure(body, **fields, round_up=True).quantity == 3
    assert (measure(body, **fields, least=10).quantity, measure(body, **fields, least=10).most) == (10, 10)
    assert measure({**body, "channels": 2}, **fields, times=["channels"]).quantity == 5


def test_a_recording_that_cannot_be_read_is_held_for_the_lowest_rate() -> None:
    found = measure({"file": Upload(bytes(32_000))}, unit="audio_seconds", of="seconds", at=("file",))
    assert (found.quantity, found.most) == (2, 67)


def test_a_recording_elsewhere_is_held_as_unknown() -> None:
    found = measure({"url": "https://x"}, unit="audio_seconds", of="seconds", at=("file", "url"), unknown=3600)
    assert found.quantity == 0
    assert found.most >= 3600


def test_pieces_and_numbers() -> None:
    body = {"image": Upload(b"x"), "images": [1, 2], "n": 3, "steps": 4}
    assert measure(body, unit="images", of="items", at=("image", "images")).quantity == 3
    assert measure(body, unit="images", of="number", at=("n", "steps")).quantity == 4
    assert measure({}, unit="images", of="number", at=("n",), absent=2).quantity == 2
    assert measure(body, unit="images", of="call", each="7").quantity == 7
    assert measure({"n": "12"}, unit="images", of="number", at=("n",)).quantity == 12
    for odd in ("many", "-3", "", "1.5", "9" * 10, True, ["3", 4]):
        with pytest.raises(Refused):
            measure({"n": odd}, unit="images", of="number", at=("n",))


def test_a_unit_without_a_rate_of_its_own_does_not_count() -> None:
    spec = msgspec.convert({"unit": "pages", "of": "call"}, Measure)
    assert measured({}, (spec,), RATES, "m") == []


def test_a_condition_on_the_request() -> None:
    spec = msgspec.convert({"unit": "images", "of": "call", "where": {"format": "sse"}}, Measure)
    assert measured({}, (spec,), RATES, "m") == []
    assert len(measured({"format": "sse"}, (spec,), RATES, "m")) == 1


@pytest.mark.parametrize("number", ["-1", "1e3", "many"])
def test_a_number_that_is_none_is_refused_when_it_is_loaded(number: str) -> None:
    with pytest.raises(ValueError, match=number):
        Measure("images", "call", each=number)


CHOICES = (
    Variant("quality", absent="standard"),
    Variant("size", names={"1792x1024": "wide", "1024x1792": "wide"}, absent="square"),
)


TIERS = ("standard/square", "hd/wide", "hd/512x512", "3/square", "annotated")
DRAWN = ModelRates(("m",), tuple(Rate("images", "1", tier=tier) for tier in TIERS))


@pytest.mark.parametrize(
    ("body", "tier"),
    [
        ({}, "standard/square"),
        ({"quality": "HD", "size": "1024x1792"}, "hd/wide"),
        ({"quality": "hd", "size": "512x512"}, "hd/512x512"),
        ({"quality": None, "size": ""}, "standard/square"),
        ({"quality": 3}, "3/square"),
        ({"quality": "auto"}, None),
    ],
)
def test_choices_make_a_tier_if_the_rates_know_it(body: Any, tier: str | None) -> None:
    assert variant(body, CHOICES, DRAWN) == tier


def test_a_choice_may_only_matter_if_it_is_made() -> None:
    assert variant({"format": {"type": "json"}}, (Variant("format", given="annotated"),), DRAWN) == "annotated"
    assert variant({}, (Variant("format", given="annotated"),), DRAWN) is None


ADDONS = (
    Addon("diarized_seconds", "audio_seconds", {"?.diarize": "true", "?.diarize_model": None}),
    Addon("redacted_seconds", "audio_seconds", {"?.redact": None}),
    Addon("entity_seconds", "pages", {"?.redact": None}),
)


@pytest.mark.parametrize(
    ("query", "units"),
    [
        ({}, set()),
        ({"diarize": "true"}, {"diarized_seconds"}),
        ({"diarize": "false", "diarize_model": "v2"}, {"diarized_seconds"}),
        ({"diarize": "false"}, set()),
        ({"redact": ["pci", "ssn"], "diarize": "true"}, {"diarized_seconds", "redacted_seconds"}),
    ],
)
def test_extras_are_billed_beside_what_they_extend(query: Any, units: set[str]) -> None:
    found = added({"?": query}, ADDONS, {"audio_seconds": Decimal("2.5")})
    assert found == dict.fromkeys(units, Decimal("2.5"))
