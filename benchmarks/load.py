"""Drives one contestant: `python -m benchmarks.load` reads a Plan as JSON from standard input and prints a Result.

Closed loop: every connection sends its next call when the last one is answered. Open loop (`rate`): calls arrive at
random moments, as many a second on average, whoever is still waiting; latency counts from the arrival.

The CPU time is read at both ends of the same window in which answers are counted. Calls are counted by their payload
(bytes that came / bytes of one answer), so calls that straddle an end of the window count for their part. After the
window all running calls are answered, so that `answered` is the number that a ledger must agree with.
"""

import asyncio
import gc
import random  # noqa: TID251  # arrivals, not money: one seed for all contestants
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import uvloop
from msgspec import Struct, field, json

from benchmarks import work
from benchmarks.answers import AnswerReader, BadAnswer
from benchmarks.machine import busy_seconds, cpu_seconds, memory_mb

DRAIN_S = 120.0
TIMER_S = 0.002
"""Timers of the loop fire up to this much late; latency is not counted from before they fired."""


class Plan(Struct, kw_only=True):
    """What to do. `spread_s`: over how long the connections' first calls are spread. `core`: of the contestant."""

    pid: int
    port: int
    key: str
    core: int
    connections: int
    seconds: float
    warmup_s: float
    spread_s: float = 0.0
    stream: bool = False
    usage: bool = True
    rate: float = 0.0
    seed: int = 1


class Result(Struct, kw_only=True):
    """What was seen within the window; `answered` is of the whole run. Latencies in milliseconds.

    `others` is the share of the contestant's core that other processes took.
    """

    answered: int
    answer_bytes: int
    calls: float
    seconds: float
    cpu_s: float
    others: float
    memory_mb: float
    latency_p50: float
    latency_p99: float
    first_byte_p50: float
    first_byte_p99: float
    chunk_p50: float = 0.0
    chunk_p99: float = 0.0


class Seen(Struct):
    """What is counted while the window is open. Times in seconds."""

    payload: int = 0
    latencies: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    chunks: list[float] = field(default_factory=list)


class Caller(asyncio.Protocol):
    """One connection: a call at a time."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._transport: asyncio.Transport
        self._answer: AnswerReader | None = None
        self._arrived = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the run if an answer was due."""
        if self._answer is not None:
            self._load.fail(BadAnswer(f"a connection was closed within a call ({exc})"))

    def call(self, arrived: float) -> None:
        """Send a call that arrived at a moment of `time.monotonic`."""
        self._arrived = arrived
        self._answer = AnswerReader()
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        """Count what came."""
        now, answer, seen = time.monotonic(), self._answer, self._load.seen
        if answer is None:
            self._load.fail(BadAnswer("bytes came that no call asked for"))
            return
        before = answer.payload
        try:
            answer.feed(data)
        except (BadAnswer, ValueError) as error:
            self._load.fail(error)
            return
        seen.payload += answer.payload - before
        if before == 0 and answer.payload:
            seen.first_bytes.append(now - self._arrived)
        stamp = data.find(work.STAMP_MARK) + len(work.STAMP_MARK)
        if stamp >= len(work.STAMP_MARK) and len(data) >= stamp + work.STAMP_DIGITS:
            seen.chunks.append(now - int(data[stamp : stamp + work.STAMP_DIGITS]) / 1e9)
        if answer.done:
            self._answer = None
            seen.latencies.append(now - self._arrived)
            self._load.answered(self, answer.payload, now)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


class Load:
    """All connections, and the window."""

    def __init__(self, plan: Plan, loop: asyncio.AbstractEventLoop) -> None:
        self.request = work.request(plan.key, plan.port, stream=plan.stream, usage=plan.usage)
        self.seen = Seen()
        self._plan = plan
        self._loop = loop
        self._failed: asyncio.Future[None] = loop.create_future()
        self._idle: deque[Caller] = deque()
        self._waiting: deque[float] = deque()
        self._running = 0
        self._stopping = False
        self._answered = 0
        self._answer_bytes = 0
        self._arrivals = random.Random(plan.seed)
        loop.set_exception_handler(self._broke)

    def fail(self, error: Exception) -> None:
        """End the run with an error."""
        if not self._failed.done():
            self._failed.set_exception(error)

    def answered(self, caller: Caller, payload: int, now: float) -> None:
        """Take an answer, and give its connection the next call."""
        self._answered += 1
        self._running -= 1
        self._answer_bytes = self._answer_bytes or payload
        if payload != self._answer_bytes:
            self.fail(BadAnswer(f"an answer of {payload} bytes, but the first one had {self._answer_bytes}"))
        if self._waiting:
            self._call(caller, self._waiting.popleft())
        elif self._plan.rate or self._stopping:
            self._idle.append(caller)
        else:
            self._call(caller, now)

    async def run(self) -> Result:
        """Warm up, open the window, close it, and see every call through. Raises BadAnswer."""
        plan = self._plan
        callers = [await self._connect() for _ in range(plan.connections)]
        if plan.rate:
            self._idle.extend(callers)
            self._next_arrival(time.monotonic())
        else:
            for number, caller in enumerate(callers):
                self._loop.call_later(plan.spread_s * number / plan.connections, self._first, caller)
        await self._pause(plan.warmup_s)
        self.seen = seen = Seen()
        began, cpu, busy = time.monotonic(), cpu_seconds(plan.pid), busy_seconds(plan.core)
        await self._pause(plan.seconds)
        cpu, busy, took = (
            cpu_seconds(plan.pid) - cpu,
            busy_seconds(plan.core) - busy,
            time.monotonic() - began,
        )
        self.seen = Seen()
        self._stopping = True
        await self._until(lambda: self._running == 0)
        for caller in callers:
            caller.close()
        return Result(
            answered=self._answered,
            answer_bytes=self._answer_bytes,
            calls=seen.payload / self._answer_bytes,
            seconds=took,
            cpu_s=cpu,
            others=max(0.0, busy - cpu) / took,
            memory_mb=memory_mb(plan.pid),
            latency_p50=_milliseconds(seen.latencies, 0.5),
            latency_p99=_milliseconds(seen.latencies, 0.99),
            first_byte_p50=_milliseconds(seen.first_bytes, 0.5),
            first_byte_p99=_milliseconds(seen.first_bytes, 0.99),
            chunk_p50=_milliseconds(seen.chunks, 0.5),
            chunk_p99=_milliseconds(seen.chunks, 0.99),
        )

    def _broke(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback failed: so does the run."""
        self.fail(context.get("exception") or BadAnswer(context["message"]))

    async def _connect(self) -> Caller:
        _, caller = await self._loop.create_connection(lambda: Caller(self), "127.0.0.1", self._plan.port)
        return caller

    def _call(self, caller: Caller, arrived: float) -> None:
        self._running += 1
        caller.call(arrived)

    def _first(self, caller: Caller) -> None:
        if not self._stopping:
            self._call(caller, time.monotonic())

    def _next_arrival(self, due: float) -> None:
        due += self._arrivals.expovariate(self._plan.rate)
        self._loop.call_later(max(0.0, due - time.monotonic()), self._arrive, due)

    def _arrive(self, due: float) -> None:
        if self._stopping:
            return
        now = time.monotonic()
        arrived = due if now - due > TIMER_S else now
        if self._idle:
            self._call(self._idle.popleft(), arrived)
        else:
            self._waiting.append(arrived)
        self._next_arrival(due)

    async def _pause(self, seconds: float) -> None:
        """Let the load run; raise what made it fail."""
        await asyncio.wait([self._failed], timeout=seconds)
        if self._failed.done():
            self._failed.result()

    async def _until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DRAIN_S
        while not reached():
            if time.monotonic() > deadline:
                raise BadAnswer(f"calls were still unanswered after {DRAIN_S:.0f} s")
            await self._pause(0.01)


def _milliseconds(times: list[float], part: float) -> float:
    """Return a quantile by nearest rank; 0 if there is nothing."""
    if not times:
        return 0.0
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000


async def _run(plan: Plan) -> Result:
    return await Load(plan, asyncio.get_running_loop()).run()


def main() -> int:
    """Read the plan, run it, print the result."""
    plan = json.decode(sys.stdin.buffer.read(), type=Plan)
    gc.disable()  # nothing here makes cycles, and a pause of ours would look like one of the contestant's
    try:
        result = uvloop.run(_run(plan))
    except (BadAnswer, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
