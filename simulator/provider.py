"""A provider that knows what it really billed. What it says on the wire is another matter.

`bills` is its own log, kept outside of every life of the house: a process that is killed loses nothing of it.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from itertools import pairwise

from proxy.ledger.hold import Hold
from proxy.providers.permit import FreeRoute
from proxy.upstream.door import Answer, Failure, Headers, Offer, Opened, Outbound, Unsent, UpstreamFailed
from simulator.chance import Chance
from simulator.dialect import Said, Tokens, chat, chat_events, message_events, response
from simulator.loop import LIFE, Life

JSON: Headers = (("content-type", "application/json"),)
EVENTS: Headers = (("content-type", "text/event-stream"),)
STALL_S = 300.0
"""How long the real client waits for the next byte; this one gives up by itself."""


class Bill:
    """What one request used. `output` grows while words are made, up to `most`; a request may be billed in part."""

    def __init__(self, call: str, model: str, prompt: Tokens, most: int) -> None:
        self.call = call
        self.model = model
        self.prompt = prompt
        self.most = most
        self.output = 0
        self.void = False

    @property
    def tokens(self) -> Tokens:
        """What is billed, as far as it has come."""
        if self.void:
            return Tokens()
        return Tokens(self.prompt.fresh, self.prompt.cached, self.output)


class Work:
    """Something that finishes later: `tokens` when it is over, None if it fails."""

    def __init__(self, bill: Bill, ready_at: float, *, fails: bool) -> None:
        self.bill = bill
        self.ready_at = ready_at
        self.fails = fails


class SimAnswer:
    """An answer that comes in pieces. `broken` is how it ends, if not well."""

    framed = True

    def __init__(self, provider: "Provider", bill: Bill | None, headers: Headers, status: int = 200) -> None:
        self.status = status
        self.headers = headers
        self.pieces: list[bytes] = []
        self.words: list[int] = []
        self.broken: Failure | None = None
        self.ended = False
        self.pause_s = 0.0
        self.stream = False
        self._provider = provider
        self._bill = bill
        self._left = False
        self.life: Life | None = LIFE.get()

    async def read(self) -> bytes:
        """Return the next piece after a while."""
        await asyncio.sleep(self._provider.pause(self.pause_s))
        if not self.pieces:
            if self.broken is Failure.STALLED:
                await asyncio.sleep(STALL_S)
            if self.broken is not None:
                self.abort()
                raise UpstreamFailed(self.broken, sent=True)
            self._over()
            return b""
        if self._bill is not None and self.words:
            self._bill.output = max(self._bill.output, self.words.pop(0))
        return self.pieces.pop(0)

    def _over(self) -> None:
        self.ended = True
        self._left = True
        self._provider.forget(self)

    def abort(self) -> None:
        """Be left: whether the rest is billed is the provider's business."""
        if not self._left and self._bill is not None and self._provider.goes_on():
            self._bill.output = self._bill.most
        self._left = True
        self._provider.forget(self)

    def close(self) -> None:
        """Be let go of."""
        if not self.ended:
            self.abort()
        self._provider.forget(self)


class Provider:
    """Implements `Upstream` for every life of the house. `held` tells whether a call has a hold on disk now."""

    def __init__(self, chance: Chance, held: Callable[[str], bool], complain: Callable[[str], None]) -> None:
        self.bills: dict[str, Bill] = {}
        self.looks = 0
        self.open: dict[SimAnswer, None] = {}  # in order, so that a world plays the same again
        self.refused: set[str] = set()
        self.sent: dict[str, bytes] = {}
        self.whole: set[str] = set()
        self._works: dict[str, Work] = {}
        self._chance = chance
        self._dice = chance.dice("provider")
        self._held = held
        self._complain = complain
        self._count = 0

    @property
    def done(self) -> set[str]:
        """The calls whose work is done, and that it still knows."""
        return {work.bill.call for work in self._works.values() if not work.fails}

    def pause(self, seconds: float) -> float:
        """Return how long the next piece takes."""
        return self._dice.uniform(0.0, seconds)

    def goes_on(self) -> bool:
        """Tell whether it goes on, and bills it, when it is left."""
        return self._chance.strikes("bills_after_abort")

    def forget(self, answer: SimAnswer) -> None:
        """An answer is over."""
        self.open.pop(answer, None)

    def lost(self, life: Life) -> None:
        """The process on the other side is gone, and with it its connections."""
        for answer in [each for each in self.open if each.life is life]:
            answer.abort()

    async def open_(self, request: Outbound) -> Opened:
        """No session is offered here."""
        raise UpstreamFailed(Failure.UNREACHABLE, sent=False)

    async def send(self, request: Outbound, leave: Hold | FreeRoute) -> Answer:
        """Take a request, and answer it as the dice will."""
        if request.method == "GET":
            return await self._look(request)
        assert isinstance(leave, Hold), "a paid route needs a hold"
        call = leave.call
        if not self._held(call):
            self._complain(f"{call} was sent to the provider without a hold on disk")
        strikes = self._chance.strikes
        try:
            await asyncio.sleep(self._dice.uniform(0.0, 0.02))
        except asyncio.CancelledError as cancelled:
            raise Unsent from cancelled
        if strikes("unreachable", "sent"):
            raise UpstreamFailed(Failure.UNREACHABLE, sent=False)
        if call in self.bills:
            self._complain(f"{call} was sent to the provider twice")
        bill = self.bills[call] = self._received(call, request)
        for fault, failure, wait_s in (
            ("disconnected", Failure.DISCONNECTED, 0.1),
            ("no_answer", Failure.NO_ANSWER, STALL_S),
        ):
            if strikes(fault, "sent"):
                self._fate_of(bill)
                await asyncio.sleep(wait_s)
                raise UpstreamFailed(failure, sent=True)
        if strikes("slow_provider", "sent"):
            await asyncio.sleep(self._dice.uniform(5.0, 60.0))
        await asyncio.sleep(self._dice.uniform(0.05, 2.0))
        if strikes("provider_error", "sent"):
            return self._error(bill)
        return self._answer(bill, request)

    def _received(self, call: str, request: Outbound) -> Bill:
        body = json.loads(request.body)
        text = body.get("input") or body["messages"][0]["content"]
        prompt = len(text) // 4 + 3
        cached = self._dice.choice((0, 0, prompt // 2))
        allowed = body.get("max_completion_tokens") or body.get("max_output_tokens") or body.get("max_tokens")
        most = self._dice.randint(1, min(allowed, 60))
        return Bill(call, body["model"], Tokens(prompt - cached, cached), most)

    def _fate_of(self, bill: Bill) -> None:
        """Decide what is billed of a request that nobody will see the answer of."""
        if self._dice.random() < 0.5:
            bill.output = bill.most
        else:
            bill.void = True

    def _error(self, bill: Bill) -> Answer:
        bill.void = True
        self.refused.add(bill.call)
        status = self._dice.choice((400, 403, 429, 500, 503))
        answer = SimAnswer(self, bill, JSON, status)
        answer.pieces = [b'{"error": {"message": "no", "type": "server_error", "code": null}}']
        return answer

    def _answer(self, bill: Bill, request: Outbound) -> Answer:
        body = json.loads(request.body)
        self._count += 1
        name = f"ans_{self._count}"
        said = self._said()
        tokens = Tokens(bill.prompt.fresh, bill.prompt.cached, bill.most)
        if body.get("background"):
            return self._begin_work(bill)
        stream = body.get("stream") is True
        if "/messages" in request.target:
            events = message_events(f"msg_{self._count}", bill.model, tokens, said)
        elif stream:
            asked = (body.get("stream_options") or {}).get("include_usage") is True
            events = chat_events(f"chatcmpl-{name}", bill.model, tokens, said, with_usage=asked)
        else:
            events = [chat(f"chatcmpl-{name}", bill.model, tokens, said)]
        answer = SimAnswer(self, bill, EVENTS if stream else JSON)
        answer.stream = stream
        answer.pause_s = self._dice.choice((0.001, 0.05, 0.5))
        self._send_off(answer, b"".join(events), bill)
        return answer

    def _said(self) -> Said:
        if self._chance.strikes("usage_missing", "streaming"):
            return Said(0)
        if self._chance.strikes("usage_absurd", "streaming"):
            return Said(1, absurd=True)
        return Said(2) if self._chance.strikes("usage_repeated", "streaming") else Said()

    def _send_off(self, answer: SimAnswer, data: bytes, bill: Bill) -> None:
        """Let the answer to a call go out, whole or not."""
        self.sent[bill.call] = data
        if self._cut_up(answer, data, "streaming", bill.most):
            self.whole.add(bill.call)
        self.open[answer] = None

    def _cut_up(self, answer: SimAnswer, data: bytes, state: str, words: int) -> bool:
        """Split an answer somewhere, and let it end before its end if the dice say so; tell whether it is whole."""
        end, whole = len(data), True
        for fault, failure in (("cut", Failure.CUT), ("stalled", Failure.STALLED), ("ended_early", None)):
            if self._chance.strikes(fault, state):
                end, whole = self._dice.randrange(len(data)), False
                answer.broken = failure
                if failure is None:
                    answer.framed = answer.stream  # a JSON answer that ends early has no length that says so
                break
        edges = sorted({0, end, *(self._dice.randrange(end + 1) for _ in range(min(6, end)))})
        answer.pieces = [data[a:b] for a, b in pairwise(edges)]
        answer.words = [-(-words * edge // len(data)) for edge in edges[1:]]
        return whole

    def _begin_work(self, bill: Bill) -> Answer:
        ready = asyncio.get_running_loop().time() + self._dice.choice((1.0, 20.0, 300.0, 900.0))
        fails = self._chance.strikes("work_fails", "waiting")
        name = f"resp_{self._count}"
        self._works[name] = Work(bill, ready, fails=fails)
        bill.output = 0 if fails else bill.most
        bill.void = fails
        answer = SimAnswer(self, None, JSON)
        self._send_off(answer, response(name, bill.model, "queued", None), bill)
        return answer

    async def _look(self, request: Outbound) -> Answer:
        """Say how work is."""
        self.looks += 1
        await asyncio.sleep(self._dice.uniform(0.01, 0.2))
        if self._chance.strikes("unreachable", "waiting"):
            raise UpstreamFailed(Failure.UNREACHABLE, sent=False)
        name = request.target.partition("?")[0].rsplit("/", 1)[-1]
        work = self._works.get(name)
        if work is None or self._chance.strikes("work_unknown", "waiting"):
            self._works.pop(name, None)
            answer = SimAnswer(self, None, JSON, 404)
            answer.pieces = [b'{"error": {"message": "no such response"}}']
            return answer
        answer = SimAnswer(self, None, JSON)
        over = asyncio.get_running_loop().time() >= work.ready_at
        status = ("failed" if work.fails else "completed") if over else "in_progress"
        tokens = work.bill.tokens if over and not work.fails else None
        _ = self._cut_up(answer, response(name, work.bill.model, status, tokens), "waiting", 1)
        return answer


class Wire:
    """The provider as one life of the house reaches it."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def send(self, request: Outbound, leave: Hold | FreeRoute) -> Answer:
        """Send a request."""
        return await self._provider.send(request, leave)

    async def open(self, request: Outbound, offers: Sequence[Offer], leave: Hold | FreeRoute) -> Opened:
        """Open a session."""
        return await self._provider.open_(request)
