"""Uses of keys are written down period by period; a ledger that cannot be written is no end of the job."""

import asyncio

import pytest

from proxy.errors import LedgerUnavailable
from proxy.jobs.last_used import keep_last_used
from proxy.tasks import Tasks


class Uses:
    """Fails the first time."""

    def __init__(self) -> None:
        self.kept = 0
        self.third = asyncio.Event()

    async def keep_uses(self) -> None:
        self.kept += 1
        if self.kept == 1:
            raise LedgerUnavailable("the disk is full")
        if self.kept == 3:
            self.third.set()


async def test_it_goes_on_until_it_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    uses = Uses()
    job = Tasks().start(keep_last_used(uses, period_s=0), name="last used")
    await asyncio.wait_for(uses.third.wait(), 5)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert caplog.messages == ["when keys were last used is written down later: the disk is full"]
