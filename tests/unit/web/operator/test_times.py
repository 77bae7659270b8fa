import pytest

from proxy.clock import timestamp
from proxy.errors import BadRequest
from proxy.web.operator.times import parse_duration, parse_expiry, parse_past

NOW = 1_795_000_000_000_000


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1h", "2026-11-18T12:06:40.000000Z"),
        ("30d", "2026-12-18T11:06:40.000000Z"),
        ("2w", "2026-12-02T11:06:40.000000Z"),
        ("2027-01-31", "2027-01-31T00:00:00.000000Z"),
        ("2027-01-31T18:00:00Z", "2027-01-31T18:00:00.000000Z"),
        ("2027-01-31T18:00:00.123456+02:00", "2027-01-31T16:00:00.123456Z"),
    ],
)
def test_expiry(text: str, at: str) -> None:
    assert timestamp(parse_expiry("expires", text, NOW)) == at


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-11-18", "not in the future"),
        ("0d", "not in the future"),
        ("2027-01-31T18:00:00", "no zone"),
        ("tomorrow", "no date"),
        ("", "no date"),
        ("-5d", "no date"),
        ("999999w", "more than a hundred years"),
        ("9999-12-31", "more than a hundred years"),
    ],
)
def test_expiry_refuses(text: str, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        parse_expiry("expires", text, NOW)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("today", "2026-11-18T00:00:00.000000Z"),
        ("yesterday", "2026-11-17T00:00:00.000000Z"),
        ("90m", "2026-11-18T09:36:40.000000Z"),
        ("7d", "2026-11-11T11:06:40.000000Z"),
        ("2026-11-01", "2026-11-01T00:00:00.000000Z"),
        ("2026-11-01T12:00:00+01:00", "2026-11-01T11:00:00.000000Z"),
    ],
)
def test_past(text: str, at: str) -> None:
    assert timestamp(parse_past("since", text, NOW)) == at


@pytest.mark.parametrize("text", ["tomorrow", "", "-1d", "1y", "2026-13-01"])
def test_past_refuses(text: str) -> None:
    with pytest.raises(BadRequest, match=r"since: .* is no date"):
        parse_past("since", text, NOW)


def test_durations() -> None:
    assert [parse_duration("overlap", text) // 1_000_000 for text in ("0h", "90m", "24h", "2w")] == [
        0,
        5_400,
        86_400,
        1_209_600,
    ]
    for text, why in (("soon", "is no duration; write 90m"), ("999999w", "more than a hundred years")):
        with pytest.raises(BadRequest, match=why):
            parse_duration("overlap", text)
