"""Exact numbers as text."""

from fractions import Fraction


def exact(number: Fraction) -> str:
    """Write a ratio as the shortest decimal, or as `a/b` where no decimal is exact."""
    rest, places = number.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest //= prime
            count += 1
        places = max(places, count)
    if rest != 1:
        return f"{number.numerator}/{number.denominator}"
    digits = abs(number.numerator) * 10**places // number.denominator
    sign = "-" if number < 0 else ""
    whole, part = divmod(digits, 10**places)
    return f"{sign}{whole}.{part:0{places}d}" if places else f"{sign}{whole}"
