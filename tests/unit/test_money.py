"""Exact money: what is read, what is refused, how it is written, rounded and shared out."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.money import (
    NANOS_MAX,
    NANOS_PER_USD,
    as_ratio,
    ceil_div,
    common,
    floor_micros,
    format_usd,
    parse_decimal,
    parse_usd,
    plus,
    round_half_even,
    share_out,
    times,
)

NANOS = st.integers(-NANOS_MAX, NANOS_MAX)
RATIOS = st.tuples(st.integers(-(10**30), 10**30), st.integers(1, 10**20))


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0", 0),
        ("1", NANOS_PER_USD),
        ("-12.5", -12_500_000_000),
        ("+0.5", 500_000_000),
        ("0.000000001", 1),
        ("0.1000000000000", 100_000_000),
        (".25", 250_000_000),
        ("100000000", NANOS_MAX),
    ],
)
def test_parse_usd(text: str, nanos: int) -> None:
    assert parse_usd(text) == nanos


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not a decimal number"),
        ("1e5", "'1e5' is not a decimal number"),
        ("nan", "'nan' is not a decimal number"),
        ("Infinity", "'Infinity' is not a decimal number"),
        ("1,5", "'1,5' is not a decimal number"),
        (" 1", "' 1' is not a decimal number"),
        ("1_000", "'1_000' is not a decimal number"),
        ("٣", "'٣' is not a decimal number"),
        ("1-2", "'1-2' is not a decimal number"),
        ("--1", "'--1' is not a decimal number"),
        (".", "'.' is not a decimal number"),
        ("1" * 41, f"'{'1' * 41}' is not a decimal number"),
        ("0.0000000001", "'0.0000000001' has more than nine decimal places"),
        ("100000000.000000001", "'100000000.000000001' is beyond 100000000 USD"),
        ("-100000001", "'-100000001' is beyond 100000000 USD"),
    ],
)
def test_parse_usd_refuses(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_usd(text)
    assert str(refused.value) == message


def test_parse_usd_does_not_round_a_long_tail_away() -> None:
    """Decimal arithmetic keeps 28 digits; this one has more, and its last digit counts."""
    with pytest.raises(ValueError, match="more than nine decimal places"):
        parse_usd("12345678.1234567890000000000000000000001")


def test_parse_decimal_is_exact() -> None:
    assert parse_decimal("0.1") == Decimal("0.1")
    assert parse_decimal("-12.50").as_tuple() == Decimal("-12.50").as_tuple()


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (NANOS_PER_USD, "1"),
        (12_340_000_000, "12.34"),
        (-500_000_000, "-0.5"),
    ],
)
def test_format_usd(nanos: int, text: str) -> None:
    assert format_usd(nanos) == text


@given(NANOS)
def test_a_formatted_amount_reads_back(nanos: int) -> None:
    assert parse_usd(format_usd(nanos)) == nanos


@given(NANOS)
def test_floor_micros_never_promises_more(nanos: int) -> None:
    assert 0 <= nanos - floor_micros(nanos) * 1_000 < 1_000


@given(st.one_of(st.integers(0, 10**18), st.decimals(0, 10**9, places=6)))
def test_as_ratio_is_exact(quantity: int | Decimal) -> None:
    assert Fraction(*as_ratio(quantity)) == Fraction(quantity)


@given(RATIOS)
def test_round_half_even_is_what_python_calls_round(ratio: tuple[int, int]) -> None:
    assert round_half_even(*ratio) == round(Fraction(*ratio))


@pytest.mark.parametrize(
    ("ratio", "rounded"), [((1, 2), 0), ((3, 2), 2), ((5, 2), 2), ((-1, 2), 0), ((-3, 2), -2), ((2, 3), 1)]
)
def test_round_half_even_at_the_half(ratio: tuple[int, int], rounded: int) -> None:
    assert round_half_even(*ratio) == rounded


@given(RATIOS)
def test_ceil_div_is_the_least_integer_above(ratio: tuple[int, int]) -> None:
    assert 0 <= ceil_div(*ratio) - Fraction(*ratio) < 1


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**15), max_size=8))
def test_share_out_sums_to_the_total_and_stays_within_one_of_exact(total: int, weights: list[int]) -> None:
    parts = share_out(total, weights)
    if not sum(weights):
        assert parts == [0] * len(weights)
        return
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        assert weight or not part


def test_share_out_gives_what_is_left_to_the_largest_remainders() -> None:
    assert share_out(10, [1, 1, 1]) == [4, 3, 3]
    assert share_out(10, [2, 3, 5, 1]) == [2, 3, 4, 1]
    assert share_out(0, [1, 2]) == [0, 0]
    assert share_out(5, []) == []


@given(RATIOS, RATIOS)
def test_ratios_add_exactly(a: tuple[int, int], b: tuple[int, int]) -> None:
    assert Fraction(*plus(a, b)) == Fraction(*a) + Fraction(*b)
    assert Fraction(*times(a, b)) == Fraction(*a) * Fraction(*b)


@given(st.lists(RATIOS, max_size=5))
def test_a_common_denominator_changes_no_value(ratios: list[tuple[int, int]]) -> None:
    numerators, over = common(ratios)
    assert [Fraction(numerator, over) for numerator in numerators] == [Fraction(*ratio) for ratio in ratios]
