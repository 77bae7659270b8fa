from proxy.ledger.call import CallRecord, Outcome
from proxy.ledger.wallet import Wallet
from proxy.store.doors import Fault, Verdict
from proxy.web.operator.documents import call_document, verdict_document, wallet_document


def test_a_wallet_never_promises_more_than_there_is() -> None:
    document = wallet_document(Wallet("t", balance=1_999, held=0, minimum=-5))
    assert (document["credits_remaining_micros"], document["balance_usd"]) == (1, "0.000001999")
    assert document["minimum_usd"] == "-0.000000005"
    assert wallet_document(Wallet("t", balance=-1))["credits_remaining_micros"] == 0
    assert wallet_document(Wallet("t", balance=5_000, held=9_000))["credits_remaining_micros"] == 0


def test_the_minimum_is_not_taken_off() -> None:
    assert wallet_document(Wallet("t", balance=5_000, minimum=4_000))["credits_remaining_micros"] == 5


def test_a_refused_call_says_why() -> None:
    record = CallRecord("c", "t", "k", "i", "e", "m", Outcome.REFUSED, 402, 0, 1, "balance_exhausted")
    assert call_document(record)["refusal"] == "balance_exhausted"
    assert call_document(record)["started_at"] == "1970-01-01T00:00:00.000000Z"


def test_a_verdict_lists_its_faults() -> None:
    verdict = Verdict(ok=False, wallets=1, entries=2, open_holds=0, faults=(Fault("t", "e", "wrong"),))
    assert verdict_document(verdict)["faults"] == [{"tenant": "t", "entry": "e", "problem": "wrong"}]
