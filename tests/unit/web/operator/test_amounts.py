from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import BadRequest
from proxy.money import NANOS_MAX
from proxy.web.operator.amounts import read_pct, read_usd


@pytest.mark.parametrize(
    ("value", "nanos"),
    [("12.5", 12_500_000_000), ("-0.000000001", -1), ("1E+3", 10**12), ("0.10", 10**8), ("0", 0), ("-0", 0)],
)
def test_usd(value: str, nanos: int) -> None:
    assert read_usd("amount", Decimal(value)) == nanos


@pytest.mark.parametrize("value", ["0.0000000001", "1E+9", "1E+999999", "1E-999999", "NaN", "Infinity", "-sNaN"])
def test_usd_refuses(value: str) -> None:
    with pytest.raises(BadRequest, match=r"^amount: "):
        read_usd("amount", Decimal(value))


@given(st.integers(-NANOS_MAX, NANOS_MAX))
def test_every_nano_is_read_exactly(nanos: int) -> None:
    assert read_usd("amount", Decimal(nanos).scaleb(-9)) == nanos


@pytest.mark.parametrize(
    ("value", "text"), [("25", "25"), ("-100", "-100"), ("-0.0", "0.0"), ("1E+2", "100"), ("12.50", "12.50")]
)
def test_pct(value: str, text: str) -> None:
    assert read_pct("pct", Decimal(value)) == text


@pytest.mark.parametrize("value", ["-100.01", "1000001", "NaN", "Infinity", "1E+50"])
def test_pct_refuses(value: str) -> None:
    with pytest.raises(BadRequest, match=r"^pct: "):
        read_pct("pct", Decimal(value))
