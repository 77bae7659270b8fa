"""What a provider itself says that a call cost, beside what our rates say: whether it is believed, whether they differ.

A provider that charges by something that no answer counts (plugins, routed models, tools) knows its price best. What is
far above ours is more likely a mistake, so it is charged no further than what was held for the call.
"""

from decimal import Decimal
from enum import StrEnum

from proxy.money import NANOS_PER_USD, Ratio, round_half_even

BELIEVED_TIMES = 3
"""A reported cost of up to so many times our own figure is taken at its word."""

DIFFERS_PCT = 5
DIFFERS_NANOS = 20_000
"""Two figures differ if they are further apart than both: providers round to 1/100,000 USD."""


class Word(StrEnum):
    """What a reported cost is worth: nothing (our rates price the call), its word, or no more than was held."""

    NONE = "none"
    BELIEVED = "believed"
    DOUBTED = "doubted"


def cost_ratio(usd: str) -> Ratio:
    """Return a reported cost in USD, a plain decimal, as an exact ratio of nano-USD."""
    numerator, denominator = Decimal(usd).as_integer_ratio()
    return numerator * NANOS_PER_USD, denominator


def word_of(reported: Ratio, rated_nanos: int) -> Word:
    """Judge a reported cost by ours. A cost of 0 says nothing: who brings a key of their own pays it elsewhere."""
    nanos, over = reported
    if nanos <= 0:
        return Word.NONE
    return Word.BELIEVED if nanos <= BELIEVED_TIMES * rated_nanos * over else Word.DOUBTED


def differs(reported_nanos: int, rated_nanos: int) -> bool:
    """Tell whether a reported cost and ours are too far apart to be the same price."""
    apart = abs(reported_nanos - rated_nanos)
    return bool(reported_nanos) and apart > DIFFERS_NANOS and apart * 100 > DIFFERS_PCT * rated_nanos


def in_nanos(usd: str) -> int:
    """Return a reported cost in USD as nano-USD, rounded half to even."""
    return round_half_even(*cost_ratio(usd))
