"""Judges one price: what is ours, what each list asks, and what is to be made of it. Pure."""

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct

from proxy.price_lists.merge import agree, value_of
from proxy.pricing.card import Rate


class Verdict(StrEnum):
    """What a price is found to be. Those in QUARANTINED want a person's eye."""

    SAME = "same"  # both lists ask what we have
    SUPPORTED = "supported"  # one list asks what we have; the other says something else, or nothing
    EXPLAINED = "explained"  # a difference that is known, with its reason
    UNLISTED = "unlisted"  # no list says what could be held against ours
    ACCEPTED = "accepted"  # both ask the same, which is not ours: it becomes ours
    JUMP = "jump"  # both ask the same, too far from ours
    ZERO = "zero"  # a list says that it is free now
    NEGATIVE = "negative"
    NO_NUMBER = "no number"
    DIFFER = "lists differ"  # from one another, and both from ours
    MISSING = "missing"  # only one list has it, and it is not ours


QUARANTINED = frozenset(
    (Verdict.JUMP, Verdict.ZERO, Verdict.NEGATIVE, Verdict.NO_NUMBER, Verdict.DIFFER, Verdict.MISSING)
)


class Limits(Struct, frozen=True):
    """In percent: up to how much apart two prices are the same, and beyond how much a change is a jump."""

    agree: Fraction = Fraction(1)
    jump: Fraction = Fraction(50)


def judge(ours: Fraction | None, quotes: Sequence[Rate | None], limits: Limits, *, own: bool = True) -> Verdict:
    """Judge one price. `ours` is what a unit costs now, None if it has no price; `quotes` are the lists' rates.

    `own` tells that we have a rate for just this: then what only one list says counts, and a jump can be told.
    """
    said = [quote for quote in quotes if quote is not None]
    values = [value for quote in said if (value := value_of(quote)) is not None]
    if len(values) < len(said):
        return _unusable(said)
    with_us = [ours is not None and agree(ours, value, limits.agree) for value in values]
    everybody = len(said) == len(quotes)
    if not said:
        return Verdict.UNLISTED
    if all(with_us):
        return Verdict.SAME if everybody else Verdict.SUPPORTED
    if any(with_us):
        return Verdict.SUPPORTED
    if not everybody:
        return Verdict.MISSING if own else Verdict.UNLISTED
    if any(not agree(values[0], value, limits.agree) for value in values):
        return Verdict.DIFFER
    if not all(values):
        return Verdict.ZERO
    return Verdict.JUMP if own and ours is not None and _far(ours, values[0], limits.jump) else Verdict.ACCEPTED


def _unusable(said: Sequence[Rate]) -> Verdict:
    negative = any(value_of(quote) is None and quote.usd.startswith("-") for quote in said)
    return Verdict.NEGATIVE if negative else Verdict.NO_NUMBER


def _far(old: Fraction, new: Fraction, percent: Fraction) -> bool:
    """Tell whether one price is more than so many percent above the other, whichever is the larger."""
    low, high = sorted((old, new))
    return high * 100 > low * (100 + percent)
