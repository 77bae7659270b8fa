"""When keys were last used is noted in memory by every call, and written down once a minute for all of them."""

import asyncio
import logging
from typing import Protocol

from proxy.errors import LedgerUnavailable

PERIOD_S = 60.0
"""What a crash can lose. A stop in good order loses nothing."""

_log = logging.getLogger("faregate.keys")


class Uses(Protocol):
    """Who keeps the notes."""

    async def keep_uses(self) -> None:
        """Write them down."""
        ...


async def keep_last_used(uses: Uses, period_s: float = PERIOD_S) -> None:
    """Write down when keys were last used, every minute, until cancelled."""
    while True:
        await asyncio.sleep(period_s)
        try:
            await uses.keep_uses()
        except LedgerUnavailable as error:
            _log.warning("when keys were last used is written down later: %s", error)
