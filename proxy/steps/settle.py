"""Settle: end the hold, once, durably, before the caller gets the last byte.

The ledger has `COMMIT_S` to commit. If it needs longer the ending is fsynced to the journal instead, from which it is
settled by call id as soon as the ledger can, or at the next start. If neither is possible there is no proof of the
call, and LedgerUnavailable says so: the answer is cut then, never ended, and whoever knows what the caller was told
says with what ending to `insist`.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from proxy.errors import LedgerUnavailable
from proxy.ledger.call import Ending, Receipt
from proxy.store.doors import Ledger
from proxy.tasks import Tasks

COMMIT_S = 0.25
PROOF_S = 10.0
"""How long the ledger has where the journal cannot be written: what it may still commit must be known."""
RETRY_FIRST_S = 0.1
RETRY_MOST_S = 5.0

Late = Callable[[Ending, Receipt], None]
"""Is told what became of an ending that the ledger took later than its call could wait for."""


class Journal(Protocol):
    """Keeps endings that the ledger could not commit in time."""

    async def append(self, ending: Ending) -> None:
        """Write and fsync one ending. Raises OSError if it cannot."""
        ...

    async def settled(self, call: str) -> None:
        """Forget a call's ending, now that the ledger has it."""
        ...


async def settle(ending: Ending, ledger: Ledger, journal: Journal, tasks: Tasks, late: Late) -> Receipt | None:
    """End the hold. Returns its receipt, or None if it is only journalled yet.

    Raises LedgerUnavailable if nothing was written anywhere: the hold is still open then.
    """
    try:
        return await tasks.within(COMMIT_S, ledger.end(ending))
    except (TimeoutError, LedgerUnavailable):
        pass
    journalled = True
    try:
        await journal.append(ending)
    except OSError as error:
        journalled = False
        try:
            return await tasks.within(PROOF_S, ledger.end(ending))
        except (TimeoutError, LedgerUnavailable):
            raise LedgerUnavailable(f"neither ledger nor journal can be written: {error}") from error
    finally:
        if journalled:
            _ = tasks.start(insist(ending, ledger, journal, late), name="settle")
    return None


async def insist(ending: Ending, ledger: Ledger, journal: Journal, late: Late) -> None:
    """Try until the ledger has it, then forget it; ending a call twice changes nothing."""
    pause = RETRY_FIRST_S
    while True:
        try:
            receipt = await ledger.end(ending)
        except LedgerUnavailable:
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_MOST_S)
        else:
            late(ending, receipt)
            await journal.settled(ending.record.id)
            return
