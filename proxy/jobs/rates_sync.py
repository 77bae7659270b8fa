"""Every so many hours rates are held against price lists; a restart does not put that off."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from proxy.clock import MICROS_PER_SECOND, Clock

PERIOD_S = 5.0
_HOUR = 3600 * MICROS_PER_SECOND


async def keep_syncing(
    sync: Callable[[], Awaitable[None]],
    every_hours: Callable[[], float],
    clock: Clock,
    last_at: str | None,
    period_s: float = PERIOD_S,
) -> None:
    """Sync whenever it is due, until cancelled.

    `every_hours` is asked every few seconds, 0 is never; `last_at` (RFC 3339) is when it was last done, by whomever.
    """
    last = None if last_at is None else int(datetime.fromisoformat(last_at).timestamp() * MICROS_PER_SECOND)
    while True:
        await asyncio.sleep(period_s)
        hours = every_hours()
        if hours and (last is None or clock.now() - last >= hours * _HOUR):
            last = clock.now()
            await sync()
