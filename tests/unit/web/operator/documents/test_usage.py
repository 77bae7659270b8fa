from msgspec import UNSET

from proxy.ledger.report import By, Report
from proxy.store.books import EVER, Span
from proxy.web.operator.documents.usage import usage_document


def test_an_open_span_has_no_ends() -> None:
    told = usage_document("t", None, EVER, Report(None), None)
    assert (told.since, told.until, told.data, told.total.calls) == (None, None, [], 0)
    told = usage_document("t", None, Span(1_000_000, 2_000_000), Report(None), None)
    assert (told.since, told.until) == ("1970-01-01T00:00:01.000000Z", "1970-01-01T00:00:02.000000Z")


def test_only_keys_have_apps() -> None:
    report = Report(By.KEY)
    report._group("key_1").count("tokens", 2)
    (group,) = usage_document("t", "key", EVER, report, {"key_1": "chatbot"}).data
    assert (group.name, group.app, group.usage) == ("key_1", "chatbot", {"tokens": 2})
    (group,) = usage_document("t", "model", EVER, report, None).data
    assert group.app is UNSET
