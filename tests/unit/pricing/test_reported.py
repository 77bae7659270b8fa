"""Which reported costs are believed, and which differ from ours."""

import pytest

from proxy.pricing.reported import Word, cost_ratio, differs, in_nanos, word_of


@pytest.mark.parametrize(
    ("reported", "rated", "word"),
    [
        ("0", 0, Word.NONE),
        ("0", 500, Word.NONE),  # a key of the operator's own at the maker's
        ("0.000000001", 1, Word.BELIEVED),
        ("0.0000015", 500, Word.BELIEVED),
        ("0.000001500000001", 500, Word.DOUBTED),
        ("0.000000001", 0, Word.DOUBTED),  # a model that is free by our rates
    ],
)
def test_a_cost_is_believed_up_to_three_times_ours(reported: str, rated: int, word: Word) -> None:
    assert word_of(cost_ratio(reported), rated) is word


def test_a_cost_is_read_exactly() -> None:
    numerator, denominator = cost_ratio("0.00000000014")
    assert numerator * 100 == 14 * denominator
    assert in_nanos("0.0000000025") == 2
    assert in_nanos("1.000000001") == 1_000_000_001


@pytest.mark.parametrize(
    ("reported", "rated", "apart"),
    [
        (0, 10**9, False),
        (1_020_000, 1_000_000, False),  # no more apart than rounding may put them
        (1_050_001, 1_000_000, True),
        (1_050_000, 1_000_000, False),
        (949_999, 1_000_000, True),
        (30_000, 0, True),
        (20_000, 0, False),
    ],
)
def test_what_differs(reported: int, rated: int, apart: bool) -> None:
    assert differs(reported, rated) is apart
