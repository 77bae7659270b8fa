"""One call with paper on all sides: a caller, a provider, a clock, and a ledger that is real or a model of dicts.

All of them write what they do on one trail, in order, and each of their steps is a place where the world may go on
before the call does: `at` says what shall happen there.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from doubles.acme import (
    ANSWER,
    DONE,
    MODELS,
    TENANT,
    USAGE_FRAME,
    HandClock,
    PaperAnswer,
    PaperSink,
    PaperUpstream,
    delta,
    make_endpoint,
    make_head,
    make_house,
    make_integration,
)
from doubles.books import CARD, credit, make_id, make_key
from doubles.model import ModelStore

from proxy import call as life
from proxy.calls.head import Head
from proxy.doors import Doors, Running
from proxy.ledger.call import CallRecord, Ending, Receipt
from proxy.ledger.hold import Hold, HoldRequest
from proxy.ledger.wallet import Short
from proxy.ledger.work import Work
from proxy.metrics import Metrics
from proxy.providers.endpoint import ObjectRule
from proxy.providers.integration import Policy
from proxy.providers.permit import FreeRoute
from proxy.steps.invoke import Refusing
from proxy.steps.meter import HeldBytes
from proxy.store.doors import OwnedObject
from proxy.store.sqlite.store import SqliteStore
from proxy.tasks import Tasks
from proxy.tenants.key import hash_secret
from proxy.tenants.tenant import Tenant
from proxy.upstream.door import Failure, Outbound, UpstreamFailed

CREDIT = 1_000_000_000
KEY = "fg-the-tenants-key"
STREAM = (("Content-Type", "text/event-stream"),)
QUESTION = {"model": "m-1", "messages": [{"role": "user", "content": "Why is the sky blue?"}], "max_tokens": 100}
STREAMED = {**QUESTION, "stream": True}
JSON = json.dumps(
    {
        "id": "ans-1",
        "model": "m-1",
        "choices": [{"message": {"content": "hello"}}],
        "usage": {"prompt": 10, "completion": 3},
    }
).encode()
EVENTS = (delta("hello"), USAGE_FRAME, DONE)
COST, CHARGE = 10 * 1_000 + 3 * 4_000, 10 * 1_200 + 3 * 4_800
"""Of the usage that JSON and EVENTS report."""

INPUT_COST, INPUT_CHARGE = 5 * 1_000, 5 * 1_200
"""Of the question's twenty bytes, at four bytes a token."""

SEEN_COST, SEEN_CHARGE = INPUT_COST + 2 * 4_000, INPUT_CHARGE + 2 * 4_800
"""Of the question and the five bytes of `hello`."""

CUT = UpstreamFailed(Failure.CUT, sent=True)

Hook = Callable[[], Awaitable[None]]
Endings = list[tuple[Ending, Receipt]]


class Trail:
    """What was done, in order, and what shall happen at some of its steps."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.at: dict[str, Hook] = {}
        self.passed = 0
        self.at_each: Callable[[int], None] = lambda _: None

    async def step(self, name: str) -> None:
        """Note a step; whatever shall happen there happens, and the rest of the world gets its turn."""
        self.steps.append(name)
        self.at_each(self.passed)
        self.passed += 1
        await asyncio.sleep(0)
        if name in self.at:
            await self.at[name]()

    def raises(self, name: str, error: Exception) -> None:
        """Let a step fail, each time."""

        async def fail() -> None:
            raise error

        self.at[name] = fail

    def stops(self, name: str) -> "Gate":
        """Let a step wait until it is told to go on."""
        gate = Gate()
        self.at[name] = gate.wait
        return gate


class Gate:
    """A place where a call waits."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def wait(self) -> None:
        """Be here until it is opened."""
        self.reached.set()
        await self.opened.wait()

    async def until_reached(self) -> None:
        """Return when somebody waits here."""
        async with asyncio.timeout(5):
            await self.reached.wait()


class Watched:
    """The verbs of a ledger, on the trail. Mixed in before a store."""

    trail: Trail

    def watch(self, trail: Trail) -> None:
        """Begin to watch."""
        self.trail = trail
        self.holds_made: list[Hold] = []
        self.endings: Endings = []

    async def catch_up(self) -> None:
        """Let what nobody waits for be committed: it rides in a batch before this one."""
        await super().own([])  # type: ignore[misc]  # the store comes next in line

    async def hold(self, request: HoldRequest) -> Hold | Short:
        await self.trail.step("hold")
        held = await super().hold(request)  # type: ignore[misc]  # the store comes next in line
        if isinstance(held, Hold):
            self.holds_made.append(held)
        await self.trail.step("held")
        return held

    async def end(self, ending: Ending) -> Receipt:
        await self.trail.step("end")
        receipt: Receipt = await super().end(ending)  # type: ignore[misc]  # the store comes next in line
        self.endings.append((ending, receipt))
        await self.trail.step("ended")
        return receipt

    async def own(self, objects: Sequence[OwnedObject]) -> None:
        await self.trail.step("own")
        await super().own(objects)  # type: ignore[misc]  # the store comes next in line
        await self.trail.step(f"owned {' '.join(made.id for made in objects)}")

    async def entrust(self, work: Work, objects: Sequence[OwnedObject]) -> Work:
        await self.trail.step("entrust")
        mine: Work = await super().entrust(work, objects)  # type: ignore[misc]  # the store comes next in line
        await self.trail.step(f"entrusted {work.object}")
        return mine

    async def disown(self, integration: str, object_id: str) -> None:
        await self.trail.step(f"disown {object_id}")
        await super().disown(integration, object_id)  # type: ignore[misc]  # the store comes next in line


class RealBooks(Watched, SqliteStore):
    """The SQLite store, watched."""


class ModelBooks(Watched, ModelStore):
    """The model of dicts, watched."""


class WatchedSink(PaperSink):
    """A caller on the trail."""

    def __init__(self, trail: Trail, body: bytes) -> None:
        super().__init__(body)
        self._trail = trail
        self._tell: Callable[[], None] = lambda: None

    def when_gone(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        if self.gone:
            tell()

    def hang_up(self) -> None:
        """Go away, as the edge sees it."""
        self.gone = True
        self._tell()

    async def read_body(self) -> bytes:
        await self._trail.step("body")
        return self.body

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        if not self.gone:
            await super().start(status, headers)
            await self._trail.step("start")

    async def send(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        if not self.gone:
            await self._trail.step("answer")
            await super().start(status, headers)
            self.pieces.append(body)
            self.ended = "whole"

    async def write(self, data: bytes) -> None:
        if not self.gone:
            await super().write(data)
            await self._trail.step("write")

    async def finish(self) -> None:
        if not self.gone:
            await self._trail.step("finish")
            await super().finish()


class WatchedAnswer(PaperAnswer):
    """A provider's answer on the trail."""

    trail = Trail()

    async def read(self) -> bytes:
        await self.trail.step("read")
        return await super().read()


class WatchedUpstream(PaperUpstream):
    """A provider on the trail; an answer is `handed` over once its head has come."""

    def __init__(self, trail: Trail) -> None:
        super().__init__()
        self.trail = trail
        self.handed: list[PaperAnswer] = []

    def answers(self, *answers: WatchedAnswer | UpstreamFailed) -> None:
        """Say what to answer from now on."""
        self._answers = list(answers)

    async def send(self, request: Outbound, leave: Hold | FreeRoute) -> PaperAnswer:
        await self.trail.step("send")
        answer = await super().send(request, leave)
        assert isinstance(answer, WatchedAnswer)
        answer.trail = self.trail
        await self.trail.step("head")
        self.handed.append(answer)
        return answer


class PaperJournal:
    """A journal in memory, on the trail."""

    def __init__(self, trail: Trail) -> None:
        self.trail = trail
        self.kept: list[Ending] = []
        self.forgotten: list[str] = []

    async def append(self, ending: Ending) -> None:
        await self.trail.step("journal")
        self.kept.append(ending)

    async def settled(self, call: str) -> None:
        self.forgotten.append(call)


class CountedIds:
    """Ids in order."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        self._count += 1
        return make_id(prefix, self._count)


class Scene:
    """A house of paper with one tenant who has a dollar. `play` lets one call happen; `quiet` waits for its end."""

    def __init__(self, books: RealBooks | ModelBooks, *, policy: Policy | None = None, age_s: float = 5.0) -> None:
        self.trail, self.books = Trail(), books
        books.watch(self.trail)
        self.upstream = WatchedUpstream(self.trail)
        self.sink = WatchedSink(self.trail, b"")
        self.journal = PaperJournal(self.trail)
        self.tasks, self.metrics = Tasks(), Metrics()
        self.running, self.clock = Running(), HandClock()
        chat = make_endpoint(objects=ObjectRule(creates=True))
        delete = make_endpoint(
            "/v1/answers/{answer_id}",
            name="answers/delete",
            method="DELETE",
            free=True,
            reader=None,
            objects=ObjectRule(at="answer_id", deletes=True),
        )
        acme = make_integration(chat, MODELS, ANSWER, delete, policy=policy or Policy())
        self.doors = Doors(
            house=make_house(acme),
            directory=books,
            ledger=books,
            journal=self.journal,
            upstream=self.upstream,
            clock=self.clock,
            ids=CountedIds(),
            tasks=self.tasks,
            running=self.running,
            metrics=self.metrics,
            refusing=Refusing(set()),
            shared=HeldBytes(1 << 20, 1 << 19, 5.0),
            call_age_s_max=age_s,
            top_up_url="http://top.up",
        )

    async def open(self, tenant: Tenant = TENANT, nanos: int = CREDIT) -> "Scene":
        """Open the books, with a tenant, a key and credit."""
        await self.books.open(CARD)
        await self.books.create_tenant(tenant)
        await self.books.create_key(make_key(tenant), hash_secret(KEY))
        if nanos:
            await self.books.deposit(credit(tenant.id, nanos))
        return self

    def play(
        self,
        *answers: WatchedAnswer | UpstreamFailed,
        body: Mapping[str, Any] | bytes = QUESTION,
        head: Head | None = None,
    ) -> asyncio.Task[None]:
        """Begin a call that the provider will answer so, and return the task that carries it."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.sink = WatchedSink(self.trail, raw)
        self.upstream.answers(*answers)
        return self.tasks.start(life.serve(head or asked(), self.sink, self.doors), name="handler")

    async def played(self, *answers: WatchedAnswer | UpstreamFailed, **how: Any) -> WatchedSink:
        """Let a call happen from its beginning to its end."""
        await self.play(*answers, **how)
        await self.quiet()
        return self.sink

    async def quiet(self) -> None:
        """Wait until nothing runs any more."""
        assert await self.tasks.drain(5) == 0, "something still ran after five seconds"
        assert len(self.running) == 0

    @property
    def running_call(self) -> life.Call:
        """The one call that runs."""
        [call] = self.running
        assert isinstance(call, life.Call)
        return call

    async def money(self) -> tuple[int, int, int, int]:
        """Return what was spent, what is on hold, how many entries calls made, and what was exposed."""
        wallet = await self.books.wallet(TENANT.id)
        entries = [entry for entry in await self.books.entries(TENANT.id, 100) if entry.kind == "call"]
        exposed = sum(exposure.nanos for exposure in await self.books.exposures(100))
        return CREDIT - wallet.balance, wallet.held, len(entries), exposed

    async def record(self) -> CallRecord:
        """Return the record of the one call that there was."""
        [record] = await self.records()
        return record

    async def records(self) -> Sequence[CallRecord]:
        """Return the records of all calls, newest first."""
        await self.books.catch_up()
        return await self.books.calls(TENANT.id, 100)


def asked(
    target: str = "/acme/v1/chat", *headers: tuple[str, str], method: str = "POST", key: str | None = KEY
) -> Head:
    """Return the head of a request, with a key."""
    told = [("authorization", f"Bearer {key}")] if key is not None else []
    return make_head(target, *told, *headers, method=method)


def whole(*pieces: bytes | UpstreamFailed, status: int = 200) -> WatchedAnswer:
    """Return a JSON answer, a good one if nothing else is said."""
    return WatchedAnswer(*(pieces or (JSON[:40], JSON[40:])), status=status)


def streamed(*pieces: bytes | UpstreamFailed) -> WatchedAnswer:
    """Return a streamed answer, a good one if nothing else is said."""
    return WatchedAnswer(*(pieces or EVENTS), headers=STREAM)
