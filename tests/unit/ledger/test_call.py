"""Calls that are over: their outcomes, and endings that survive being written down."""

from decimal import Decimal

from doubles.books import make_bill, make_id, make_record, settle
from msgspec import json

from proxy.errors import InvariantBroken
from proxy.ledger.call import Ending, NoHold, Outcome, Receipt

T = make_id("tnt", 1)


def test_outcomes_are_what_metrics_and_lists_name() -> None:
    assert {outcome.value for outcome in Outcome} == {
        "answered", "free", "refused", "upstream_error", "upstream_failed", "upstream_cut", "caller_gone", "timed_out",
        "stopped", "recovered",
    }  # fmt: skip


def test_an_ending_reads_back_from_json_exactly() -> None:
    bill = make_bill(T, 1, {"audio_seconds": Decimal("0.10"), "input_tokens": 3})
    for ending in (settle(T, 1), Ending(make_record(T, 1), "led_1", bill, 5, True, "cut")):
        text = json.Encoder(decimal_format="number").encode(ending)
        assert json.decode(text, type=Ending) == ending


def test_a_receipt_begins_empty() -> None:
    assert Receipt() == Receipt(0, 0, 0, 0, 0, 0, "", False)


def test_an_ending_without_a_hold_is_our_own_mistake() -> None:
    assert issubclass(NoHold, InvariantBroken)
