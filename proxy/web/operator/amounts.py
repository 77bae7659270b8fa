"""Decimal numbers in requests: USD and percent, as JSON strings or numbers, read exactly."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from proxy.errors import BadRequest
from proxy.money import parse_decimal, parse_usd
from proxy.pricing.cascade import PCT_MAX, PCT_MIN

_EXPONENT_MAX = 40

DecimalNumber = Annotated[
    Decimal, Meta(description="A decimal, as a string or a JSON number; read exactly as it is written.")
]
"""A decimal in a request."""


def read_usd(name: str, value: Decimal) -> int:
    """Return an amount in nano-USD. Raises BadRequest for more than nine places and absurd sizes."""
    try:
        return parse_usd(_plain(value))
    except ValueError as error:
        raise BadRequest(f"{name}: {error}") from None


def read_pct(name: str, value: Decimal) -> str:
    """Return a margin in percent as text. Raises BadRequest outside of -100 to 1,000,000."""
    try:
        pct = parse_decimal(_plain(value))
    except ValueError as error:
        raise BadRequest(f"{name}: {error}") from None
    if not PCT_MIN <= pct <= PCT_MAX:
        raise BadRequest(f"{name}: {pct} is not between {PCT_MIN} and {PCT_MAX}")
    return f"{pct + 0:f}"  # adding zero takes the sign off a negative zero


def _plain(value: Decimal) -> str:
    """Write a decimal without exponent; one that would be absurdly long stays as it is and is refused."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _EXPONENT_MAX:
        return str(value)
    return f"{value:f}"
