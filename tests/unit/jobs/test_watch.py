"""Once a period, what running calls have seen goes to the ledger; and the job itself never stops on its own."""

import asyncio
from typing import Any, cast

import pytest
from doubles.acme import CALL, HandClock, PaperAnswer, PaperSink, delta, make_head, make_hold, make_permit

from proxy.call import Call
from proxy.doors import Doors
from proxy.jobs import watch
from proxy.jobs.watch import keep_watch
from proxy.ledger.bill import read_bill
from proxy.providers.splices import Splices
from proxy.steps.meter import HeldBytes, begin_relay
from proxy.tasks import Tasks
from proxy.usage.certainty import Certainty


class Books:
    """A ledger that keeps watch."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str]] = []
        self.changed = asyncio.Event()

    def checkpoint(self, call: str, evidence: str) -> None:
        self.kept.append((call, evidence))
        self.changed.set()


class House:
    """As much of the doors as the job reaches."""

    def __init__(self, *running: Call) -> None:
        self.ledger = Books()
        self.running = list(running)
        self.clock = HandClock()
        self.call_age_s_max = 60.0


def streaming_call() -> Call:
    """Return a call whose answer has begun: 5 bytes of it were seen."""
    call = Call(CALL, make_head(), PaperSink(), 0, 0.0)
    call.permit = make_permit({"stream": True})
    call.held = make_hold()
    answer = PaperAnswer(delta("hello"), headers=[("content-type", "text/event-stream")])
    shared = HeldBytes(1 << 20, 1 << 20, 5.0)
    call.relay = begin_relay(CALL, call.permit, answer, Splices(), call.sink, shared, HandClock(), None)
    return call


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PERIOD_S", 0.001)


async def run_for(house: House, until: Any) -> None:
    job = Tasks().start(keep_watch(cast("Doors", house)), name="checkpoints")
    async with asyncio.timeout(5):
        await until()
    assert not job.done()
    job.cancel()
    await asyncio.wait([job])


async def test_what_was_seen_is_kept_once() -> None:
    call = streaming_call()
    assert call.relay is not None
    await call.relay.run()
    house = House(call, Call("call_new", make_head(), PaperSink(), 0, 0.0))

    async def seen_and_some_more() -> None:
        await house.ledger.changed.wait()
        await asyncio.sleep(0.02)  # many periods in which nothing is new

    await run_for(house, seen_and_some_more)
    ((name, evidence),) = house.ledger.kept
    bill = read_bill(evidence)
    assert (name, bill.call, bill.certainty) == (CALL, CALL, Certainty.AT_LEAST)
    assert bill.parts[0].usage["output_tokens"] == 2


async def test_a_call_that_ends_between_two_periods_is_no_trouble() -> None:
    call = streaming_call()
    house = House(call)

    async def ends() -> None:
        assert call.relay is not None
        await call.relay.run()
        house.running.clear()
        await asyncio.sleep(0.005)

    await run_for(house, ends)
