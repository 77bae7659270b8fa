"""Once a second every running call is looked after: its age, and what its answer has shown so far.

A checkpoint a second is what a crash can lose; one clock for all calls costs less than a timer for each.
"""

import asyncio

from proxy.call import Call, watch
from proxy.doors import Doors
from proxy.session import watch_session
from proxy.turns import Session

PERIOD_S = 1.0


async def keep_watch(doors: Doors) -> None:
    """Look after every running call, every second, until cancelled."""
    while True:
        await asyncio.sleep(PERIOD_S)
        for call in doors.running:
            if isinstance(call, Call):
                watch(call, doors)
            elif isinstance(call, Session):
                watch_session(call)
