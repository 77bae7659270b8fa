"""The server, one start after the other: it recovers, serves, drains, and is killed where it stands."""

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from pathlib import Path

from proxy import later
from proxy.call import Call, serve
from proxy.doors import Doors, Running
from proxy.ids import Ulids
from proxy.jobs.later import keep_looking
from proxy.jobs.recovery import recover
from proxy.jobs.watch import keep_watch
from proxy.ledger.call import Outcome
from proxy.metrics import Metrics
from proxy.pricing.card import RateCard
from proxy.providers.integration import Integration
from proxy.providers.route import House
from proxy.steps.invoke import Refusing
from proxy.steps.meter import HeldBytes
from proxy.store.journal import journal_path
from proxy.tasks import Tasks
from proxy.upstream.door import Upstream
from proxy.waiting import Waiting
from simulator.caller import Asked
from simulator.chance import Chance
from simulator.disk import Disk, SimJournal, SimStore
from simulator.loop import LIFE, Life

CALL_AGE_S = 900.0
GRACE_S = 20.0
HELD_BYTES = 1 << 20
NOON = 1_795_262_400_000_000
"""2026-11-21 12:00 UTC, when every world begins."""


class SimClock:
    """Virtual time; wall time may jump, the other never does."""

    def __init__(self) -> None:
        self.jumped = 0

    def now(self) -> int:
        """Return wall time in microseconds."""
        return NOON + self.jumped + int(asyncio.get_running_loop().time() * 1_000_000)

    def monotonic(self) -> float:
        """Return seconds since the world began."""
        return asyncio.get_running_loop().time()


class SimIds:
    """Ids of virtual time and the seed's own chance."""

    def __init__(self, chance: Chance, clock: SimClock) -> None:
        self._ulids = Ulids(chance.dice("ids").getrandbits)
        self._clock = clock

    def new(self, prefix: str) -> str:
        """Return a fresh id."""
        return f"{prefix}_{self._ulids.next(self._clock.now() // 1000)}"


class Server:
    """One start of the house on the files of the one before it."""

    def __init__(
        self,
        number: int,
        path: Path,
        chance: Chance,
        clock: SimClock,
        ids: SimIds,
        upstream: Upstream,
        integrations: Mapping[str, Integration],
        complain: Callable[[str], None],
    ) -> None:
        self.life = Life(number)
        self.broken = asyncio.Event()
        disk = Disk(chance, complain)
        self.journal = SimJournal(journal_path(path), disk)
        self.store = SimStore(path, clock, disk, lambda _: self.broken.set())
        self.asked: list[Asked] = []
        self.admitting = 0
        self._serving: list[asyncio.Task[None]] = []  # a task that nobody knows may vanish
        self._jobs = Tasks()
        self._context = contextvars.copy_context()
        self._context.run(LIFE.set, self.life)
        self.doors = Doors(
            house=House("faregate.test", dict(integrations)),
            directory=self.store,
            ledger=self.store,
            journal=self.journal,
            upstream=upstream,
            clock=clock,
            ids=ids,
            tasks=Tasks(),
            running=Running(),
            metrics=Metrics(),
            refusing=Refusing(set()),
            shared=HeldBytes(HELD_BYTES, HELD_BYTES >> 2, 5.0),
            call_age_s_max=CALL_AGE_S,
            top_up_url="http://top.up",
            waiting=Waiting(2.0),
        )

    async def start(self, card: RateCard) -> None:
        """Open the store, end what was left behind, begin the jobs. A failed disk raises."""
        await self._within_life(self._begin(card))

    async def _begin(self, card: RateCard) -> None:
        await self.store.open(card)
        doors = self.doors
        _ = await recover(self.store, self.journal, doors.clock, doors.ids, doors.metrics)
        _ = await later.resume(doors)
        _ = self._jobs.start(keep_watch(doors), name="watch")
        _ = self._jobs.start(keep_looking(lambda: doors), name="later")

    def take(self, asked: Asked) -> None:
        """Serve a call as the edge does: in a task of its caller's connection."""
        asked.begun_at = self.doors.clock.monotonic()
        self._serving.append(self._within_life(self._serve(asked)))

    async def _serve(self, asked: Asked) -> None:
        self.admitting += 1
        self.asked.append(asked)
        try:
            await serve(asked.head, asked.sink, self.doors)
        finally:
            self.admitting -= 1
            self.asked.remove(asked)

    def _within_life(self, work: object) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(work, context=self._context)  # type: ignore[arg-type]

    def states(self) -> list[str]:
        """Return where each call is just now."""
        running = [self.state_of(each) for each in self.doors.running if isinstance(each, Call)]
        waiting = ["waiting"] * len(self.doors.waiting)
        late = ["late"] * sum(task.get_name() == "settle" for task in self.life.tasks if not task.done())
        return ["admitting"] * (self.admitting - len(running)) + running + late + waiting

    def state_of_asked(self, asked: Asked) -> str:
        """Return where the call of a caller is."""
        calls = [each for each in self.doors.running if isinstance(each, Call) and each.sink is asked.sink]
        return self.state_of(calls[0]) if calls else "over" if asked.sink.ended else "admitting"

    def state_of(self, call: Call) -> str:
        """Return which step a call is at; what is on disk and not yet known to it is a state of its own."""
        state = _step_of(call)
        if state in ("holding", "ending"):
            on_disk = self.store.peek("SELECT state FROM hold WHERE call = ?", (call.id,))
            if state == "holding" and on_disk:
                return "held"
            if state == "ending" and on_disk != [("held",)]:
                return "ended"
        return state

    async def drain(self) -> None:
        """End as SIGTERM asks for: no new calls, a while for running ones, then all are stopped and settled."""
        await self._within_life(self._drain())

    async def _drain(self) -> None:
        running = self.doors.running
        running.drain()
        await self._none_left(GRACE_S)
        for call in running:
            running.interrupt(call, Outcome.STOPPED)
        await self._none_left(5.0)
        _ = await self.doors.tasks.drain(5.0)
        _ = await self._jobs.drain(0)
        await self.store.close()

    async def _none_left(self, patience_s: float) -> None:
        deadline = self.doors.clock.monotonic() + patience_s
        while len(self.doors.running) and (left := deadline - self.doors.clock.monotonic()) > 0:
            await self.doors.running.one_less(left)

    def connections_lost(self) -> None:
        """Tell callers that the server is gone."""
        for asked in self.asked:
            asked.sink.reset()


def _step_of(call: Call) -> str:
    marks = call.marks
    if marks.ending:
        return "ending"
    if call.relay is not None:
        return "streaming"
    if marks.sent:
        return "sent"
    return "holding" if call.held is None else "sent"
