"""The wallet's verbs as the house sees them: each hands its deed to the writer and waits for the disk."""

from collections.abc import Callable, Sequence

from proxy.ledger.call import CallRecord, Ending, Receipt
from proxy.ledger.cap import Capped, Standing
from proxy.ledger.entry import Entry
from proxy.ledger.hold import Hold, HoldRequest
from proxy.ledger.transitions import Deposit
from proxy.ledger.wallet import Short
from proxy.ledger.work import Work
from proxy.store.doors import OwnedObject
from proxy.store.sqlite import verbs
from proxy.store.sqlite.batch import Need
from proxy.store.sqlite.committer import Verb
from proxy.store.sqlite.doorway import Doorway
from proxy.store.sqlite.rows import to_hold
from proxy.store.sqlite.statements import DIRECTORY
from proxy.store.sqlite.writer import QUEUE_MAX


def untold(_near: Standing) -> None:
    """What is told of caps that get near where nobody asked."""


class SqliteLedger(Doorway):
    """Implements `doors.Ledger`. `near` is told, on the event loop, of each cap of which most was just spent."""

    def __init__(self, near: Callable[[Standing], None] = untold) -> None:
        super().__init__()
        self._near = near

    @property
    def epoch(self) -> int:
        """The number of this start."""
        return self._parts.epoch

    async def hold(self, request: HoldRequest) -> Hold | Short | Capped:
        """Reserve a call's worst case, or say what was missing, and where."""
        return await self._parts.writer.submit(lambda batch: verbs.hold(batch, request), Need(tenant=request.tenant))

    async def raise_hold(self, call: str, more: int, cost_more: int) -> Hold | None:
        """Take more for a running call; None if it is not available. Raises NoHold if it never had a hold."""
        return await self._parts.writer.submit(lambda batch: verbs.raise_hold(batch, call, more, cost_more), Need(call))

    async def end(self, ending: Ending) -> Receipt:
        """End a hold; once only. Raises NoHold if the call never had one."""
        need = Need(ending.record.id, ending.record.tenant)
        return await self._parts.writer.submit(lambda batch: verbs.end(batch, ending), need, self._ended)

    def _ended(self, receipt: Receipt) -> None:
        for standing in receipt.near:
            self._near(standing)

    def checkpoint(self, call: str, evidence: str) -> None:
        """Keep what was seen of a running call, with the next batch; dropped when the queue is full."""
        self._offer(lambda batch: verbs.checkpoint(batch, call, evidence), QUEUE_MAX, Need(call))

    def record(self, record: CallRecord) -> None:
        """Keep a call that had no hold, with the next batch; dropped when the queue is half full."""
        self._offer(lambda batch: verbs.record(batch, record), QUEUE_MAX // 2, Need())

    def _offer(self, verb: Verb[None], waiting_most: int, need: Need) -> None:
        """Hand over what may be lost: a closed store is no error here."""
        if self._opened is not None:
            self._opened.writer.offer(verb, waiting_most, need)

    async def deposit(self, given: Deposit) -> Entry | Short:
        """Write a credit, adjustment or refund; the same entry id again returns the entry that was made."""
        return await self._parts.writer.submit(lambda batch: verbs.deposit(batch, given))

    async def own(self, objects: Sequence[OwnedObject]) -> None:
        """Record who made these objects."""
        await self._parts.writer.submit(lambda batch: verbs.own(batch, objects))

    async def entrust(self, work: Work, objects: Sequence[OwnedObject]) -> Work:
        """Let a call's hold belong to an object from now on. Raises NoHold if the call never had one."""
        return await self._parts.writer.submit(lambda batch: verbs.entrust(batch, work, objects), Need(work.call))

    async def disown(self, integration: str, object_id: str) -> None:
        """Forget an object that its owner deleted."""
        await self._parts.writer.submit(lambda batch: verbs.disown(batch, integration, object_id))

    async def open_holds(self, before_epoch: int) -> Sequence[Hold]:
        """Return the holds of earlier starts, oldest first, but for those of work that finishes later."""
        return [to_hold(row) for row in await self._parts.calls.all(DIRECTORY.open_holds_before, (before_epoch,))]
