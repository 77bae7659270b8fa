from doubles.books import make_bill, make_id
from msgspec import UNSET, json

from proxy.ledger.bill import write_bill
from proxy.ledger.entry import Entry
from proxy.ledger.wallet import Wallet
from proxy.web.operator.documents.entries import ChargedCall, credit_document, entry_details, entry_document

BILL = write_bill(make_bill("tnt_1", 1, {"input_tokens": 7, "output_tokens": 0}))


def entry(bill: str = "", kind: str = "credit") -> Entry:
    return Entry("led_1", "tnt_1", 1, kind, -8, 2, 92, 0, "1970-01-01", "ref", bill, "p", "h")


def test_only_a_calls_entry_has_a_call() -> None:
    assert entry_document(entry()).call is UNSET
    assert "call" not in json.decode(json.encode(entry_document(entry())))
    call = entry_document(entry(BILL, "call")).call
    assert isinstance(call, ChargedCall)
    assert (call.id, call.usage, call.certainty) == (make_id("call", 1), {"input_tokens": 7}, "exact")


def test_the_bill_is_shown_to_the_byte() -> None:
    written = json.encode(entry_details(entry(BILL, "call"))).decode()
    assert f'"bill":{BILL}' in written
    assert '"bill":null' in json.encode(entry_details(entry())).decode()


def test_a_credit_shows_the_wallet_after_it() -> None:
    shown = credit_document(entry(), Wallet("tnt_1", balance=92_000), already=True)
    assert (shown.tenant, shown.reference, shown.already) == ("tnt_1", "ref", True)
    assert shown.credits_remaining_micros == 92
