import pytest

from proxy.clock import timestamp
from proxy.errors import BadRequest
from proxy.web.operator.expiry import parse_expiry

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
    assert timestamp(parse_expiry(text, NOW)) == at


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
        parse_expiry(text, NOW)
