"""A line a call: what it says, how loud, and how many."""

import logging
from collections.abc import Mapping

import pytest
from msgspec import structs
from unit.watching.conftest import BILL, changed

from proxy.ledger.call import Outcome, Receipt
from proxy.watching import lines
from proxy.watching.lines import CallLines, fields, level_of
from proxy.watching.report import CallReport


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "faregate.calls")


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, Mapping[str, object]]]:
    return [(record.getMessage(), record.__dict__["fields"]) for record in caplog.records]


def test_an_answered_call(report: CallReport, caplog: pytest.LogCaptureFixture) -> None:
    CallLines(most=None).ended(report)
    [(message, said)] = told(caplog)
    assert message == "answered"
    assert said == {
        "call": "call_1",
        "tenant": report.record.tenant,
        "key": "key_1",
        "integration": "acme",
        "endpoint": "chat",
        "model": "m-1",
        "status": 200,
        "seconds": 3.0,
        "usage": {"input_tokens": 1_000, "output_tokens": 500},
        "certainty": "exact",
        "charge_usd": f"{BILL.charge_nanos / 1e9:.9f}".rstrip("0"),
    }


def test_a_refused_call_says_only_what_there_is(report: CallReport, caplog: pytest.LogCaptureFixture) -> None:
    refused = changed(report, outcome=Outcome.REFUSED, refusal="invalid_key", status=401, tenant="", key="", model="")
    CallLines(most=None).ended(structs.replace(refused, hold=None, bill=None, receipt=None))
    [(message, said)] = told(caplog)
    assert message == "refused"
    assert said == {
        "call": "call_1",
        "integration": "acme",
        "endpoint": "chat",
        "refusal": "invalid_key",
        "status": 401,
        "seconds": 3.0,
    }


def test_money_that_did_not_come_is_said(report: CallReport) -> None:
    receipt = Receipt(paid_nanos=1_000, waived_nanos=2_000, shortfall_nanos=3_000, exposure_nanos=4_000)
    said = fields(structs.replace(report, receipt=receipt))
    assert [said[f"{name}_usd"] for name in ("charge", "waived", "shortfall", "exposure")] == [
        "0.000001",
        "0.000002",
        "0.000003",
        "0.000004",
    ]


def test_a_call_that_is_only_in_the_journal_says_its_price(report: CallReport) -> None:
    said = fields(structs.replace(report, receipt=None))
    assert said["settled"] == "in the journal"
    assert said["charge_usd"] == fields(report)["charge_usd"]


def test_units_without_a_rate_and_the_caller_s_trace_are_named(report: CallReport) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    bill = structs.replace(BILL, unpriced=(("m-1", "web_searches"), ("m-1", "images")))
    said = fields(structs.replace(report, bill=bill, traceparent=f"00-{trace}-00f067aa0ba902b7-01"))
    assert (said["unpriced"], said["trace"]) == (["images", "web_searches"], trace)


def test_a_model_s_name_is_not_let_to_fill_the_disk(report: CallReport) -> None:
    assert len(str(fields(changed(report, model="m" * 100_000))["model"])) == 200


@pytest.mark.parametrize(
    ("outcome", "status", "level"),
    [
        (Outcome.ANSWERED, 200, logging.INFO),
        (Outcome.CALLER_GONE, 200, logging.INFO),
        (Outcome.UPSTREAM_ERROR, 500, logging.INFO),
        (Outcome.REFUSED, 402, logging.INFO),
        (Outcome.REFUSED, 503, logging.WARNING),
        (Outcome.UPSTREAM_FAILED, 502, logging.WARNING),
        (Outcome.UPSTREAM_CUT, 200, logging.WARNING),
        (Outcome.TIMED_OUT, 504, logging.WARNING),
        (Outcome.STOPPED, 500, logging.WARNING),
    ],
)
def test_how_loud(report: CallReport, outcome: Outcome, status: int, level: int) -> None:
    assert level_of(changed(report, outcome=outcome, status=status)) == level


def test_lost_money_is_loud(report: CallReport) -> None:
    for receipt in (Receipt(shortfall_nanos=1), Receipt(exposure_nanos=1)):
        assert level_of(structs.replace(report, receipt=receipt)) == logging.WARNING
    unpriced = structs.replace(report, bill=structs.replace(BILL, unpriced=(("m-1", "images"),)))
    assert level_of(unpriced) == logging.WARNING


def test_there_are_so_many_lines_a_second_and_the_next_says_how_many_were_left_out(
    report: CallReport, caplog: pytest.LogCaptureFixture
) -> None:
    written = CallLines(most=3)
    for _ in range(10):
        written.ended(report)
    assert [message for message, _ in told(caplog)] == ["answered"] * 3
    caplog.clear()
    later = changed(report, ended_at=report.record.ended_at + 1_000_000)
    written.ended(later)
    written.ended(later)
    assert [message for message, _ in told(caplog)] == ["calls left out of this log", "answered", "answered"]
    assert told(caplog)[0][1] == {"left_out": 7}


def test_all_calls_are_all_calls(report: CallReport, caplog: pytest.LogCaptureFixture) -> None:
    written = CallLines(most=None)
    for _ in range(lines.LINES_A_SECOND + 1):
        written.ended(report)
    assert len(caplog.records) == lines.LINES_A_SECOND + 1


def test_a_line_that_nobody_hears_is_not_made(
    report: CallReport, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.ERROR, "faregate.calls")
    monkeypatch.setattr(lines, "fields", lambda _: pytest.fail("it was made"))
    CallLines(most=None).ended(report)
    assert caplog.records == []
