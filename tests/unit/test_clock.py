"""Times as records show them, in UTC whatever the machine's zone."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.clock import MICROS_PER_SECOND, date_of, midnight, timestamp

DAY = 86_400 * MICROS_PER_SECOND


@pytest.mark.parametrize(
    ("micros", "date", "text"),
    [
        (0, "1970-01-01", "1970-01-01T00:00:00.000000Z"),
        (DAY - 1, "1970-01-01", "1970-01-01T23:59:59.999999Z"),
        (DAY, "1970-01-02", "1970-01-02T00:00:00.000000Z"),
        (1_795_248_000_000_007, "2026-11-21", "2026-11-21T08:00:00.000007Z"),
    ],
)
def test_dates_and_timestamps(micros: int, date: str, text: str) -> None:
    assert date_of(micros) == date
    assert timestamp(micros) == text


def test_a_day_begins_at_midnight_of_utc() -> None:
    for micros in (0, 86_400_000_000 - 1, 1_795_000_000_000_000):
        assert midnight(date_of(micros)) == micros - micros % 86_400_000_000


def test_the_zone_of_the_machine_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        assert date_of(DAY - 1) == "1970-01-01"
        assert timestamp(DAY - 1).startswith("1970-01-01T23:59:59")
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.integers(0, 4_102_444_800 * MICROS_PER_SECOND))
def test_a_timestamp_reads_back_to_the_microsecond(micros: int) -> None:
    read = datetime.fromisoformat(timestamp(micros))
    since = read - datetime(1970, 1, 1, tzinfo=UTC)
    assert (since.days * 86_400 + since.seconds) * MICROS_PER_SECOND + since.microseconds == micros
    assert timestamp(micros).startswith(date_of(micros))
