"""Makes many checks at once, each within a time limit, and tells how far it is."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from proxy.doctor.finding import Finding, failed
from proxy.tasks import Tasks

T = TypeVar("T")

CHECK_S_MAX = 15.0
"""Seconds that one check may take: name servers that do not answer take this long to say so."""


class Check(Struct, frozen=True):
    """One thing to look at; `look` returns what was found."""

    name: str
    look: Callable[[], Awaitable[Finding]]


async def examine(
    checks: Sequence[Check], told: Callable[[Sequence[str]], None], seconds: float = CHECK_S_MAX
) -> list[Finding]:
    """Make all checks and return their findings in the same order. `told` hears which are still being made."""
    tasks, waiting = Tasks(), [check.name for check in checks]

    async def make(check: Check) -> Finding:
        try:
            async with asyncio.timeout(seconds):
                return await check.look()
        except TimeoutError:
            return failed(check.name, f"no answer within {seconds:g} s", "look into what it waits for, and try again")
        finally:
            waiting.remove(check.name)
            told(waiting)

    told(waiting)
    return list(await asyncio.gather(*(tasks.start(make(check), name=check.name) for check in checks)))


async def in_thread(work: Callable[[], T]) -> T:
    """Return what `work` returns, done in a thread of its own that keeps nothing waiting if it never ends.

    The loop's own threads would: name servers, and disks, can take minutes, and a process waits for such threads.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is raised where the work is awaited
            _call(loop, _fail, future, error)
        else:
            _call(loop, _succeed, future, result)

    threading.Thread(target=run, name="faregate-doctor", daemon=True).start()
    return await future


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        return  # the loop is closed: the check was given up, and nobody waits any more


def _succeed(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
