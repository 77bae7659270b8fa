"""Recovery: what a worker that died has left behind is ended by evidence, before anything new is let in.

Journalled endings are exact and are settled as they stand. A hold with a checkpoint is charged what was seen, up to the
hold, unless the provider's own last word was seen. A hold without one saw nothing, and costs the tenant nothing. What
may have been used beyond that is exposure.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from proxy.clock import Clock
from proxy.ids import Ids
from proxy.ledger.bill import read_bill
from proxy.ledger.call import CallRecord, Ending, NoHold, Outcome
from proxy.ledger.hold import Hold
from proxy.metrics import Metrics
from proxy.store.doors import Ledger
from proxy.usage.certainty import Certainty

TOGETHER = 200
"""Orphans that are ended at a time, so that they share commits."""

_log = logging.getLogger("faregate.recovery")


class KeptEndings(Protocol):
    """The journal of the worker that died."""

    async def read(self) -> Sequence[Ending]:
        """Return every ending that was written whole, oldest first."""
        ...

    async def settled(self, call: str) -> None:
        """Forget a call's ending, now that the ledger has it."""
        ...


class Recovered(Struct, frozen=True):
    """How many calls were ended by what evidence."""

    journalled: int
    by_checkpoint: int
    unseen: int


async def recover(ledger: Ledger, journal: KeptEndings, clock: Clock, ids: Ids, metrics: Metrics) -> Recovered:
    """End every hold of earlier starts. Repeating it changes nothing. Raises LedgerUnavailable."""
    journalled = by_checkpoint = unseen = 0
    for ending in await journal.read():
        try:
            receipt = await ledger.end(ending)
        except NoHold:
            # The journal is newer than this database: a backup was restored. The line stays, for the operator.
            _log.error(
                "the journal ends call %s, which the database does not know; restored from a backup?", ending.record.id
            )
            continue
        await journal.settled(ending.record.id)
        if not receipt.already:
            journalled += 1
            metrics.count_late(ending, receipt)
    orphans = await ledger.open_holds(ledger.epoch)
    for start in range(0, len(orphans), TOGETHER):
        some = orphans[start : start + TOGETHER]
        endings = [by_evidence(hold, clock.now(), ids.new("led")) for hold in some]
        receipts = await asyncio.gather(*(ledger.end(ending) for ending in endings))
        for ending, receipt, hold in zip(endings, receipts, some, strict=True):
            metrics.count_orphan(ending, receipt, hold)
        by_checkpoint += sum(bool(hold.evidence) for hold in some)
        unseen += sum(not hold.evidence for hold in some)
    for evidence, calls in (("journal", journalled), ("checkpoint", by_checkpoint), ("nothing", unseen)):
        metrics.recovered.add(calls, evidence)
    return Recovered(journalled, by_checkpoint, unseen)


def by_evidence(hold: Hold, now: int, entry_id: str) -> Ending:
    """Return the ending of an orphaned hold: its last checkpoint's bill, or none."""
    record = CallRecord(
        id=hold.call,
        tenant=hold.tenant,
        key=hold.key,
        integration=hold.integration,
        endpoint=hold.endpoint,
        model=hold.model,
        outcome=Outcome.RECOVERED,
        status=0,
        started_at=hold.created_at,
        ended_at=now,
    )
    bill = read_bill(hold.evidence) if hold.evidence else None
    unseen = bill is None or bill.certainty is not Certainty.EXACT
    return Ending(record, entry_id, bill, unseen=unseen, reason="recovered")
