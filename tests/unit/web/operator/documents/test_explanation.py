from doubles.books import CARD, TODAY, make_bill, make_tenant

from proxy.ledger.bill import write_bill
from proxy.ledger.entry import Entry
from proxy.ledger.explain import explain
from proxy.pricing.cascade import MarginTable
from proxy.web.operator.documents.explanation import charge_document, deposit_explanation, line_document

T = make_tenant().id
BILL = make_bill(T, 1, {"input_tokens": 3})
ENTRY = Entry("led_1", T, 2, "call", -3_600, 0, 6_400, 0, TODAY, BILL.call, write_bill(BILL), "", "")


def test_a_line_says_what_made_it() -> None:
    (line,) = explain(BILL, T, CARD, MarginTable()).lines
    told = line_document(line)
    assert (told.unit, told.quantity, told.rate.usd, told.rate.per) == ("input_tokens", 3, "1", 1_000_000)
    assert (told.exact_upstream_cost_nanos, told.exact_charge_nanos, told.charge_nanos) == ("3000", "3600", 3600)
    assert (told.conditions.date, told.rate.file) == (TODAY, None)


def test_a_charge_without_its_card_says_why() -> None:
    told = charge_document(ENTRY, BILL, None, "the card is gone")
    assert (told.note, told.agrees, told.lines, told.exact_charge_nanos) == ("the card is gone", False, [], None)
    assert (told.charge_nanos, told.paid_nanos) == (3_600, 3_600)


def test_the_balance_before_is_what_the_entry_moved_from() -> None:
    told = deposit_explanation(Entry("led_1", T, 1, "credit", 5, 0, 12, 0, TODAY, "", "", "", ""))
    assert (told.balance_before_nanos, told.balance_after_nanos, told.reference) == (7, 12, None)
