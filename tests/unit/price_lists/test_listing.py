from decimal import Decimal

import pytest

from proxy.price_lists.listing import written


@pytest.mark.parametrize(
    ("price", "per", "of", "text"),
    [
        ("2.5e-06", 1_000_000, 1, "2.5"),
        ("7.167e-05", 3600, 1, "0.258012"),
        ("0.20999999999999998e-6", 1_000_000, 1, "0.21"),
        ("0", 1000, 1, "0"),
        ("10", 1000, 1000, "10"),
        ("100", 1, 1, "100"),
        ("-1e-6", 1_000_000, 1, "-1"),
        ("NaN", 1_000_000, 1, "NaN"),
        ("Infinity", 1, 1, "Infinity"),
        ("5e-10", 1, 1, "0.0000000005"),
    ],
)
def test_written(price: str, per: int, of: int, text: str) -> None:
    assert written(Decimal(price), per, of) == text
