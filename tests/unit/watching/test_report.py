"""Which calls are worth a word, and what may be said of them."""

from collections.abc import Callable

import pytest
from msgspec import structs

from proxy.ledger.call import Outcome, Receipt
from proxy.usage.certainty import Certainty
from proxy.watching.report import CallReport, Marks, Watchers, usual


def judged(report: CallReport) -> bool:
    return usual(report.record.outcome, report.hold, report.bill, report.receipt)


def with_bill(report: CallReport, **changes: object) -> CallReport:
    assert report.bill is not None
    return structs.replace(report, bill=structs.replace(report.bill, **changes))


def other_model(report: CallReport) -> CallReport:
    assert report.bill is not None
    return with_bill(report, parts=(structs.replace(report.bill.parts[0], model="m-2"),))


def small_hold(report: CallReport) -> CallReport:
    assert report.hold is not None
    return structs.replace(report, hold=structs.replace(report.hold, wallet_nanos=1))


UNUSUAL: dict[str, Callable[[CallReport], CallReport]] = {
    "seen in part": lambda report: with_bill(report, certainty=Certainty.AT_LEAST),
    "estimated": lambda report: with_bill(report, certainty=Certainty.ESTIMATED),
    "a unit without a rate": lambda report: with_bill(report, unpriced=(("m-1", "web_searches"),)),
    "a model without a rate": other_model,
    "above its hold": small_hold,
    "not paid in full": lambda report: structs.replace(report, receipt=Receipt(paid_nanos=1, shortfall_nanos=1)),
    "exposed": lambda report: structs.replace(report, receipt=Receipt(paid_nanos=1, exposure_nanos=1)),
    "in the journal": lambda report: structs.replace(report, receipt=None),
    "without a bill": lambda report: structs.replace(report, bill=None),
}


def test_a_call_that_went_as_it_should_is_usual(report: CallReport) -> None:
    assert judged(report)


@pytest.mark.parametrize("change", UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_worth_a_word(report: CallReport, change: Callable[[CallReport], CallReport]) -> None:
    assert not judged(change(report))


def test_a_call_of_a_test_tenant_holds_nothing_and_is_usual(report: CallReport) -> None:
    small = small_hold(report)
    assert small.hold is not None
    assert judged(structs.replace(small, hold=structs.replace(small.hold, waived=True)))


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.ANSWERED])
def test_every_other_outcome_is_worth_a_word_but_a_free_call(report: CallReport, outcome: Outcome) -> None:
    assert usual(outcome, report.hold, report.bill, report.receipt) is (outcome is Outcome.FREE)


def test_a_free_call_has_neither_hold_nor_bill() -> None:
    assert usual(Outcome.FREE, None, None, None)


def test_usage_is_summed_over_models(report: CallReport) -> None:
    assert report.bill is not None
    part = report.bill.parts[0]
    bill = structs.replace(report.bill, parts=(part, structs.replace(part, model="m-2", usage={"output_tokens": 7})))
    assert structs.replace(report, bill=bill).usage == {"input_tokens": 1_000, "output_tokens": 507}
    assert structs.replace(report, bill=None).usage == {}


def test_the_time_it_took_is_until_the_caller_had_what_it_got(report: CallReport) -> None:
    assert report.seconds == pytest.approx(3.0)
    report.marks.over = 104.5
    assert report.seconds == pytest.approx(4.5)
    assert structs.replace(report, marks=Marks(100.0)).seconds == 0


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-what-comes-later", TRACE),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE}-00f067aa0ba902b7-01\nforged", ""),
        ("", ""),
    ],
)
def test_the_caller_s_trace(report: CallReport, header: str, trace: str) -> None:
    assert structs.replace(report, traceparent=header).trace == trace


def test_who_is_told_of_what() -> None:
    class One:
        def ended(self, report: CallReport) -> None:
            """Take note."""

    always, troubled = One(), One()
    assert not Watchers().anybody
    watchers = Watchers(every=(always,), problems=(troubled,))
    assert watchers.anybody
    assert watchers.of(usual=True) == (always,)
    assert watchers.of(usual=False) == (always, troubled)
    assert Watchers(problems=(troubled,)).anybody
