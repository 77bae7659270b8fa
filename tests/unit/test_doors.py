"""Running calls: each in its caller's task, which only `interrupt` cancels, and once."""

import asyncio

from proxy.doors import Running
from proxy.ledger.call import Outcome
from proxy.ledger.hold import Hold
from proxy.tasks import Tasks


class Call:
    """As much of a call as `Running` needs."""

    def __init__(self, interruptible: bool = True) -> None:
        self.interruptible = interruptible
        self.began = 0.0
        self.held: Hold | None = None


class Work:
    """The work of a call: it waits for `go`, and tells how it ended."""

    def __init__(self, running: Running, call: Call) -> None:
        self.running, self.call = running, call
        self.began, self.go, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.ended: Outcome | str = ""

    async def run(self) -> None:
        self.running.enter(self.call)
        self.began.set()
        try:
            await self.go.wait()
            self.ended = "done"
        except asyncio.CancelledError:
            self.ended = self.running.acknowledge(self.call)
            await asyncio.sleep(0)  # settling takes a moment, and must be let
        finally:
            self.running.leave(self.call)
        self.over.set()


async def begin(interruptible: bool = True) -> tuple[Running, Call, Work, asyncio.Task[None]]:
    """Let a caller's task carry a call."""
    running, call = Running(), Call(interruptible)
    work = Work(running, call)
    caller = Tasks().start(work.run(), name="caller")
    await work.began.wait()
    return running, call, work, caller


async def test_a_call_is_known_while_it_runs() -> None:
    running, call, work, caller = await begin()
    assert (len(running), list(running)) == (1, [call])
    work.go.set()
    await caller
    assert (len(running), list(running), work.ended) == (0, [], "done")


async def test_an_interrupted_call_goes_on_to_its_end() -> None:
    running, call, work, caller = await begin()
    running.interrupt(call, Outcome.TIMED_OUT)
    await caller
    assert work.ended is Outcome.TIMED_OUT
    assert work.over.is_set(), "its task was not cancelled a second time while it settled"
    assert len(running) == 0


async def test_asking_again_changes_nothing() -> None:
    running, call, work, caller = await begin()
    running.interrupt(call, Outcome.CALLER_GONE)
    running.interrupt(call, Outcome.STOPPED)
    assert running.why(call) is Outcome.CALLER_GONE
    await caller
    assert work.ended is Outcome.CALLER_GONE


async def test_a_call_that_must_not_be_interrupted_now_is_told_later() -> None:
    running, call, work, caller = await begin(interruptible=False)
    running.interrupt(call, Outcome.STOPPED)
    await asyncio.sleep(0)
    assert (work.ended, running.why(call)) == ("", Outcome.STOPPED)
    work.go.set()
    await caller
    assert work.ended == "done"


async def test_a_call_that_is_over_or_was_never_here_is_left_alone() -> None:
    running, call, work, caller = await begin()
    work.go.set()
    await caller
    running.interrupt(call, Outcome.STOPPED)
    running.interrupt(Call(), Outcome.STOPPED)
    assert running.why(call) is None


async def test_one_less_waits_for_the_next_to_end() -> None:
    tasks = Tasks()
    running = Running()
    works = [Work(running, Call()) for _ in range(2)]
    callers = [tasks.start(work.run(), name="caller") for work in works]
    for work in works:
        await work.began.wait()
    waiting = tasks.start(running.one_less(5), name="drain")
    await asyncio.sleep(0)
    assert not waiting.done()
    works[1].go.set()
    await waiting
    assert not works[0].over.is_set()
    works[0].go.set()
    await asyncio.gather(*callers)
    await running.one_less(5)  # none is left: nothing to wait for


async def test_one_less_has_patience_only_for_so_long() -> None:
    running, _, work, caller = await begin()
    async with asyncio.timeout(5):
        await running.one_less(0.01)
    assert len(running) == 1
    work.go.set()
    await caller


async def test_what_nobody_interrupted_was_stopped_from_outside() -> None:
    """Cancelled by the loop itself, at the end of everything."""
    running = Running()
    assert running.acknowledge(Call()) is Outcome.STOPPED


async def test_the_calls_may_change_while_they_are_walked_over() -> None:
    running, call, work, caller = await begin()
    for each in running:
        assert each is call
        work.go.set()
        await caller


async def test_after_an_interruption_a_timeout_is_a_timeout_again() -> None:
    """Settling has patience of its own; a cancellation that is still counted would make that look like another one."""
    tasks = Tasks()
    running, call = Running(), Call()
    began, said = asyncio.Event(), []

    async def work() -> None:
        running.enter(call)
        try:
            began.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            running.acknowledge(call)
        task = asyncio.current_task()
        said.append(task.cancelling() if task else -1)

    caller = tasks.start(work(), name="caller")
    await began.wait()
    running.interrupt(call, Outcome.STOPPED)
    await caller
    assert said == [0]
