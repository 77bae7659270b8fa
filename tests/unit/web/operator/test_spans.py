import pytest

from proxy.errors import BadRequest
from proxy.store.books import EVER, Span
from proxy.web.operator.spans import Since, read_span

NOW = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z
DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("since", "until", "span"),
    [
        ("", "", EVER),
        ("2026-11-20", "2026-11-21", Span(NOW - DAY, NOW)),
        ("24h", "", Span(NOW - DAY)),
        ("yesterday", "today", Span(NOW - DAY, NOW)),
        ("1w", "1d", Span(NOW - 7 * DAY, NOW - DAY)),
        ("2026-11-20T12:00:00+02:00", "", Span(NOW - DAY + DAY * 10 // 24)),
        ("1900-01-01", "", EVER),
    ],
)
def test_spans(since: str, until: str, span: Span) -> None:
    assert read_span(Since(since, until), NOW) == span


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        ("tomorrow", "", "since: 'tomorrow' is no date, no time"),
        ("", "2026-11-20T12:00:00", "until: '2026-11-20T12:00:00' has no zone; end it with Z for UTC"),
        ("2026-11-21", "2026-11-21", "until: 2026-11-21 is not after since: 2026-11-21"),
        ("1d", "2d", "is not after since"),
    ],
)
def test_what_is_no_span(since: str, until: str, message: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_span(Since(since, until), NOW)
    assert message in str(refused.value)
