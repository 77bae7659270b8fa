"""How long something lasts, by the two times that an answer states."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from proxy.money import Quantity
from proxy.usage.expression import Absurd

DAYS_MAX = 3_660
"""Nothing is kept for longer; more is a mistake upstream."""

_MICRO = timedelta(microseconds=1)
_MICROS_PER_HOUR = 3_600_000_000
_PLACES = Decimal("0.000001")


def by_the_hour(amount: Quantity, begins: Any, ends: Any) -> Quantity:
    """Return an amount times the hours between two RFC 3339 times, to six places.

    Raises Absurd for what are no times, or not in their order.
    """
    try:
        span = datetime.fromisoformat(ends) - datetime.fromisoformat(begins)
    except (TypeError, ValueError):
        raise Absurd(f"{begins!r} and {ends!r} are not two times") from None
    if not timedelta(0) <= span <= timedelta(days=DAYS_MAX):
        raise Absurd(f"from {begins} to {ends} is no time that anything is kept")
    hours = (Decimal(amount) * (span // _MICRO) / _MICROS_PER_HOUR).quantize(_PLACES)
    return int(hours) if hours == int(hours) else hours
