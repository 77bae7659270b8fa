"""One made-up provider, acme, and what a call to it is made of. It speaks a dialect like the best known one.

Prices are those of `books.CARD`: one input token costs 1,200 nano-USD with the default margin, one output token 4,800.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from doubles.books import CARD, NOW, TODAY, make_id, make_key, make_tenant
from msgspec import structs

from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, InputUnit, Output, OutputUnit, Reference
from proxy.calls.head import Head
from proxy.ledger.hold import Hold
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Prices
from proxy.providers.endpoint import Endpoint, ModelAt, ObjectRule, UsageSplice
from proxy.providers.envelope import Envelope
from proxy.providers.integration import Integration, KeyOut, UpstreamError
from proxy.providers.match import Match
from proxy.providers.permit import FreeRoute, Permit
from proxy.providers.route import House, Route
from proxy.providers.template import compile_template
from proxy.store.doors import OwnedObject
from proxy.tenants.key import KeyHolder
from proxy.upstream.door import Outbound, UpstreamFailed
from proxy.usage.spec import Objects, ReaderSpec, Tier

TENANT = make_tenant()
HOLDER = KeyHolder(make_key(TENANT), TENANT)
CALL = make_id("call", 1)
SECRET = "sk-operator"

READER = ReaderSpec(
    source="made up",
    usage=("usage",),
    units={"input_tokens": "prompt", "output_tokens": "completion"},
    model=("model",),
    tier=Tier(("tier",), ("standard",)),
    output=("choices[].delta.content", "choices[].message.content"),
    end_data=("[DONE]",),
    objects=(Objects("answer", ("id",)),),
)
BOUND = BoundSpec(
    input=(InputUnit("input_tokens"),),
    output=Output(units=(OutputUnit("output_tokens"),), maximum=("max_tokens",), assumed={"*": 8192}),
    references=(Reference("answer", "previous", tokens=True),),
    window=100_000,
    text=("messages.*.content",),
)
ASK_USAGE = UsageSplice("stream_options.usage", (Match("choices", empty=True), Match("usage")), "stream_options")
ENVELOPE = Envelope(
    body={"error": {"message": "{message}", "kind": "{type}", "code": "{code}", "{facts}": True}},
    types={"402": "no_money"},
    default_type="bad",
    stream={"error": {"message": "{message}", "code": "{code}", "call": "{call_id}"}},
)


def make_endpoint(path: str = "/v1/chat", **changes: Any) -> Endpoint:
    """Return a metered chat endpoint, with changes."""
    chat = Endpoint(
        name="chat",
        method="POST",
        template=compile_template(path, {"model": [":", "%2F"]}),
        model=ModelAt(body="model"),
        stream="stream",
        reader=READER,
        bound=BOUND,
    )
    return structs.replace(chat, **changes)


MODELS = make_endpoint("/v1/models", name="models", method="GET", free=True, reader=None, bound=None)
ANSWER = make_endpoint(
    "/v1/answers/{answer_id}",
    name="answers/get",
    method="GET",
    free=True,
    reader=None,
    objects=ObjectRule(at="answer_id"),
)


def make_integration(*endpoints: Endpoint, **changes: Any) -> Integration:
    """Return acme, switched on."""
    acme = Integration(
        name="acme",
        origin="http://acme.test",
        api_key=SECRET,
        key_in=("bearer",),
        key_out=KeyOut("authorization", "Bearer {key}"),
        strip=frozenset({"acme-project"}),
        envelope=ENVELOPE,
        endpoints=endpoints or (make_endpoint(), MODELS, ANSWER),
        upstream_errors=(UpstreamError(401, "upstream_auth"), UpstreamError(429, "upstream_funds", "no credit")),
    )
    return structs.replace(acme, **changes)


def make_house(*integrations: Integration) -> House:
    """Return a house at faregate.test."""
    return House("faregate.test", {each.name: each for each in integrations or (make_integration(),)})


def make_head(
    target: str = "/acme/v1/chat", *headers: tuple[str, str], method: str = "POST", host: str = "localhost"
) -> Head:
    """Return a request's head."""
    return Head(method, target, host, headers)


def make_route(
    endpoint: Endpoint | None = None, *, query: str = "", integration: Integration | None = None, **parameters: str
) -> Route:
    """Return the route of an endpoint of acme."""
    endpoint = endpoint or make_endpoint()
    path = endpoint.template.text.format(**parameters)
    return Route(integration or make_integration(endpoint), endpoint, path, query, parameters)


def make_permit(body: Mapping[str, Any] | bytes | None = None, **changes: Any) -> Permit:
    """Return the permit of a chat call."""
    raw = body if isinstance(body, bytes) else json.dumps({"model": "m-1", **(body or {})}).encode()
    parsed = json.loads(raw)
    permit = Permit(
        route=make_route(),
        holder=HOLDER,
        raw=raw,
        body=parsed,
        search=Search(raw),
        model="m-1",
        streamed=parsed.get("stream") is True,
        rates=CARD.find("acme", "m-1"),
        prices=Prices(CARD, MarginTable(), TENANT.id, "acme"),
        known={},
    )
    return structs.replace(permit, **changes)


def make_hold(wallet_nanos: int = 1_000_000, **changes: Any) -> Hold:
    """Return a committed hold of the call CALL."""
    hold = Hold(
        call=CALL,
        tenant=TENANT.id,
        key=HOLDER.key.id,
        integration="acme",
        endpoint="chat",
        model="m-1",
        wallet_nanos=wallet_nanos,
        cost_nanos=wallet_nanos * 10 // 12,
        rate_card=CARD.version,
        margins=0,
        waived=False,
        created_at=NOW,
        period=TODAY,
        epoch=1,
    )
    return structs.replace(hold, **changes)


def event(**content: Any) -> bytes:
    """Return one server-sent event."""
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def delta(text: str) -> bytes:
    """Return the event of a piece of an answer."""
    return event(id="ans-1", model="m-1", choices=[{"delta": {"content": text}}])


USAGE_FRAME = event(id="ans-1", model="m-1", choices=[], usage={"prompt": 10, "completion": 3})
DONE = b"data: [DONE]\n\n"


class HandClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.micros, self.seconds = NOW, 0.0

    def now(self) -> int:
        """Return wall time."""
        return self.micros

    def monotonic(self) -> float:
        """Return seconds."""
        return self.seconds


class PaperSink:
    """A caller who writes down what it is sent."""

    def __init__(self, body: bytes = b"") -> None:
        self.gone = False
        self.body = body
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.pieces: list[bytes] = []
        self.ended = ""
        self._tell: Callable[[], None] | None = None
        self._changed = asyncio.Event()

    async def until(self, truth: Callable[[], bool]) -> None:
        """Wait until something is true of what was sent."""
        async with asyncio.timeout(5):
            while not truth():
                self._changed.clear()
                await self._changed.wait()

    @property
    def started(self) -> bool:
        """Whether a head was sent."""
        return self.status != 0

    @property
    def sent(self) -> bytes:
        """What was sent of the body."""
        return b"".join(self.pieces)

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Keep whom to tell; `leave` does."""
        self._tell = tell
        if self.gone:
            tell()

    def leave(self) -> None:
        """Hang up."""
        self.gone = True
        if self._tell is not None:
            self._tell()

    async def read_body(self) -> bytes:
        """Return the request's body."""
        return self.body

    async def send(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Take a whole answer."""
        await self.start(status, headers)
        self.pieces.append(body)
        self.ended = "whole"

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Take a head."""
        assert not self.started, "an answer has one head"
        self.status, self.headers = status, list(headers)
        self._changed.set()

    async def write(self, data: bytes) -> None:
        """Take a piece."""
        assert self.started
        assert not self.ended
        self.pieces.append(data)
        self._changed.set()

    async def finish(self) -> None:
        """Take the end."""
        self.ended = "whole"

    def cut(self) -> None:
        """Lose the connection."""
        self.ended = "cut"


class PaperAnswer:
    """An answer of given pieces; a failure among them is raised."""

    def __init__(
        self,
        *pieces: bytes | UpstreamFailed,
        status: int = 200,
        headers: Sequence[tuple[str, str]] = (("Content-Type", "application/json"),),
        framed: bool = True,
    ) -> None:
        self.status, self.headers, self.framed = status, headers, framed
        self.aborted = self.closed = False
        self.ended = False
        self._pieces = list(pieces)

    async def read(self) -> bytes:
        """Return the next piece, or nothing at the end."""
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, UpstreamFailed):
            raise piece
        return piece

    def abort(self) -> None:
        """Remember it."""
        self.aborted = True

    def close(self) -> None:
        """Remember it."""
        self.closed = True


class PaperUpstream:
    """A provider that answers from a list, and keeps what it was sent."""

    def __init__(self, *answers: PaperAnswer | UpstreamFailed) -> None:
        self.sent: list[tuple[Outbound, Hold | FreeRoute]] = []
        self._answers = list(answers)

    async def send(self, request: Outbound, leave: Hold | FreeRoute) -> PaperAnswer:
        """Answer with the next of the list."""
        self.sent.append((request, leave))
        answer = self._answers.pop(0)
        if isinstance(answer, UpstreamFailed):
            raise answer
        return answer


def make_object(object_id: str, *, tenant: str = TENANT.id, tokens: int | None = None) -> OwnedObject:
    """Return an object at acme."""
    return OwnedObject("acme", object_id, tenant, "answer", CALL, NOW, tokens)
