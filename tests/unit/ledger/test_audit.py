"""The audit of stored books, value by value. `tests/unit/store/sqlite/test_verify.py` audits whole databases."""

from collections.abc import Iterator

import pytest
from doubles.books import CARD, TODAY, credit, make_id, make_request, settle
from msgspec import structs

from proxy.ledger.audit import Booked, Chain, Tables, audit_entry
from proxy.ledger.entry import Entry, seal
from proxy.ledger.transitions import begin, deposit, end
from proxy.ledger.wallet import Short, Wallet
from proxy.pricing.cascade import MarginTable

T = make_id("tnt", 1)
TABLES = Tables({"card-1": CARD}.get, {0: MarginTable()}.get)
BOOKED = Booked(T, "settled", "card-1", 0, False, TODAY, T, 0)


def history(tokens: int = 100) -> tuple[Wallet, list[Entry]]:
    """A credit and a settled call."""
    first = deposit(Wallet(T), credit(T, 5_000_000))
    assert not isinstance(first, Short)
    begun = begin(first[0], make_request(T, 1), 1)
    assert not isinstance(begun, Short)
    ended = end(*begun, settle(T, 1, tokens=tokens))
    assert ended.entry is not None
    return ended.wallet, [first[1], ended.entry]


def follow(entries: list[Entry]) -> Iterator[str]:
    chain = Chain(T)
    for entry in entries:
        yield from chain.follow(entry)


def test_an_honest_history_has_no_faults() -> None:
    wallet, entries = history()
    assert list(follow(entries)) == []
    chain = Chain(T)
    for entry in entries:
        list(chain.follow(entry))
    assert list(chain.compare(wallet, 0)) == []
    assert list(audit_entry(entries[0], BOOKED, TABLES)) == []
    assert list(audit_entry(entries[1], BOOKED, TABLES)) == []


def test_one_fault_is_told_once() -> None:
    _, (first, second) = history()
    forged = seal(structs.replace(first, amount_nanos=1, balance_after_nanos=1))
    assert list(follow([forged, second])) == [
        "does not name the hash of the entry before it",
        "leaves 4880000 of 1 and -120000",
    ]


@pytest.mark.parametrize(
    ("booked", "problem"),
    [
        (structs.replace(BOOKED, hold_tenant=None), "has a hold of nobody"),
        (structs.replace(BOOKED, call_tenant="tnt_x"), "has a call row of tnt_x"),
        (structs.replace(BOOKED, state="held"), "has a hold that is held"),
        (structs.replace(BOOKED, rate_card="card-2"), "was not priced with the versions that its hold froze"),
        (structs.replace(BOOKED, period="2026-11-20"), "counts for 2026-11-21, its hold for 2026-11-20"),
        (structs.replace(BOOKED, exposure_nanos=3), "has an exposure of 0, and 3 was booked"),
        (structs.replace(BOOKED, waived=True), "waives 0 instead of 120000"),
    ],
)
def test_what_stands_beside_an_entry_must_agree(booked: Booked, problem: str) -> None:
    _, (_, entry) = history()
    assert problem in list(audit_entry(entry, booked, TABLES))


def test_versions_that_are_not_stored_are_told() -> None:
    _, (_, entry) = history()
    gone = Tables({}.get, {0: MarginTable()}.get)
    assert list(audit_entry(entry, BOOKED, gone)) == [
        "was priced with rate card card-1 and margins 0, which are not stored"
    ]


def test_an_unpaid_part_must_be_exposed() -> None:
    _, (_, entry) = history(tokens=10_000)
    paid = structs.replace(BOOKED, exposure_nanos=5_833_334)
    assert entry.amount_nanos == -5_000_000
    assert list(audit_entry(entry, paid, TABLES)) == []
    hidden = structs.replace(entry, bill=entry.bill.replace('"exposure_nanos":5833334', '"exposure_nanos":0'))
    assert list(audit_entry(hidden, BOOKED, TABLES)) == ["left 5833334 of its upstream cost unpaid, and 0 was exposed"]


def test_lines_are_compared_too() -> None:
    _, (_, entry) = history()
    forged = structs.replace(entry, bill=entry.bill.replace('"margin_pct":"20"', '"margin_pct":"2"'))
    assert list(audit_entry(forged, BOOKED, TABLES)) == ["has lines that differ from those computed again"]
