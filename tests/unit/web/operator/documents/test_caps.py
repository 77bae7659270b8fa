from proxy.ledger.cap import Cap, CapPlace, Span, Standing, Window
from proxy.web.operator.documents.caps import cap_document

CAP = Cap("cap_1", CapPlace("t", Span.MONTHLY, model="m-*"), 5_000_000_000, "2026-11-21", 0)


def test_names_that_are_not_given_are_null() -> None:
    shown = cap_document(Standing(CAP, Window("cap_1", "2026-12", "t", 1, 2_000_000_000)))
    assert (shown.app, shown.key, shown.integration, shown.model) == (None, None, None, "m-*")
    assert (shown.limit_usd, shown.spent_usd, shown.held_usd, shown.left_usd) == (
        "5",
        "0.000000001",
        "2",
        "2.999999999",
    )
    assert (shown.period, shown.resets_at) == ("2026-12", "2027-01-01T00:00:00.000000Z")


def test_nothing_less_than_nothing_is_left() -> None:
    assert cap_document(Standing(CAP, Window("cap_1", "2026-12", "t", 6_000_000_000))).left_usd == "0"


def test_one_that_was_unset_limits_nothing() -> None:
    shown = cap_document(Standing(CAP, Window("cap_1", "2026-12", "t", 7)), unset=True)
    assert (shown.limit_usd, shown.left_usd, shown.spent_usd) == (None, None, "0.000000007")
