from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.web.operator.documents.exact import exact


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(12), "12"),
        (Fraction(-5, 2), "-2.5"),
        (Fraction(1, 8), "0.125"),
        (Fraction(1, 50), "0.02"),
        (Fraction(10, 3), "10/3"),
        (Fraction(-1, 7), "-1/7"),
    ],
)
def test_written_exactly(number: Fraction, text: str) -> None:
    assert exact(number) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**9), max_value=10**9))
def test_a_decimal_comes_back_without_idle_zeros(number: Decimal) -> None:
    text = exact(Fraction(number))
    assert Decimal(text) == number
    assert "." not in text or not text.endswith("0")
