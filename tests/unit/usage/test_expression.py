"""Sums of reported numbers: exact where they can be true, Absurd where they cannot."""

from decimal import Decimal
from typing import Any

import pytest

from proxy.usage.expression import COUNT_MAX, Absurd, evaluate, number_of, parse_terms, quantity

USAGE = {
    "prompt": 100,
    "output": 7,
    "details": {"cached": 30, "audio": None},
    "by_modality": [{"modality": "TEXT", "n": 60}, {"modality": "IMAGE", "n": 25}, {"modality": 5, "n": 15}],
    "cached-alias": 30,
}


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("prompt", 100),
        ("prompt - details.cached", 70),
        ("prompt - details.cached - details.audio", 70),
        ("prompt\n  - details.cached\n  + output", 77),
        ("missing", None),
        ("missing.deeper - other", None),
        ("missing + output", 7),
        ("details.hit | details.cached", 30),
        ("prompt - details.hit | details.cached | output", 70),
        ("by_modality[modality=IMAGE|5].n", 40),
        ("prompt - by_modality[modality=IMAGE|5].n", 60),
        ("by_modality[].n", 100),
        ("prompt - prompt", 0),
    ],
)
def test_a_signed_sum(text: str, amount: int | None) -> None:
    assert evaluate(parse_terms(text), USAGE, decimal=False) == amount


@pytest.mark.parametrize("text", ["", " ", "- a", "a -", "a - ", "a b", "a  -b", "a | ", "a - [x"])
def test_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"path|condition"):
        parse_terms(text)


@pytest.mark.parametrize(
    "value",
    [-1, True, False, "12", 1.0, 1.5, float("nan"), float("inf"), COUNT_MAX + 1, 10**18, 10**30, [], {}, [3], {"n": 3}],
)
def test_absurd_counts(value: Any) -> None:
    with pytest.raises(Absurd):
        evaluate(parse_terms("tokens"), {"tokens": value}, decimal=False)


def test_parts_larger_than_their_whole_are_absurd() -> None:
    with pytest.raises(Absurd):
        evaluate(parse_terms("prompt - cached"), {"prompt": 5, "cached": 6}, decimal=False)


@pytest.mark.parametrize(
    ("value", "amount"), [(4, 4), (0, 0), (3.7, Decimal("3.7")), (0.1, Decimal("0.1")), (1e3, Decimal(1000))]
)
def test_decimals_where_they_are_no_mistake(value: Any, amount: Any) -> None:
    assert quantity(value, decimal=True) == amount


@pytest.mark.parametrize("value", [-0.5, float("nan"), float("inf"), 1e300, "3.7", True, None])
def test_absurd_decimals(value: Any) -> None:
    with pytest.raises(Absurd):
        quantity(value, decimal=True)


@pytest.mark.parametrize(("text", "number"), [("403", 403), (" 7 ", 7), ("0.5", 0.5), ("-1", None), ("1,5", None)])
def test_a_number_in_a_header(text: str, number: Any) -> None:
    assert number_of(text) == number
