"""The deeds of the ledger as pure functions of one wallet: begin, raise, end, deposit.

A store runs them inside one transaction: it loads the wallet and the hold, calls, and writes what comes back.
"""

from collections.abc import Sequence

from msgspec import Struct, structs

from proxy.errors import invariant
from proxy.ledger.bill import write_bill
from proxy.ledger.call import Ending, Receipt
from proxy.ledger.cap import Capped, Standing, keeps_out, room
from proxy.ledger.ending import split
from proxy.ledger.entry import Entry, Kind, seal
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import Hold, HoldRequest, HoldState, open_hold
from proxy.ledger.wallet import Short, Wallet, grant, hold, post, unhold


class Ended(Struct, frozen=True):
    """What ending a hold writes: wallet, hold, an entry if there was a bill, exposure if any is left."""

    wallet: Wallet
    hold: Hold
    entry: Entry | None
    exposure: Exposure | None
    receipt: Receipt


def begin(
    wallet: Wallet, request: HoldRequest, epoch: int, standings: Sequence[Standing] = ()
) -> tuple[Wallet, Hold] | Short | Capped:
    """Admit a call: take its hold out of what wallet and caps leave, or say how much was missing, and where.

    The hold's `cap_nanos` is to be held in the window of each standing.
    """
    ask = request.ask
    if standings:
        left = room(standings)
        if not request.waived:
            granted = grant(min(left, wallet.available), ask)
        else:
            granted = ask.most if ask.most <= left else grant(left, ask)
        if granted is None and (request.waived or left < wallet.available):
            return keeps_out(standings, ask.least)
    else:
        granted = ask.most if request.waived else grant(wallet.available, ask)
    if granted is None:
        return Short(wallet.balance, wallet.held, wallet.minimum, ask.least)
    windows = tuple((standing.window.cap, standing.window.window) for standing in standings)
    return wallet if request.waived else hold(wallet, granted), open_hold(request, granted, epoch, windows)


def raise_hold(
    wallet: Wallet, open_: Hold, more: int, cost_more: int, standings: Sequence[Standing] = ()
) -> tuple[Wallet, Hold] | None:
    """Take `more` for a running call, or return None if wallet or caps do not leave it.

    `standings` are those of the hold's windows whose caps are in force; `more` is to be held in all its windows.
    """
    invariant(more >= 0 and cost_more >= 0, "a hold is only ever raised")
    invariant(open_.state is HoldState.HELD, "a hold that has ended is not raised")
    if standings and more > room(standings):
        return None
    if open_.windows:
        open_ = structs.replace(open_, cap_nanos=open_.cap_nanos + more)
    if not open_.waived:
        if more > wallet.available:
            return None
        wallet = hold(wallet, more)
        open_ = structs.replace(open_, wallet_nanos=open_.wallet_nanos + more)
    return wallet, structs.replace(open_, cost_nanos=open_.cost_nanos + cost_more)


def end(wallet: Wallet, open_: Hold, ending: Ending) -> Ended:
    """End a hold, once: give it back, pay what is due, write the entry, expose the rest."""
    record, bill = ending.record, ending.bill
    invariant(open_.state is HoldState.HELD, "a hold ends once")
    invariant(record.id == open_.call and record.tenant == open_.tenant, "an ending belongs to its own hold")
    freed = unhold(wallet, open_.wallet_nanos)
    if bill is None:
        unasked = max(ending.exposed, open_.cost_nanos if ending.unseen else 0)
        receipt = Receipt(exposure_nanos=unasked, balance_nanos=freed.balance, held_nanos=freed.held)
        return Ended(freed, _over(open_, HoldState.RELEASED), None, _expose(open_, ending, unasked), receipt)
    unasked = ending.exposed
    if ending.unseen:
        unasked += max(open_.cost_nanos - bill.upstream_cost_nanos, 0)
    shares = split(bill.due(waived=open_.waived, unasked=unasked), open_.wallet_nanos, wallet.available)
    bill = structs.replace(bill, exposure_nanos=shares.exposure, shortfall_nanos=shares.shortfall)
    entry = seal(
        Entry(
            id=ending.entry_id,
            tenant=wallet.tenant,
            seq=wallet.seq + 1,
            kind=Kind.CALL.value,
            amount_nanos=-shares.paid,
            waived_nanos=shares.waived,
            balance_after_nanos=wallet.balance - shares.paid,
            created_at=record.ended_at,
            period=open_.period,
            reference=open_.call,
            bill=write_bill(bill),
            previous=wallet.head,
        )
    )
    after = post(freed, -shares.paid, entry.hash)
    receipt = Receipt(
        paid_nanos=shares.paid,
        waived_nanos=shares.waived,
        exposure_nanos=shares.exposure,
        shortfall_nanos=shares.shortfall,
        balance_nanos=after.balance,
        held_nanos=after.held,
        entry_id=entry.id,
    )
    return Ended(after, _over(open_, HoldState.SETTLED), entry, _expose(open_, ending, shares.exposure), receipt)


def _over(open_: Hold, state: HoldState) -> Hold:
    """Close a hold. Its checkpoint has served: the entry, if there is one, says more."""
    return structs.replace(open_, state=state, evidence="")


def _expose(open_: Hold, ending: Ending, nanos: int) -> Exposure | None:
    if not nanos:
        return None
    reason = ending.reason or ending.record.outcome.value
    return Exposure(open_.call, open_.tenant, open_.integration, nanos, reason, ending.unseen, ending.record.ended_at)


class Deposit(Struct, frozen=True):
    """A movement that is no call: a credit, an adjustment, a refund."""

    entry_id: str
    tenant: str
    kind: Kind
    amount_nanos: int
    at: int
    period: str
    reference: str = ""
    forced: bool = False


def deposit(wallet: Wallet, given: Deposit) -> tuple[Wallet, Entry] | Short:
    """Write a movement. A negative one must leave what is on hold covered, unless the operator forces it."""
    if given.amount_nanos < 0 and not given.forced and wallet.available + given.amount_nanos < 0:
        return Short(wallet.balance, wallet.held, wallet.minimum, -given.amount_nanos)
    entry = seal(
        Entry(
            id=given.entry_id,
            tenant=wallet.tenant,
            seq=wallet.seq + 1,
            kind=given.kind.value,
            amount_nanos=given.amount_nanos,
            waived_nanos=0,
            balance_after_nanos=wallet.balance + given.amount_nanos,
            created_at=given.at,
            period=given.period,
            reference=given.reference,
            bill="",
            previous=wallet.head,
        )
    )
    return post(wallet, given.amount_nanos, entry.hash), entry
