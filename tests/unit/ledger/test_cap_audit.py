"""Windows of caps are counted again from entries, and each difference is told. Whole databases: `test_verify.py`."""

from doubles.books import MARKS, NOW, TODAY, make_id
from msgspec import structs

from proxy.ledger.cap import Cap, CapPlace, Span, Window
from proxy.ledger.cap_audit import CapAudit
from proxy.ledger.entry import Entry, Kind

T = make_id("tnt", 1)
DAY = Cap("cap_day", CapPlace(T, Span.DAILY, model="m-*"), 100, TODAY, NOW)
MONTH = Cap("cap_month", CapPlace(T, Span.MONTHLY), 100, TODAY, NOW)


def entry(paid: int, waived: int = 0, period: str = TODAY) -> Entry:
    return Entry("led_1", T, 1, Kind.CALL.value, -paid, waived, 0, NOW, period, "call_1", "", "")


def audit() -> CapAudit:
    """Today 30 and 7, and 100 of a model that only the month covers; yesterday 5."""
    counted = CapAudit([DAY, MONTH])
    counted.follow(entry(30), MARKS)
    counted.follow(entry(0, waived=7), MARKS)
    counted.follow(entry(100), structs.replace(MARKS, model="n-1"))
    counted.follow(entry(5, period="2026-11-20"), MARKS)
    return counted


HONEST = [Window("cap_day", TODAY, T, 37, 9), Window("cap_month", TODAY[:7], T, 142, 9)]
HELD = {("cap_day", TODAY): 9, ("cap_month", TODAY[:7]): 9}


def test_honest_windows_have_no_faults() -> None:
    assert list(audit().compare(HONEST, HELD)) == []
    empty = Window("cap_day", "2026-11-22", T)
    assert list(audit().compare([*HONEST, empty], HELD)) == []


def test_each_difference_is_told() -> None:
    spent, held = structs.replace(HONEST[0], spent=36), structs.replace(HONEST[1], held=8)
    assert list(audit().compare([spent, held], HELD)) == [
        ("cap_day", f"has 36 spent in {TODAY}, and its calls come to 37"),
        ("cap_month", "holds 8 in 2026-11, and its open holds sum to 9"),
    ]


def test_a_window_that_is_missing_is_told() -> None:
    assert list(audit().compare(HONEST[1:], HELD)) == [
        ("cap_day", f"holds 0 in {TODAY}, and its open holds sum to 9"),
        ("cap_day", f"has 0 spent in {TODAY}, and its calls come to 37"),
    ]


def test_only_holds_count_on_a_cap_that_is_not_in_force_and_in_windows_before_it_was() -> None:
    lifted = Window("cap_lifted", TODAY, T, 1234, 4)
    before = Window("cap_day", "2026-11-20", T, 1234)
    assert list(audit().compare([*HONEST, before, lifted], {**HELD, ("cap_lifted", TODAY): 4})) == []
    assert [cap for cap, _ in audit().compare([*HONEST, lifted], HELD)] == ["cap_lifted"]
