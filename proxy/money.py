"""Money and quantities as exact numbers: integers of nano-USD, ratios of integers, never a float.

1 USD = 1,000,000,000 nano-USD. One call is rounded once (`round_half_even`), its lines share that
rounding (`share_out`), holds round up (`ceil_div`), and balances shown in micros round down (`floor_micros`).
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from math import lcm

NANOS_PER_USD = 1_000_000_000
NANOS_PER_MICRO = 1_000
NANOS_MAX = 10**17
"""The largest amount accepted anywhere (100 million USD): sums of many stay far inside 64 bits."""

Quantity = int | Decimal
"""How much of a unit was used: whole tokens, or decimal seconds."""

Ratio = tuple[int, int]
"""An exact fraction: numerator, and a denominator above 0. Not always in lowest terms."""


def parse_usd(text: str) -> int:
    """Read a decimal USD amount of at most nine places as nano-USD.

    Raises ValueError, saying what is wrong, for anything that is not such a number.
    """
    numerator, denominator = parse_decimal(text).as_integer_ratio()
    nanos, rest = divmod(numerator * NANOS_PER_USD, denominator)
    if rest:
        raise ValueError(f"{text!r} has more than nine decimal places")
    if abs(nanos) > NANOS_MAX:
        raise ValueError(f"{text!r} is beyond {NANOS_MAX // NANOS_PER_USD} USD")
    return nanos


def parse_decimal(text: str) -> Decimal:
    """Read a plain, finite decimal such as `-12.5`; exponents, blanks and words are refused by ValueError."""
    if not text or len(text) > 40 or not all(c in "0123456789.+-" for c in text):
        raise ValueError(f"{text!r} is not a decimal number")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal number") from None


def format_usd(nanos: int) -> str:
    """Write nano-USD as the shortest exact decimal string in USD, at least `0` and never with an exponent."""
    sign = "-" if nanos < 0 else ""
    whole, part = divmod(abs(nanos), NANOS_PER_USD)
    if not part:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{part:09d}".rstrip("0")


def floor_micros(nanos: int) -> int:
    """Balances shown in micro-USD never promise more than there is."""
    return nanos // NANOS_PER_MICRO


def as_ratio(quantity: Quantity) -> tuple[int, int]:
    """Return a quantity as (numerator, denominator), exactly."""
    return (quantity, 1) if isinstance(quantity, int) else quantity.as_integer_ratio()


def plus(a: Ratio, b: Ratio) -> Ratio:
    """Add two ratios."""
    (of_a, over_a), (of_b, over_b) = a, b
    if over_a == over_b:  # as those of a price list mostly do
        return of_a + of_b, over_a
    over = lcm(over_a, over_b)
    return of_a * (over // over_a) + of_b * (over // over_b), over


def times(a: Ratio, b: Ratio) -> Ratio:
    """Multiply two ratios."""
    return a[0] * b[0], a[1] * b[1]


def common(ratios: Sequence[Ratio]) -> tuple[list[int], int]:
    """Bring ratios to one denominator: return their numerators over it, and it."""
    over = 1
    for _, denominator in ratios:
        if denominator != over:
            over = lcm(over, denominator)
    return [numerator if of == over else numerator * (over // of) for numerator, of in ratios], over


def ceil_div(numerator: int, denominator: int) -> int:
    """Divide and round towards plus infinity."""
    return -(-numerator // denominator)


def round_half_even(numerator: int, denominator: int) -> int:
    """Divide two integers (denominator > 0) and round half to even: the one rounding of a charge."""
    whole, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and whole % 2):
        whole += 1
    return whole


def share_out(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` over lines by largest remainder: parts are integers that sum to `total` exactly.

    `weights` are the lines' exact values over one common denominator, all of one sign or zero.
    """
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts, rests = [], []
    for index, weight in enumerate(weights):
        part, rest = divmod(total * weight, whole)
        parts.append(part)
        rests.append((rest, -index))
    missing = total - sum(parts)
    if not missing:
        return parts
    for _, negative_index in sorted(rests, reverse=True)[:missing]:
        parts[-negative_index] += 1
    return parts
