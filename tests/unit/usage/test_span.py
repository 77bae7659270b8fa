"""What is kept is billed by the hour, between the two times that an answer states."""

from decimal import Decimal
from typing import Any

import pytest

from proxy.usage.expression import Absurd
from proxy.usage.span import by_the_hour


@pytest.mark.parametrize(
    ("amount", "begins", "ends", "hours"),
    [
        (9_600, "2026-08-19T14:00:00Z", "2026-08-19T14:05:00Z", 800),
        (10, "2026-08-19T14:00:00Z", "2026-08-20T14:00:00Z", 240),
        (10, "2026-08-19T14:00:00+00:00", "2026-08-19T16:00:00+02:00", 0),
        (3, "2026-08-19T14:34:18.670194Z", "2026-08-19T14:39:18.638115123Z", Decimal("0.249973")),
        (1, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", 0),
    ],
)
def test_hours_between(amount: int, begins: str, ends: str, hours: Any) -> None:
    found = by_the_hour(amount, begins, ends)
    assert found == hours
    assert type(found) is type(hours)


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (None, "2026-08-19T14:05:00Z"),
        ("2026-08-19T14:05:00Z", None),
        ("2026-08-19T14:05:00Z", "soon"),
        ("2026-08-19T14:05:00Z", "2026-08-19T14:04:00Z"),
        ("2026-08-19T14:05:00Z", "2099-08-19T14:04:00Z"),
        ("2026-08-19T14:05:00", "2026-08-19T14:06:00Z"),
    ],
)
def test_what_is_no_time_is_absurd(begins: Any, ends: Any) -> None:
    with pytest.raises(Absurd):
        by_the_hour(1, begins, ends)
