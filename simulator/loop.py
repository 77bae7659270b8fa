"""An event loop whose time is a number: it jumps to the next timer instead of waiting, and ends lives without a word.

Everything that one start of the server does carries its `Life` in its context. A life that was killed is never run
again: no task of it is resumed, no `finally` of it runs, no timer of it rings. That is what SIGKILL does.
"""

import asyncio
import contextlib
import contextvars
import random
from collections.abc import Callable, Iterable
from typing import Any, TypeVar


class Life:
    """One start of the server. Once it is dead, nothing of it happens any more."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.dead = False
        self.tasks: list[asyncio.Task[Any]] = []


H = TypeVar("H", bound=asyncio.Handle)
LIFE: contextvars.ContextVar[Life | None] = contextvars.ContextVar("life", default=None)


TURNS_MAX = 300_000
"""No world needs so many turns of its loop; one that does runs in a circle."""


class Deadlock(Exception):
    """Everything waits and nothing will ever happen, or something happens for ever."""


class _Selector:
    """Instead of waiting for files: time goes on at once."""

    def __init__(self, loop: "SimLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        """Let that much time be gone."""
        self._loop.pass_time(timeout)
        return []


class SimLoop(asyncio.BaseEventLoop):
    """Virtual time in seconds from 0. Tasks that could run at the same moment run in an order that `dice` decides.

    What a thread would do (`asyncio.to_thread`) is done at one moment, `thread_s()` after it was asked for, and known
    to whoever waits another `thread_s()` later: a life may end in between.
    """

    def __init__(self, dice: random.Random, thread_s: Callable[[], float]) -> None:
        super().__init__()
        self._now = 0.0
        self._turns = 0
        self._dice = dice
        self._thread_s = thread_s
        self._selector = _Selector(self)

    def time(self) -> float:
        """Return seconds since the world began."""
        return self._now

    def pass_time(self, timeout: float | None) -> None:
        """Go to the next timer, or choose who is first among those who are ready. Raises Deadlock."""
        self._turns += 1
        if timeout is None:
            raise Deadlock("nothing is ready and nothing is due")
        if self._turns > TURNS_MAX:
            self._turns = 0
            raise Deadlock(f"{TURNS_MAX} turns were not enough")
        if timeout > 0:
            self._now += timeout
        else:
            self._mix()

    def _mix(self) -> None:
        """Put the tasks that are ready into another order; what is no task keeps its place, as libraries rely on it."""
        ready: Any = self._ready  # type: ignore[attr-defined]  # the base class's own queue
        if len(ready) < 2:
            return
        places = [at for at, handle in enumerate(ready) if isinstance(_owner(handle), asyncio.Task)]
        mixed = [ready[at] for at in places]
        self._dice.shuffle(mixed)
        for at, handle in zip(places, mixed, strict=True):
            ready[at] = handle

    def call_soon(  # type: ignore[override]  # callbacks of any kind
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Have something called next, unless its life is over."""
        handle = super().call_soon(callback, *args, context=context)
        return _unless_dead(handle, context)

    def call_at(  # type: ignore[override]  # callbacks of any kind
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Have something called at a time, unless its life is over by now."""
        handle = super().call_at(when, callback, *args, context=context)
        return _unless_dead(handle, context)

    def call_soon_threadsafe(  # type: ignore[override]  # callbacks of any kind
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """There are no threads."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Do what a thread would do, here."""
        done = self.create_future()

        def give(result: Any, error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)

        def work() -> None:
            try:
                result, error = func(*args), None
            except Exception as raised:  # noqa: BLE001  # as a thread does: whoever waits gets it
                result, error = None, raised
            self.call_later(self._thread_s(), give, result, error)

        self.call_later(self._thread_s(), work)
        return done

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> "asyncio.Task[Any]":
        """Start a task, and keep it with its life: one that nobody knows may vanish, and run its `finally`."""
        task: asyncio.Task[Any] = super().create_task(coro, name=name, context=context)
        life = LIFE.get() if context is None else context.get(LIFE)
        if life is not None:
            life.tasks.append(task)
        return task

    async def bury(self, lives: Iterable[Life]) -> None:
        """Close what dead lives have left standing, now that nobody looks any more."""
        for life in lives:
            context = contextvars.copy_context()
            context.run(LIFE.set, life)
            for task in life.tasks:  # closing one may begin others
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # it was killed
                coro = task.get_coro()
                if not task.done() and coro is not None:
                    with contextlib.suppress(BaseException):  # whatever its `finally` does, it is over
                        context.run(coro.close)

    def kill(self, life: Life) -> None:
        """End a life as SIGKILL does."""
        life.dead = True
        for handle in [*self._ready, *self._scheduled]:  # type: ignore[attr-defined]  # the base class's own queues
            if handle._context.get(LIFE) is life:  # there is no other way to know whose it is
                handle.cancel()

    def _process_events(self, _events: list[Any]) -> None:
        """There are no files, so there are no events."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector that had to be woken."""


def _owner(handle: asyncio.Handle) -> object:
    return getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]  # whose step is it


def _unless_dead(handle: H, context: contextvars.Context | None) -> H:
    life = LIFE.get() if context is None else context.get(LIFE)
    if life is not None and life.dead:
        handle.cancel()
    return handle
