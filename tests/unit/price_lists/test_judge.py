from fractions import Fraction

import pytest

from proxy.price_lists.judge import QUARANTINED, Limits, Verdict, judge
from proxy.pricing.card import Rate

LIMITS = Limits()


@pytest.mark.parametrize(
    ("ours", "one", "other", "verdict"),
    [
        ("1", "1", "1", Verdict.SAME),
        ("1", "1.005", "0.995", Verdict.SAME),
        ("0", "0", "0", Verdict.SAME),
        ("1", "1", None, Verdict.SUPPORTED),
        ("1", None, "1", Verdict.SUPPORTED),
        ("1", "1", "2", Verdict.SUPPORTED),
        ("1", "0", "1", Verdict.SUPPORTED),
        ("1", None, None, Verdict.UNLISTED),
        ("1", "1.2", "1.2", Verdict.ACCEPTED),
        ("1", "1.2", "1.205", Verdict.ACCEPTED),
        ("1", "0.8", "0.8", Verdict.ACCEPTED),
        ("1", "1.5", "1.5", Verdict.ACCEPTED),
        ("1", "1.51", "1.51", Verdict.JUMP),
        ("1", "0.66", "0.66", Verdict.JUMP),
        ("1", "0.67", "0.67", Verdict.ACCEPTED),
        ("0", "1", "1", Verdict.JUMP),
        ("1", "0", "0", Verdict.ZERO),
        ("1", "1.2", "1.3", Verdict.DIFFER),
        ("1", "0", "2", Verdict.DIFFER),
        ("1", "1.2", None, Verdict.MISSING),
        ("1", None, "1.2", Verdict.MISSING),
        ("1", "-1", "1", Verdict.NEGATIVE),
        ("1", "-1", None, Verdict.NEGATIVE),
        ("1", "1", "NaN", Verdict.NO_NUMBER),
        ("1", "Infinity", "Infinity", Verdict.NO_NUMBER),
        ("1", "-Infinity", "1", Verdict.NEGATIVE),
    ],
)
def test_a_price_of_ours(ours: str, one: str | None, other: str | None, verdict: Verdict) -> None:
    quotes = [None if usd is None else Rate("u", usd, 10) for usd in (one, other)]
    assert judge(Fraction(ours) / 10, quotes, LIMITS) is verdict


@pytest.mark.parametrize(
    ("ours", "one", "other", "verdict"),
    [
        (None, "1", "1", Verdict.ACCEPTED),
        ("1", "9", "9", Verdict.ACCEPTED),  # a tier or unit of its own has nothing to jump from
        ("1", "1", "1", Verdict.SAME),
        (None, "0", "0", Verdict.ZERO),
        (None, "1", "2", Verdict.DIFFER),
        (None, "1", None, Verdict.UNLISTED),
        ("1", "2", None, Verdict.UNLISTED),
        (None, "-1", None, Verdict.NEGATIVE),
    ],
)
def test_a_price_that_we_do_not_have(ours: str | None, one: str, other: str | None, verdict: Verdict) -> None:
    quotes = [None if usd is None else Rate("u", usd) for usd in (one, other)]
    assert judge(None if ours is None else Fraction(ours), quotes, LIMITS, own=False) is verdict


def test_the_limits_are_the_caller_s() -> None:
    quotes = [Rate("u", "4"), Rate("u", "4.1")]
    assert judge(Fraction(2), quotes, Limits(agree=Fraction(5), jump=Fraction(100))) is Verdict.ACCEPTED
    assert judge(Fraction(2), quotes, Limits(agree=Fraction(5), jump=Fraction(99))) is Verdict.JUMP
    assert judge(Fraction(2), quotes, Limits(agree=Fraction(1), jump=Fraction(100))) is Verdict.DIFFER


def test_what_wants_a_person_s_eye() -> None:
    assert {each.value for each in QUARANTINED} == {"jump", "zero", "negative", "no number", "lists differ", "missing"}
