"""Everything that a call may reach, in one value, and the calls that are running now."""

import asyncio
from collections.abc import Iterator
from typing import Any, Protocol

from msgspec import Struct, field

from proxy.clock import Clock
from proxy.ids import Ids
from proxy.ledger.call import Outcome
from proxy.ledger.hold import Hold
from proxy.metrics import Metrics
from proxy.providers.route import House
from proxy.steps.invoke import Refusing
from proxy.steps.meter import HeldBytes
from proxy.steps.settle import Journal
from proxy.store.doors import Directory, Ledger
from proxy.tasks import Tasks
from proxy.upstream.door import Upstream
from proxy.waiting import Waiting
from proxy.watching.report import Watchers


class Carried(Protocol):
    """What `Running` needs to know of a call."""

    interruptible: bool
    began: float
    held: Hold | None


class Running:
    """The calls under way, each in the task of its caller's connection, which only `interrupt` cancels, and once."""

    def __init__(self) -> None:
        self.draining = False
        self._loop: asyncio.AbstractEventLoop | None = None  # asked for once: it is a system call
        self._carried: dict[Carried, asyncio.Task[Any] | None] = {}
        self._why: dict[Carried, Outcome] = {}
        self._waiting: asyncio.Future[None] | None = None
        self._drain = asyncio.Event()

    def __len__(self) -> int:
        return len(self._carried)

    def __iter__(self) -> Iterator[Carried]:
        return iter(list(self._carried))

    def drain(self) -> None:
        """Take no new calls from now on; sessions, which may last for hours, are told."""
        self.draining = True
        self._drain.set()

    async def asked_to_drain(self) -> None:
        """Wait until no new calls are taken."""
        await self._drain.wait()

    def enter(self, call: Carried) -> None:
        """Count a call among the running ones; the current task carries it."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._carried[call] = asyncio.current_task(self._loop)

    def enter_turn(self, call: Carried) -> None:
        """Count a turn of a session among the running calls. It is the session that carries it and is interrupted."""
        self._carried[call] = None

    def leave(self, call: Carried) -> None:
        """A call has ended."""
        del self._carried[call]
        self._why.pop(call, None)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def one_less(self, patience_s: float) -> None:
        """Wait until a running call ends, at most so long."""
        if self._carried:
            self._waiting = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._waiting], timeout=patience_s)

    def interrupt(self, call: Carried, why: Outcome) -> None:
        """Stop a call's work where it is; it is settled with what was seen. Asking again changes nothing.

        A call that is not interruptible just now sees for itself, by `why`, as soon as it is.
        """
        task = self._carried.get(call)
        if task is not None and call not in self._why:
            self._why[call] = why
            if call.interruptible:
                task.cancel()

    def why(self, call: Carried) -> Outcome | None:
        """Return what a call was interrupted for, if it was."""
        return self._why.get(call)

    def acknowledge(self, call: Carried) -> Outcome:
        """Return what a call was interrupted for, and let its task go on to the call's end."""
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        return self._why.get(call, Outcome.STOPPED)


class Doors(Struct, frozen=True):
    """What `app.py` opens once and every call is handed."""

    house: House
    directory: Directory
    ledger: Ledger
    journal: Journal
    upstream: Upstream
    clock: Clock
    ids: Ids
    tasks: Tasks
    running: Running
    metrics: Metrics
    refusing: Refusing
    shared: HeldBytes
    call_age_s_max: float
    top_up_url: str
    watchers: Watchers = Watchers()
    waiting: Waiting = field(default_factory=Waiting)
