"""Hours of the week: what they cover, around midnight and the end of the week, and what cannot be hours."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.pricing.hours import MINUTES_PER_DAY, MINUTES_PER_WEEK, minute_of_week, parse_hours


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("moment", "minute"),
    [
        ("1970-01-01T00:00", 3 * MINUTES_PER_DAY),  # a Thursday
        ("2026-11-23T00:00", 0),  # a Monday
        ("2026-11-21T14:40", 5 * MINUTES_PER_DAY + 14 * 60 + 40),
        ("2026-11-22T23:59", MINUTES_PER_WEEK - 1),
    ],
)
def test_a_time_is_the_minutes_since_monday(moment: str, minute: int) -> None:
    assert minute_of_week(micros(moment)) == minute
    assert minute_of_week(micros(moment) + 59_999_999) == minute


@given(st.integers(0, 4 * 10**15))
def test_a_time_is_what_the_calendar_says(at: int) -> None:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    assert minute_of_week(at) == when.weekday() * MINUTES_PER_DAY + when.hour * 60 + when.minute


def covered(text: str) -> set[int]:
    return {minute for begin, end in parse_hours(text) for minute in range(begin, end)}


def test_hours_on_some_days() -> None:
    assert parse_hours("tue 01:00-04:00") == ((MINUTES_PER_DAY + 60, MINUTES_PER_DAY + 240),)
    assert len(covered("mon-fri 06:00-10:00")) == 5 * 240
    assert covered("sat-mon 00:00-24:00") == covered("sat 00:00-24:00") | covered("sun-mon 00:00-24:00")


def test_hours_on_every_day() -> None:
    assert len(covered("00:30-16:30")) == 7 * 16 * 60


def test_hours_past_midnight_reach_into_the_next_day_and_week() -> None:
    assert covered("16:30-00:30") == set(range(MINUTES_PER_WEEK)) - covered("00:30-16:30")
    assert parse_hours("sun 23:00-01:00") == ((MINUTES_PER_WEEK - 60, MINUTES_PER_WEEK), (0, 60))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("9-5", "write days and times"),
        ("monday 01:00-02:00", "write days and times"),
        ("mo-fri 01:00-02:00", "write days and times"),
        ("foo 01:00-02:00", "'foo' is no day"),
        ("01:00-01:00", "they end when they begin"),
        ("01:60-02:00", "01:60 is no time"),
        ("01:00-24:01", "24:01 is no time"),
    ],
)
def test_what_cannot_be_hours(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_hours(text)
