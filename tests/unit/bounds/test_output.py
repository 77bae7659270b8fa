from typing import Any

import pytest

from proxy.bounds.output import NO_OUTPUT, allowance, units
from proxy.bounds.spec import BoundSpec, InputUnit, Output, OutputUnit
from proxy.errors import Refused
from proxy.pricing.card import ModelRates

OUTPUT = Output(
    units=(
        OutputUnit("output_tokens"),
        OutputUnit("audio", path="modalities", holds="audio"),
        OutputUnit("image", path="modalities", holds="IMAGE", absent=True),
    ),
    maximum=("max_new|maxNew", "max_old"),
    times=("n", "best_of"),
    prompts="prompt",
    assumed={"big-*": 9000},
)
SPEC = BoundSpec(input=(InputUnit("input_tokens"),), output=OUTPUT)
MODEL = ModelRates((), (), window=100_000, output_max=500)


def test_no_maximum_is_a_place_for_one() -> None:
    found = allowance({}, SPEC, MODEL, "m")
    assert (found.stated, found.limit, found.generations, found.parameter) == (None, 500, 1, ("max_new",))
    assert allowance({"maxNew": None}, SPEC, MODEL, "m").parameter == ("maxNew",)


def test_the_larger_of_two_maxima_counts_up_to_the_models() -> None:
    assert allowance({"max_old": 20}, SPEC, MODEL, "m").stated == 20
    assert allowance({"max_old": 20, "max_new": 300}, SPEC, MODEL, "m").stated == 300
    assert allowance({"max_old": 20, "max_new": 10**9}, SPEC, MODEL, "m").stated == 500
    assert allowance({"max_old": 20}, SPEC, MODEL, "m").parameter is None


@pytest.mark.parametrize("field", ["max_new", "max_old", "n", "best_of"])
@pytest.mark.parametrize("value", [0, -5, True, 1.0, "5", [], 10**9 + 1])
def test_absurd_numbers_are_refused(field: str, value: Any) -> None:
    with pytest.raises(Refused, match=field):
        allowance({field: value}, SPEC, MODEL, "m")


def test_more_than_128_generations_are_refused() -> None:
    assert allowance({"n": 128}, SPEC, MODEL, "m").generations == 128
    with pytest.raises(Refused):
        allowance({"n": 129}, SPEC, MODEL, "m")


@pytest.mark.parametrize(
    ("body", "generations"),
    [
        ({"n": 3, "best_of": 5}, 5),
        ({"prompt": "one"}, 1),
        ({"prompt": ["one", "two"], "n": 3}, 6),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1, 2], [3]]}, 2),
        ({"prompt": []}, 1),
    ],
)
def test_generations(body: Any, generations: int) -> None:
    assert allowance(body, SPEC, MODEL, "m").generations == generations


def test_the_models_limit() -> None:
    bare = ModelRates((), ())
    assert allowance({}, SPEC, bare, "big-1").limit == 9000
    assert allowance({}, SPEC, ModelRates((), (), window=77), "m").limit == 77
    assert allowance({}, SPEC, bare, "m").limit == SPEC.window


def test_zero_where_the_data_allow_it() -> None:
    spec = BoundSpec(input=(), output=Output(units=(), maximum=("max_tokens",), zero=True))
    assert allowance({"max_tokens": 0}, spec, MODEL, "m").stated == 0


def test_no_output() -> None:
    assert allowance({"max_new": "x"}, BoundSpec(input=()), MODEL, "m") == NO_OUTPUT


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, ["output_tokens", "image"]),
        ({"modalities": ["TEXT"]}, ["output_tokens"]),
        ({"modalities": ["text", "Audio"]}, ["output_tokens", "audio"]),
        ({"modalities": "image"}, ["output_tokens", "image"]),
        ({"modalities": [7]}, ["output_tokens", "audio", "image"]),
    ],
)
def test_units_that_can_apply(body: Any, found: list[str]) -> None:
    assert units(body, OUTPUT) == tuple(found)
