"""What the caller is told beside the provider's own bytes."""

import json

import pytest
from doubles.acme import CALL, ENVELOPE, TENANT, PaperSink
from doubles.books import make_bill
from msgspec import structs

from proxy.errors import Refusal, Refused
from proxy.ledger.call import Receipt
from proxy.steps.answer import PLAIN, charge_headers, refuse_call

BILL = make_bill(TENANT.id, 1, {"input_tokens": 100})


async def test_a_refusal_in_the_envelope_of_the_provider() -> None:
    sink = PaperSink()
    await refuse_call(sink, Refused(Refusal.BALANCE_EXHAUSTED, "Top up.", held="0", needed="1"), ENVELOPE, CALL)
    assert sink.status == 402
    assert dict(sink.headers) == {
        "content-type": "application/json",
        "faregate-call-id": CALL,
        "faregate-refusal": "balance_exhausted",
        "x-should-retry": "false",
    }
    assert json.loads(sink.sent) == {
        "error": {"message": "Top up.", "kind": "no_money", "code": "balance_exhausted", "held": "0", "needed": "1"}
    }
    assert sink.ended == "whole"


async def test_an_envelope_may_have_headers_of_its_own() -> None:
    sink, envelope = PaperSink(), structs.replace(ENVELOPE, headers={"x-errortype": "{type}"})
    await refuse_call(sink, Refused(Refusal.BALANCE_EXHAUSTED, "Top up."), envelope, CALL)
    assert dict(sink.headers)["x-errortype"] == "no_money"


@pytest.mark.parametrize("refusal", list(Refusal))
async def test_only_what_may_succeed_later_may_be_retried(refusal: Refusal) -> None:
    sink = PaperSink()
    await refuse_call(sink, Refused(refusal, "No."), PLAIN, CALL)
    assert sink.status == refusal.status
    assert dict(sink.headers).get("x-should-retry") == (None if refusal.retryable else "false")
    assert dict(sink.headers)["faregate-refusal"] == refusal.code
    error = json.loads(sink.sent)["error"]
    assert (error["code"], error["param"]) == (refusal.code, None)
    assert (error["type"] == "insufficient_quota") is (refusal.status == 402)


async def test_an_answer_under_way_is_broken_off_instead() -> None:
    sink = PaperSink()
    await sink.start(200, [])
    await refuse_call(sink, Refused(Refusal.DRAINING, "Stopping."), PLAIN, CALL)
    assert (sink.status, sink.sent, sink.ended) == (200, b"", "cut")


def test_the_charge_and_what_is_left() -> None:
    receipt = Receipt(paid_nanos=120_000, balance_nanos=1_000_999, held_nanos=500_000)
    assert charge_headers(BILL, receipt) == [("faregate-charge-usd", "0.00012"), ("faregate-balance-micros", "500")]


def test_a_waived_call_shows_its_price_as_for_anyone() -> None:
    receipt = Receipt(waived_nanos=120_000, balance_nanos=0)
    assert charge_headers(BILL, receipt) == [("faregate-charge-usd", "0.00012"), ("faregate-balance-micros", "0")]


def test_a_balance_below_its_holds_shows_as_nothing_left() -> None:
    receipt = Receipt(paid_nanos=120_000, balance_nanos=100, held_nanos=5_000)
    assert dict(charge_headers(BILL, receipt))["faregate-balance-micros"] == "0"


def test_a_charge_cut_short_by_the_wallet_shows_what_was_paid() -> None:
    receipt = Receipt(paid_nanos=50_000, shortfall_nanos=70_000)
    assert dict(charge_headers(BILL, receipt))["faregate-charge-usd"] == "0.00005"


def test_a_journalled_call_shows_its_price_and_no_balance() -> None:
    assert charge_headers(BILL, None) == [("faregate-charge-usd", "0.00012")]


def test_a_call_without_a_bill_shows_nothing() -> None:
    assert charge_headers(None, None) == []
    assert charge_headers(None, Receipt(balance_nanos=5)) == []


def test_no_header_shows_a_margin() -> None:
    text = str(charge_headers(BILL, Receipt(paid_nanos=120_000)))
    assert "margin" not in text
    assert "100" not in text.replace("0.00012", ""), "the upstream cost stays with the operator"


async def test_a_refusal_that_says_when_says_it_in_the_head_too() -> None:
    sink = PaperSink()
    await refuse_call(sink, Refused(Refusal.SPEND_CAP_DAILY, "No.", retry_after=3600).not_soon(), ENVELOPE, CALL)
    head = dict(sink.headers)
    assert (sink.status, head["retry-after"], head["x-should-retry"]) == (429, "3600", "false")
    assert json.loads(sink.sent)["error"]["retry_after"] == 3600
    sink = PaperSink()
    await refuse_call(sink, Refused(Refusal.SPEND_CAP_DAILY, "No."), ENVELOPE, CALL)
    assert not {"retry-after", "x-should-retry"} & set(dict(sink.headers))
