"""Once a second, what running streams have shown so far is put into the ledger, so that a crash loses no more."""

import asyncio

from proxy.call import Call, checkpoint
from proxy.doors import Doors

PERIOD_S = 1.0


async def keep_checkpoints(doors: Doors) -> None:
    """Write a checkpoint of every call that has news, every second, until cancelled."""
    while True:
        await asyncio.sleep(PERIOD_S)
        for call in doors.running:
            if isinstance(call, Call):
                checkpoint(call, doors)
