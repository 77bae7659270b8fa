from doubles.books import make_id, make_request, make_tenant

from proxy.ledger.call import CallRecord, Outcome
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import open_hold
from proxy.store.books import ExposureRow
from proxy.web.operator.documents.calls import (
    call_document,
    exposure_document,
    exposure_row_document,
    hold_document,
)


def test_a_refused_call_says_why() -> None:
    record = CallRecord("c", "t", "k", "i", "e", "m", Outcome.REFUSED, 402, 0, 1, "balance_exhausted")
    assert call_document(record).refusal == "balance_exhausted"
    assert call_document(record).started_at == "1970-01-01T00:00:00.000000Z"
    answered = CallRecord("c", "t", "k", "i", "e", "m", Outcome.ANSWERED, 200, 0, 1)
    assert call_document(answered).refusal is None


def test_a_hold_tells_charge_from_cost() -> None:
    hold = hold_document(open_hold(make_request(make_tenant().id, 1), 1_000, epoch=1))
    assert (hold.call, hold.held_nanos) == (make_id("call", 1), 1_000)
    assert 0 < hold.upstream_cost_nanos < hold.held_nanos


def test_an_exposure_says_whether_it_is_a_bound() -> None:
    shown = exposure_document(Exposure("c", "t", "i", 5, "recovered", at_most=True, at=0))
    assert (shown.exposure_nanos, shown.at_most) == (5, True)
    assert exposure_row_document(ExposureRow(3, Exposure("c", "t", "i", 5, "recovered", at_most=True, at=0))).row == 3
