"""Looks after work that finishes later: one after the other as they are due, a few at a time.

When is the business of `proxy/waiting.py`, what is done of `proxy/later.py`.
"""

import asyncio
import logging
from collections.abc import Callable

from proxy.doors import Doors
from proxy.errors import LedgerUnavailable
from proxy.later import look_after, rule_of
from proxy.waiting import Waited

TOGETHER = 8
"""Looks at a time: a provider is not asked for thousands of batches at once."""

_log = logging.getLogger("faregate.later")


async def keep_looking(doors: Callable[[], Doors]) -> None:
    """Look at work whenever some is due, until cancelled. `doors` returns those of this moment."""
    slots = asyncio.Semaphore(TOGETHER)
    while True:
        await slots.acquire()
        waited = await doors().waiting.due(doors().clock)
        now = doors()
        _ = now.tasks.start(look(waited, now, slots), name=f"look at {waited.open.work.object}")


async def look(waited: Waited, doors: Doors, slots: asyncio.Semaphore) -> None:
    """Look once, and say when to look again unless that was the end."""
    try:
        await look_after(waited, doors)
    except LedgerUnavailable as error:
        waited.failures += 1
        _log.warning("what is known of %s is written down later: %s", waited.open.work.object, error)
    except Exception:  # noqa: BLE001  # one piece of work must not keep the others from being looked after
        waited.failures += 1
        _log.exception("%s cannot be looked after", waited.open.work.object)
    finally:
        slots.release()
        later = rule_of(waited.open.work, doors)
        doors.waiting.again(waited, doors.clock, later.look_s_most if later is not None else 1_800.0)
