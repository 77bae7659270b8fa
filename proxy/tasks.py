"""Background work with an owner: a task that nobody refers to may vanish, and its failure with it."""

import asyncio
import logging
from collections import deque
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


class _Wait:
    """A task that waits for something until `due`; none once it has it."""

    __slots__ = ("due", "late", "task")

    def __init__(self, task: asyncio.Task[Any] | None, due: float) -> None:
        self.task = task
        self.due = due
        self.late = False


class Patience:
    """`within` for tasks that all wait equally long: one timer serves them, since they are late in their order."""

    def __init__(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._seconds = seconds
        self._loop = loop
        self._waits: deque[_Wait] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def bear(self, work: Awaitable[T]) -> T:
        """Await `work` at most so long. Raises TimeoutError, and then `work` was cancelled."""
        task = asyncio.current_task(self._loop)
        wait = _Wait(task, self._loop.time() + self._seconds)
        self._waits.append(wait)
        if self._timer is None:
            self._timer = self._loop.call_at(wait.due, self._ring)
        try:
            return await work
        except asyncio.CancelledError:
            if wait.late and task is not None and not task.uncancel():
                raise TimeoutError from None
            raise
        finally:
            wait.task = None

    def _ring(self) -> None:
        """Cancel who is late, forget who has what it waited for, and ring again when the next one could be late."""
        waits, now = self._waits, self._loop.time()
        while waits and (waits[0].task is None or waits[0].due <= now):
            wait = waits.popleft()
            if wait.task is not None:
                wait.late = True
                wait.task.cancel()
        self._timer = self._loop.call_at(waits[0].due, self._ring) if waits else None


class Tasks:
    """Holds every running task, logs those that fail unobserved, and waits for all of them at the end."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._patience: dict[float, Patience] = {}

    def within(self, seconds: float, work: Awaitable[T]) -> Coroutine[Any, Any, T]:
        """Await `work` at most so long, as `within` does, where the same few times are waited for again and again."""
        patience = self._patience.get(seconds)
        if patience is None:
            patience = self._patience[seconds] = Patience(seconds, self.loop)
        return patience.bear(work)

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
