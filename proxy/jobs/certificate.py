"""Every few seconds the edge's certificate is looked at: whoever renews it need not tell anybody."""

import asyncio
from typing import Protocol

PERIOD_S = 5.0


class Renewable(Protocol):
    """What stands in files that somebody else writes."""

    def changed(self) -> bool:
        """Tell whether the files have changed. It may block."""

    def renew(self) -> bool:
        """Read them again; tell whether they were good. It may block."""


async def keep_certificate(certificate: Renewable, period_s: float = PERIOD_S) -> None:
    """Renew a certificate whenever its files have changed, until cancelled."""
    while True:
        await asyncio.sleep(period_s)
        if await asyncio.to_thread(certificate.changed):
            await asyncio.to_thread(certificate.renew)
