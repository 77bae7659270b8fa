"""Checks stored books against the rules: a wallet's chain, and each call's charge, computed again. Pure.

A store streams what it has through these; every problem is a sentence.
"""

from collections.abc import Callable, Iterator

from msgspec import DecodeError, Struct

from proxy.ledger.bill import Bill, Unexplained, read_bill, recompute
from proxy.ledger.entry import Entry, Kind, digest
from proxy.ledger.hold import HoldState
from proxy.ledger.wallet import Wallet
from proxy.money import ceil_div
from proxy.pricing.card import RateCard
from proxy.pricing.cascade import MarginTable


class Booked(Struct, frozen=True):
    """What is stored beside a call's entry: its hold, the tenant of its call row, the sum of its exposures.

    The tenants are None where there is no such row.
    """

    hold_tenant: str | None
    state: str
    rate_card: str
    margins: int
    waived: bool
    period: str
    call_tenant: str | None
    exposure_nanos: int


class Tables(Struct, frozen=True):
    """Finds the tables that a call was priced with, by version. A function returns None for an unknown one."""

    card: Callable[[str], RateCard | None]
    margins: Callable[[int], MarginTable | None]


class Chain:
    """Follows one wallet's entries from the first on, and compares the wallet with what they come to."""

    def __init__(self, tenant: str) -> None:
        self._expected = Wallet(tenant)

    def follow(self, entry: Entry) -> Iterator[str]:
        """Check the next entry against those before it. Goes on from what is stored, so one fault is told once."""
        before = self._expected
        if entry.seq != before.seq + 1:
            yield f"has sequence number {entry.seq} after {before.seq}"
        if entry.previous != before.head:
            yield "does not name the hash of the entry before it"
        if entry.hash != digest(entry):
            yield "was changed: its hash does not cover its content"
        if entry.balance_after_nanos != before.balance + entry.amount_nanos:
            yield f"leaves {entry.balance_after_nanos} of {before.balance} and {entry.amount_nanos}"
        self._expected = Wallet(entry.tenant, before.balance + entry.amount_nanos, 0, 0, entry.seq, entry.hash)

    def compare(self, wallet: Wallet, held: int) -> Iterator[str]:
        """Check the wallet itself; `held` is the sum of its open holds."""
        expected = self._expected
        if wallet.balance != expected.balance:
            yield f"the wallet has {wallet.balance} and its entries sum to {expected.balance}"
        if (wallet.seq, wallet.head) != (expected.seq, expected.head):
            yield f"the wallet's last entry is {wallet.seq}, the ledger's is {expected.seq}"
        if wallet.held != held:
            yield f"the wallet holds {wallet.held} and its open holds sum to {held}"


def audit_entry(entry: Entry, booked: Booked, tables: Tables) -> Iterator[str]:
    """Check what one entry says against its hold, its call and its prices."""
    if entry.kind != Kind.CALL:
        if entry.bill or entry.waived_nanos:
            yield "carries a bill or a waived amount but is no call"
        return
    try:
        bill = read_bill(entry.bill)
    except DecodeError as error:
        yield f"has a bill that cannot be read: {error}"
        return
    yield from _counterparts(entry, bill, booked)
    yield from _amounts(entry, bill, booked)
    yield from _price(entry, bill, tables)


def _counterparts(entry: Entry, bill: Bill, booked: Booked) -> Iterator[str]:
    if booked.hold_tenant != entry.tenant:
        yield f"has a hold of {booked.hold_tenant or 'nobody'}"
        return
    if booked.call_tenant != entry.tenant:
        yield f"has a call row of {booked.call_tenant or 'nobody'}"
    if booked.state != HoldState.SETTLED:
        yield f"has a hold that is {booked.state}"
    if bill.call != entry.reference:
        yield f"has the bill of {bill.call}"
    if (bill.rate_card, bill.margins) != (booked.rate_card, booked.margins):
        yield "was not priced with the versions that its hold froze"
    if entry.period != booked.period:
        yield f"counts for {entry.period}, its hold for {booked.period}"


def _amounts(entry: Entry, bill: Bill, booked: Booked) -> Iterator[str]:
    waived = bill.charge_nanos if booked.waived else 0
    asked = bill.charge_nanos - waived
    if entry.waived_nanos != waived:
        yield f"waives {entry.waived_nanos} instead of {waived}"
    if not 0 <= bill.shortfall_nanos <= asked or entry.amount_nanos != bill.shortfall_nanos - asked:
        yield f"moves {entry.amount_nanos} for a charge of {asked} with a shortfall of {bill.shortfall_nanos}"
    if bill.exposure_nanos != booked.exposure_nanos:
        yield f"has an exposure of {bill.exposure_nanos}, and {booked.exposure_nanos} was booked"
    if bill.shortfall_nanos > 0 and bill.charge_nanos > 0:
        unpaid = ceil_div(bill.upstream_cost_nanos * bill.shortfall_nanos, bill.charge_nanos)
        if bill.exposure_nanos < unpaid:
            yield f"left {unpaid} of its upstream cost unpaid, and {bill.exposure_nanos} was exposed"


def _price(entry: Entry, bill: Bill, tables: Tables) -> Iterator[str]:
    card, margins = tables.card(bill.rate_card), tables.margins(bill.margins)
    if card is None or margins is None:
        yield f"was priced with rate card {bill.rate_card} and margins {bill.margins}, which are not stored"
        return
    try:
        priced = recompute(bill, entry.tenant, card, margins)
    except Unexplained as error:
        yield str(error)
        return
    if (bill.upstream_cost_nanos, bill.charge_nanos) != (priced.cost_nanos, priced.charge_nanos):
        yield (
            f"costs {bill.upstream_cost_nanos} and charges {bill.charge_nanos}; "
            f"computed again: {priced.cost_nanos} and {priced.charge_nanos}"
        )
    elif (bill.lines, bill.unpriced) != (priced.lines, priced.unpriced):
        yield "has lines that differ from those computed again"
