"""Background work with an owner: a task that nobody refers to may vanish, and its failure with it."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_log = logging.getLogger("faregate.tasks")


async def within(seconds: float, work: Awaitable[T], loop: asyncio.AbstractEventLoop | None = None) -> T:
    """Await `work` at most so long. Raises TimeoutError, and then `work` was cancelled.

    What `asyncio.timeout` does at a fraction of its price, which counts where every call pays it. Asking for the
    running loop is a system call, so whoever knows it says so.
    """
    loop = loop or asyncio.get_running_loop()
    task = asyncio.current_task(loop)
    late = False

    def ring() -> None:
        nonlocal late
        late = True
        if task is not None:
            task.cancel()

    timer = loop.call_later(seconds, ring) if seconds > 0 else loop.call_soon(ring)
    try:
        return await work
    except asyncio.CancelledError:
        if late and task is not None and not task.uncancel():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()


class Tasks:
    """Holds every running task, logs those that fail unobserved, and waits for all of them at the end."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the tasks run on."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task and keep it until it is done."""
        task = self.loop.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def __len__(self) -> int:
        return len(self._running)

    async def drain(self, patience_s: float) -> int:
        """Wait for every task, at most so long; cancel what is left, wait for that, and return how many it was."""
        if not self._running:
            return 0
        _, late = await asyncio.wait(self._running, timeout=patience_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return len(late)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the task %s failed", task.get_name(), exc_info=error)
