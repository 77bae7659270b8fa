from fractions import Fraction

import pytest
from support.price_lists import Said, per_million

from proxy.price_lists.merge import agree, all_names, side_by_side, value_of
from proxy.pricing.card import ModelRates, Rate


@pytest.mark.parametrize(
    ("usd", "value"),
    [("2.5", Fraction(5, 2000)), ("0", Fraction(0)), ("-1", None), ("NaN", None), ("Infinity", None), ("x", None)],
)
def test_the_value_of_a_price(usd: str, value: Fraction | None) -> None:
    assert value_of(Rate("u", usd, 1000)) == value


def test_one_percent_of_the_larger_is_the_same_price() -> None:
    assert agree(Fraction(100), Fraction(99), Fraction(1))
    assert agree(Fraction(99), Fraction(100), Fraction(1))
    assert not agree(Fraction(100), Fraction("98.99"), Fraction(1))
    assert agree(Fraction(0), Fraction(0), Fraction(1))
    assert not agree(Fraction(0), Fraction("0.000001"), Fraction(1))


def test_side_by_side() -> None:
    one = ModelRates(
        ("m",), (*per_million(input_tokens="1", output_tokens="2"), *per_million("batch", input_tokens="3"))
    )
    other = ModelRates(("m",), (*per_million(input_tokens="1"), *per_million(None, 200, input_tokens="4")))
    found = side_by_side([one, None, other])
    assert {key: tuple(rate.usd if rate else "-" for rate in rates) for key, rates in found.items()} == {
        ("input_tokens", "", 0): ("1", "-", "1"),
        ("output_tokens", "", 0): ("2", "-", "-"),
        ("input_tokens", "batch", 0): ("3", "-", "-"),
        ("input_tokens", "", 200): ("-", "-", "4"),
    }


def test_all_names() -> None:
    model = ModelRates(("m",), ())
    lists = [Said("a", {"acme": {"m": model, "b": model}}), Said("b", {"acme": {"m": model, "a": model}})]
    assert all_names(lists, "acme") == ["a", "b", "m"]
