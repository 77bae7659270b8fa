"""The writer: one thread that commits what callers on the event loop hand it, a batch at a time.

Group commit without a timer: while one batch is being committed the next one gathers, and it is handed over whole once
all that the commit woke has had its turn. So a lone call waits for one fsync, and batches grow with the load. The queue
is bounded; what does not fit is refused at once.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from proxy.errors import LedgerUnavailable
from proxy.store.sqlite.batch import Need
from proxy.store.sqlite.committer import Committer, Failed, Verb
from proxy.store.sqlite.database import Database

T = TypeVar("T")

QUEUE_MAX = 5_000
"""Verbs that may wait. More would wait longer than their callers do."""

BATCH_MAX = 500
"""Verbs in one transaction: bounds how long the first of them waits for the last."""

TURNS = 2
"""Turns of the event loop for which a batch waits for more to join it: microseconds when idle, fewer commits if not."""

IDLE_S = 1.0
"""A pause after which the WAL is emptied."""

STOP_TIMEOUT_S = 5.0
"""How long a close waits for the thread."""

Observe = Callable[[int, float, bool], None]
"""Is told of a batch: how many verbs it had, how many seconds it took, whether it could not be committed."""

_NOTHING = Need()
_log = logging.getLogger("faregate.ledger")


class Job:
    """A verb on its way, who waits for it, and what to do on the loop when it is committed."""

    __slots__ = ("future", "need", "then", "verb")

    def __init__(
        self,
        verb: Verb[Any],
        need: Need,
        future: asyncio.Future[Any] | None = None,
        then: Callable[[Any], None] | None = None,
    ) -> None:
        self.verb = verb
        self.need = need
        self.future = future
        self.then = then


class Writer:
    """Owns the thread that owns the database. Used from the event loop that it was made on.

    `observe` is told of every batch, `broke(why)` once, when the disk has failed for good.
    """

    def __init__(self, observe: Observe, broke: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._gathered: list[Job] = []
        self._committing: list[Job] = []
        self._asked = False
        self._queue: SimpleQueue[list[Job] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._open = False
        self._observe = observe
        self._broke = broke

    @property
    def waiting(self) -> int:
        """How many verbs are gathered for batches to come."""
        return len(self._gathered)

    async def start(self, opener: Callable[[], Database]) -> Database:
        """Start the thread, which opens the database, and return what it opened. Raises what `opener` raises."""
        started: asyncio.Future[Database] = self._loop.create_future()
        # A daemon, so that a disk that hangs cannot keep the process from ending; `stop` joins it.
        self._thread = threading.Thread(target=self._run, args=(opener, started), name="faregate-writer", daemon=True)
        self._thread.start()
        self._open = True
        try:
            return await started
        except BaseException:
            await self.stop()
            raise

    def submit(
        self, verb: Verb[T], need: Need = _NOTHING, then: Callable[[T], None] | None = None
    ) -> asyncio.Future[T]:
        """Hand over a verb; the future has its result once it is on disk.

        `then` runs on the loop with the result, before any waiter and also if nobody waits any more.
        Raises LedgerUnavailable at once if too many are waiting or the store is closed.
        """
        if not self._open:
            raise LedgerUnavailable("the ledger is closed")
        if len(self._gathered) >= QUEUE_MAX:
            raise LedgerUnavailable(f"more than {QUEUE_MAX} ledger operations are waiting")
        future: asyncio.Future[T] = self._loop.create_future()
        self._gather(Job(verb, need, future, then))
        return future

    def offer(self, verb: Verb[None], waiting_most: int, need: Need = _NOTHING) -> bool:
        """Hand over a verb that nobody waits for, unless more than `waiting_most` are waiting already."""
        if not self._open or len(self._gathered) >= waiting_most:
            return False
        self._gather(Job(verb, need))
        return True

    def _gather(self, job: Job) -> None:
        self._gathered.append(job)
        self._ask()

    def _ask(self) -> None:
        """Have the next batch handed over once everything that is ready on the loop has had its turn."""
        if self._gathered and not self._committing and not self._asked:
            self._asked = True
            self._loop.call_soon(self._hand_over, TURNS)

    def _hand_over(self, turns: int) -> None:
        if turns:
            self._loop.call_soon(self._hand_over, turns - 1)
            return
        self._asked = False
        if self._gathered and not self._committing:
            self._committing, self._gathered = self._gathered[:BATCH_MAX], self._gathered[BATCH_MAX:]
            self._queue.put(self._committing)

    async def stop(self) -> None:
        """Commit what was handed over, close the database, end the thread.

        Raises LedgerUnavailable if that takes longer than STOP_TIMEOUT_S.
        """
        thread = self._thread
        if thread is None:
            return
        if self._open:
            self._open = False
            self._queue.put(self._gathered)
            self._gathered = []
            self._queue.put(None)
        await asyncio.to_thread(thread.join, STOP_TIMEOUT_S)
        if thread.is_alive():
            raise LedgerUnavailable(f"the ledger's writer did not stop within {STOP_TIMEOUT_S:.0f} s")
        self._thread = None

    # From here on: the writer's thread.

    def _run(self, opener: Callable[[], Database], started: asyncio.Future[Database]) -> None:
        try:
            database = opener()
        except Exception as error:  # noqa: BLE001  # whatever it is, `start` raises it where it is awaited
            self._call(_fail, started, error)
            return
        try:
            if self._call(_succeed, started, database):
                self._serve(Committer(database.connection, database.epoch))
        except Exception as error:
            self._call(self._abandon, repr(error))
            raise
        finally:
            database.close()

    def _serve(self, committer: Committer) -> None:
        told = False
        while (jobs := self._take(committer)) is not None:
            if jobs:
                began = time.perf_counter()
                results = committer.commit([job.verb for job in jobs], [job.need for job in jobs])
                if not self._call(self._deliver, jobs, results, time.perf_counter() - began):
                    return
            if committer.broken and not told:
                told = self._call(self._broke, committer.broken)
            committer.checkpoint(quiet=self._queue.empty())
        committer.truncate()

    def _take(self, committer: Committer) -> list[Job] | None:
        """Wait for a batch; None is the end."""
        try:
            return self._queue.get(timeout=IDLE_S if committer.idle_work else None)
        except Empty:
            committer.truncate()
            return self._queue.get()

    def _call(self, function: Callable[..., None], *arguments: object) -> bool:
        """Run something on the loop; False if the loop is gone, and with it everyone who could be told."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            _log.error("the event loop ended before the ledger was closed")
            return False
        return True

    # From here on: the loop again.

    def _deliver(self, jobs: list[Job], results: list[object], seconds: float) -> None:
        """Wake who waits. `then` is called before they run, and after all are sure to be woken."""
        for job, result in zip(jobs, results, strict=True):
            if job.future is None:
                if isinstance(result, Failed):
                    _log.warning("a ledger operation that nobody waits for failed: %s", result.error)
            elif isinstance(result, Failed):
                _fail(job.future, result.error)
            else:
                _succeed(job.future, result)
        for job, result in zip(jobs, results, strict=True):
            if job.then is not None and not isinstance(result, Failed):
                job.then(result)
        self._observe(len(jobs), seconds, _not_committed(results))
        self._committing = []
        self._ask()

    def _abandon(self, why: str) -> None:
        """The thread died of a bug: nobody may wait for it for ever."""
        self._open = False
        jobs, self._gathered = [*self._committing, *self._gathered], []
        for job in jobs:
            if job.future is not None:
                _fail(job.future, LedgerUnavailable(f"the ledger's writer died: {why}"))
        self._broke(why)


def _succeed(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _not_committed(results: list[object]) -> bool:
    """Tell whether a batch failed as a whole: then each verb of it got LedgerUnavailable."""
    first = results[0]
    return isinstance(first, Failed) and isinstance(first.error, LedgerUnavailable)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
