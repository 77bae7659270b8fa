"""What must be true of a world when all is quiet, worked out from what its provider and its callers know.

The arithmetic is not the house's own: prices come from the card's text as fractions, sums are added here, and the
provider's log says what was used. A finding is a sentence; a world without findings is in order.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from msgspec import Struct, json

from proxy.pricing.card import RateCard
from simulator.caller import Asked
from simulator.disk import rows
from simulator.operator import FIRST_MARGIN, Account
from simulator.provider import Bill

EXACT = "exact"


class Charge(Struct, frozen=True):
    """What the books say of one call: the entry with its bill."""

    call: str
    tenant: str
    amount: int
    waived: int
    bill: Mapping[str, Any]


class Books:
    """The books as they lie on disk."""

    def __init__(self, path: Path) -> None:
        self.wallets = {row[0]: row[1:] for row in rows(path, "SELECT tenant, balance, held, minimum, seq FROM wallet")}
        self.entries = rows(
            path, "SELECT tenant, seq, id, kind, amount_nanos, waived_nanos, balance_after_nanos, reference, bill "
            "FROM entry ORDER BY tenant, seq"
        )  # fmt: skip
        self.holds = {
            row[0]: row[1:]
            for row in rows(path, "SELECT call, tenant, wallet_nanos, cost_nanos, rate_card, margins, state FROM hold")
        }
        self.exposed: dict[str, int] = {}
        for call, nanos in rows(path, "SELECT call, nanos FROM exposure"):
            self.exposed[call] = self.exposed.get(call, 0) + nanos
        self.works = {row[0] for row in rows(path, "SELECT call FROM work")}
        self.margins = rows(path, "SELECT version, tenant, pct FROM margin ORDER BY version")
        self.charges = {row[7]: Charge(row[7], row[0], row[4], row[5], json.decode(row[8]))
                        for row in self.entries if row[3] == "call"}  # fmt: skip


def audit(
    path: Path,
    accounts: list[Account],
    cards: Mapping[str, RateCard],
    bills: Mapping[str, Bill],
    sent: Mapping[str, bytes],
    whole: set[str],
    refused: set[str],
    done: set[str],
    shown: Mapping[str, int],
    asked: list[Asked],
) -> Iterator[str]:
    """Yield what is wrong."""
    books = Books(path)
    yield from _wallets(books, accounts)
    yield from _holds(books)
    for call, bill in bills.items():
        yield from _call(books, call, bill, cards)
    for call in books.charges:
        if call not in bills:
            yield f"{call} was charged, and its provider never heard of it"
    for one in asked:
        yield from _told(books, one, sent, whole)
    for call in (done & books.works) - books.charges.keys():
        yield f"{call} made work that is done, and was not charged for it"
    for call in refused & books.charges.keys():
        yield f"{call} was answered with an error, and charged"
    for call, nanos in shown.items():
        if nanos and call not in books.charges:
            yield f"{call} had shown a cost of {nanos} before its server died, and was not charged"


def _wallets(books: Books, accounts: list[Account]) -> Iterator[str]:
    """Each wallet is the sum of what was paid in and what its calls were charged, without a gap in its entries."""
    for account in accounts:
        tenant = account.tenant.id
        mine = [row for row in books.entries if row[0] == tenant]
        balance = 0
        for number, row in enumerate(mine, start=1):
            balance += row[4]
            if row[1] != number:
                yield f"the entries of {tenant} have a gap before {row[1]}"
            if row[6] != balance:
                yield f"entry {row[2]} says a balance of {row[6]} where the entries sum to {balance}"
        if books.wallets[tenant][0] != balance:
            yield f"the wallet of {tenant} says {books.wallets[tenant][0]}, its entries {balance}"
        if balance < books.wallets[tenant][2]:
            yield f"the wallet of {tenant} is at {balance}, below its minimum"
        paid = {row[2]: row[4] for row in mine if row[3] != "call"}
        for entry, nanos in account.deposits.items():
            if paid.get(entry) != nanos:
                yield f"the payment {entry} of {nanos} was acknowledged and is not in the books"
        for entry, nanos in paid.items():
            if nanos != account.deposits.get(entry, account.doubtful.get(entry)):
                yield f"the books have a payment {entry} of {nanos} that nobody made"


def _holds(books: Books) -> Iterator[str]:
    for call, hold in books.holds.items():
        if hold[5] == "held":
            yield f"{call} still holds {hold[1]}"
        if (hold[5] == "settled") != (call in books.charges):
            yield f"{call} is {hold[5]}, and its entry says otherwise"
    for tenant, wallet in books.wallets.items():
        if wallet[1]:
            yield f"the wallet of {tenant} still holds {wallet[1]}"


def _call(books: Books, call: str, bill: Bill, cards: Mapping[str, RateCard]) -> Iterator[str]:
    """One call that its provider has billed: booked is what it cost, and never less."""
    hold = books.holds.get(call)
    if hold is None:
        yield f"{call} was billed by its provider and has no hold"
        return
    tenant, held, cost_most, version = hold[:4]
    truth = cost_of(cards[version], bill.model, bill.tokens.units)
    charge, exposed = books.charges.get(call), books.exposed.get(call, 0)
    cost = charge.bill["upstream_cost_nanos"] if charge is not None else 0
    if charge is None:
        if exposed < truth:
            yield f"{call} cost {truth} upstream, and {exposed} is booked"
        return
    if cost_most < truth:
        yield f"{call} cost {truth} upstream, more than the {cost_most} that was thought possible"
    if charge.tenant != tenant:
        yield f"{call} of {tenant} was charged to {charge.tenant}"
    # What of the charge was not paid is exposed in proportion; together they are all of the cost.
    price = charge.bill["charge_nanos"]
    paid = -charge.amount + charge.waived
    borne = cost if not price else Fraction(cost * paid, price)
    if borne + exposed < truth:
        yield f"{call} cost {truth} upstream; {borne} was charged for and {exposed} exposed"
    pct = margin(books, charge.bill["margins"], tenant)
    expected = round_half_even(Fraction(_exactly(cards[version], charge.bill)) * (1 + Fraction(pct) / 100))
    if price != expected:
        yield f"{call} is priced at {price}; its usage at {pct} % comes to {expected}"
    if charge.bill["certainty"] == EXACT:
        yield from _exact(charge, bill, truth)
    elif paid > held and not charge.waived:
        yield f"{call} was charged {paid}, more than the {held} that it held, on usage that is not sure"


def _exact(charge: Charge, bill: Bill, truth: int) -> Iterator[str]:
    """A bill that is sure says what the provider's own does."""
    used = charge.bill["parts"][0]["usage"] if charge.bill["parts"] else {}
    if used != bill.tokens.units:
        yield f"{charge.call} was billed for {used}; its provider says {bill.tokens.units}"
    if charge.bill["upstream_cost_nanos"] != truth:
        yield f"{charge.call} cost {truth} upstream, and its bill says {charge.bill['upstream_cost_nanos']}"


def _told(books: Books, one: Asked, sent: Mapping[str, bytes], whole: set[str]) -> Iterator[str]:
    """What a caller was told is what the provider said, and whole only if all of it came and is on the books."""
    sink, call = one.sink, one.call
    if not call or call not in sent or sink.headers.get("faregate-refusal"):
        return
    if sink.status >= 400:
        return
    got, said = bytes(sink.got), sent[call]
    if sink.ended == "whole":
        if call not in whole:
            yield f"{call} looks whole to its caller, and its provider's answer was not"
        if got != _without_usage(said):
            yield f"{call}: its caller got other bytes than the provider sent"
        if b'"background"' not in said and call not in books.charges:
            yield f"{call} was answered whole, and is not on the books"
        elif b'"background"' not in said and _usage_told(said) and books.charges[call].bill["certainty"] != EXACT:
            yield f"{call} was answered whole with its usage, and its charge is not exact"
    elif not (said.startswith(got) or _ends_in_error(said, got)):
        yield f"{call}: what its caller got is no beginning of what the provider sent"


def _without_usage(said: bytes) -> bytes:
    """Return an answer without the frame that the house had asked for: no caller of a world asks for it."""
    return b"\n\n".join(frame for frame in said.split(b"\n\n") if b'"choices": [], "usage": {' not in frame)


def _usage_told(said: bytes) -> bool:
    """Tell whether an answer says its usage, and it can be true."""
    return b'"usage": {' in said and b"-7" not in said and b"10000000000000" not in said


def _ends_in_error(said: bytes, got: bytes) -> bool:
    """Tell whether it is a beginning, and then the house's own error event; the usage frame may be missing."""
    frames = got.split(b"\n\n")
    errors = [at for at, frame in enumerate(frames) if b'"error"' in frame]
    seen = b"\n\n".join(frames[: errors[0]]) if errors else got
    return said.startswith(seen) or _without_usage(said).startswith(seen)


def cost_of(card: RateCard, model: str, units: Mapping[str, int]) -> int:
    """Return what tokens cost upstream, in nano-USD, rounded half to even once."""
    return round_half_even(_sum(card, model, units))


def _exactly(card: RateCard, bill: Mapping[str, Any]) -> Fraction:
    return sum((_sum(card, part["priced_as"], part["usage"]) for part in bill["parts"]), Fraction())


def _sum(card: RateCard, model: str, units: Mapping[str, int]) -> Fraction:
    [found] = [each for models in card.integrations.values() for each in models if model in each.match]
    total = Fraction()
    for unit, amount in units.items():
        plain = [
            rate
            for rate in found.rates
            if rate.unit == unit and not (rate.tier or rate.region or rate.context_above or rate.hours)
        ]
        dated = max((rate for rate in plain if rate.since <= "2026-11-21"), key=lambda rate: rate.since)
        total += Fraction(dated.usd) * 1_000_000_000 / dated.per * amount
    return total


def margin(books: Books, version: int, tenant: str) -> Decimal:
    """Return the margin that a table of a version gives a tenant: its own, else everybody's."""
    table = {row[1] or "": Decimal(row[2]) for row in books.margins if row[0] <= version}
    return table.get(tenant, table.get("", FIRST_MARGIN))


def round_half_even(amount: Fraction) -> int:
    """Round to the nano."""
    return round(amount)
