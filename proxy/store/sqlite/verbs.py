"""What the ledger does inside a batch: each verb loads, calls a pure transition, and hands on what comes back.

A verb raises BadRequest only before it has changed anything; after any other error the whole batch is rolled back
and its verbs are tried again one at a time (`writer.py`).
"""

from collections.abc import Sequence

from msgspec import structs

from proxy.errors import BadRequest, invariant
from proxy.ledger import transitions
from proxy.ledger.bill import read_bill, tokens
from proxy.ledger.call import CallRecord, Ending, NoHold, Receipt
from proxy.ledger.cap import Capped, Standing, give_back, is_near, spend, take
from proxy.ledger.entry import Entry
from proxy.ledger.hold import Hold, HoldRequest, HoldState
from proxy.ledger.transitions import Deposit
from proxy.ledger.wallet import Short
from proxy.ledger.work import Work
from proxy.store.doors import OwnedObject
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.rows import to_entry, to_work
from proxy.store.sqlite.statements import LEDGER


def hold(batch: Batch, request: HoldRequest) -> Hold | Short | Capped:
    """Reserve a call's worst case. Asked again for the same call, return the hold that it has."""
    known = batch.begun(request.call)
    if known is not None:
        return _again(known, request)
    standings = batch.standings(request)
    begun = transitions.begin(batch.wallet(request.tenant), request, batch.epoch, standings)
    if not isinstance(begun, tuple):
        known = batch.find_hold(request.call)  # a known one could not be added; a refused one is looked for
        return begun if known is None else _again(known, request)
    wallet, opened = begun
    batch.move(wallet)
    batch.open(opened)
    for standing in standings:
        batch.turn(take(standing.window, opened.cap_nanos))
    return opened


def _again(known: Hold, request: HoldRequest) -> Hold:
    """Return the hold that a call has already. Raises InvariantBroken for one that is over, or another tenant's."""
    invariant(known.tenant == request.tenant, f"{request.call} is another tenant's call")
    invariant(known.state is HoldState.HELD, f"{request.call} is over: it cannot begin again")
    return known


def raise_hold(batch: Batch, call: str, more: int, cost_more: int) -> Hold | None:
    """Take more for a running call, or return None if it is not available."""
    open_ = _held(batch, call)
    windows = [batch.window(open_.tenant, cap, window) for cap, window in open_.windows]
    caps = {cap.id: cap for cap in batch.caps.of(open_.tenant)} if windows else {}
    standings = [Standing(caps[window.cap], window) for window in windows if window.cap in caps]
    raised = transitions.raise_hold(batch.wallet(open_.tenant), open_, more, cost_more, standings)
    if raised is None:
        return None
    wallet, larger = raised
    batch.move(wallet)
    batch.change(larger)
    for window in windows:
        batch.turn(take(window, more))
    return larger


def end(batch: Batch, ending: Ending) -> Receipt:
    """End a hold with all that belongs to it. A call that is over already stays as it is."""
    open_ = _held(batch, ending.record.id)
    if open_.state is not HoldState.HELD:
        return _past(batch, open_)
    ended = transitions.end(batch.wallet(open_.tenant), open_, ending)
    batch.move(ended.wallet)
    batch.change(ended.hold)
    batch.close_call(ending.record)
    if ended.entry is not None:
        batch.enter(ended.entry)
    if ended.exposure is not None:
        batch.expose(ended.exposure)
    if ending.bill is not None:
        batch.count_tokens(open_.call, tokens(ending.bill))
    near = _count(batch, open_, ended.receipt)
    return structs.replace(ended.receipt, near=near) if near else ended.receipt


def _count(batch: Batch, over: Hold, receipt: Receipt) -> tuple[Standing, ...]:
    """Give back what a call held on caps, and count its charge on those it is under now; return those that get near.

    They may not be the same: a cap may have been set or unset while the call ran.
    """
    for cap, window in over.windows:
        batch.turn(give_back(batch.window(over.tenant, cap, window), over.cap_nanos))
    asked = receipt.paid_nanos + receipt.waived_nanos
    if not asked:
        return ()
    near = []
    for before in batch.standings(over):
        after = spend(before, asked)
        batch.turn(after.window)
        if is_near(before, after):
            near.append(after)
    return tuple(near)


def checkpoint(batch: Batch, call: str, evidence: str) -> None:
    """Keep what was seen of a running call. For a call that is over it comes too late, and is nothing."""
    open_ = _held(batch, call)
    if open_.state is HoldState.HELD:
        batch.change(structs.replace(open_, evidence=evidence))


def record(batch: Batch, row: CallRecord) -> None:
    """Keep a call that had no hold."""
    batch.record(row)


def deposit(batch: Batch, given: Deposit) -> Entry | Short:
    """Write a movement that is no call. The same entry id again returns the entry that was made.

    Raises BadRequest if there is no such tenant, or if that id names another movement.
    """
    wallet = batch.find_wallet(given.tenant)
    if wallet is None:
        raise BadRequest(f"there is no tenant {given.tenant}", code="not_found", status=404)
    batch.flush()
    row = batch.connection.execute(LEDGER.find_entry, (given.entry_id,)).fetchone()
    if row is not None:
        made = to_entry(row)
        if (made.tenant, made.kind, made.amount_nanos) != (given.tenant, given.kind, given.amount_nanos):
            raise BadRequest(f"{given.entry_id} is another movement", code="conflict", status=409)
        return made
    deposited = transitions.deposit(wallet, given)
    if isinstance(deposited, Short):
        return deposited
    wallet, entry = deposited
    batch.move(wallet)
    batch.enter(entry)
    return entry


def own(batch: Batch, objects: Sequence[OwnedObject]) -> None:
    """Record who made these objects. The first owner of an id stays its owner."""
    batch.connection.executemany(LEDGER.insert_object, [structs.astuple(made) for made in objects])


def entrust(batch: Batch, work: Work, objects: Sequence[OwnedObject]) -> Work:
    """Let a call's hold belong to an object from now on, and record what the call made. Returns whose work it is."""
    open_ = _held(batch, work.call)
    invariant(open_.tenant == work.tenant, f"{work.call} is another tenant's call")
    batch.flush()  # the hold's row comes before the work's
    batch.connection.execute(LEDGER.insert_work, structs.astuple(work))
    own(batch, objects)
    row = batch.connection.execute(LEDGER.find_work, (work.integration, work.object)).fetchone()
    invariant(row is not None, f"the hold of {work.call} belongs to another object already")
    return to_work(row)


def disown(batch: Batch, integration: str, object_id: str) -> None:
    """Forget an object."""
    batch.connection.execute(LEDGER.delete_object, (integration, object_id))


def _held(batch: Batch, call: str) -> Hold:
    found = batch.find_hold(call)
    if found is None:
        raise NoHold(f"{call} has no hold")
    return found


def _past(batch: Batch, over: Hold) -> Receipt:
    """Tell what became of a call that is over."""
    batch.flush()
    wallet = batch.wallet(over.tenant)
    exposure = batch.connection.execute(LEDGER.call_exposure, (over.call,)).fetchone()[0]
    row = batch.connection.execute(LEDGER.find_call_entry, (over.call,)).fetchone()
    receipt = Receipt(exposure_nanos=exposure, balance_nanos=wallet.balance, held_nanos=wallet.held, already=True)
    if row is None:
        return receipt
    entry = to_entry(row)
    return structs.replace(
        receipt,
        paid_nanos=-entry.amount_nanos,
        waived_nanos=entry.waived_nanos,
        shortfall_nanos=read_bill(entry.bill).shortfall_nanos,
        entry_id=entry.id,
    )
