"""Reports of calls, as they come."""

from typing import Any

import pytest
from doubles.acme import TENANT, make_hold
from doubles.books import make_bill
from msgspec import structs

from proxy.ledger.call import CallRecord, Outcome, Receipt
from proxy.watching.report import CallReport, Marks

BILL = make_bill(TENANT.id, 1, {"input_tokens": 1_000, "output_tokens": 500})


@pytest.fixture
def report() -> CallReport:
    """Return the report of a call that went as it should: a second to the first byte, three in all."""
    marks = Marks(100.0)
    marks.asked, marks.sent, marks.head, marks.ending, marks.settled = 100.001, 100.002, 101.0, 102.99, 103.0
    marks.over = 103.0
    record = CallRecord(
        "call_1",
        TENANT.id,
        "key_1",
        "acme",
        "chat",
        "m-1",
        Outcome.ANSWERED,
        200,
        1_795_248_000_000_000,
        1_795_248_003_000_000,
    )
    return CallReport(
        record,
        marks,
        "POST",
        "/v1/chat",
        "https://api.acme.example",
        hold=make_hold(BILL.charge_nanos),
        bill=BILL,
        receipt=Receipt(paid_nanos=BILL.charge_nanos),
    )


def changed(report: CallReport, **record: Any) -> CallReport:
    """Return a report whose record is different."""
    return structs.replace(report, record=structs.replace(report.record, **record))
