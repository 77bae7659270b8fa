"""A session on paper: acme's WebSocket, a caller and a provider who say what a test tells them to, and real books."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from doubles.acme import make_endpoint, make_head, make_house, make_integration
from doubles.scene import KEY, RealBooks, Scene
from msgspec import structs

from proxy.bounds.turns import Characters, Sound, Text, TurnBound, Written
from proxy.calls.head import WEBSOCKET, Head
from proxy.calls.socket import CLOSED_ABNORMALLY, Kind, Message
from proxy.ledger.call import Outcome
from proxy.ledger.hold import Hold
from proxy.providers.endpoint import ModelAt
from proxy.providers.integration import Policy
from proxy.providers.permit import FreeRoute
from proxy.providers.session import SessionSpec, Told, Unmetered
from proxy.session import serve_session
from proxy.upstream.door import Offer, Opened, Outbound, UpstreamFailed
from proxy.usage.spec import ReaderSpec

SPOKEN = ReaderSpec(
    source="made up",
    roots=("[type=done]",),
    usage=("usage",),
    units={"input_tokens": "prompt", "output_tokens": "completion"},
    output=("[type=part].text",),
    end=("[type=done]",),
    final=("[type=done]",),
)
TURNS = SessionSpec(
    source="made up",
    bound=TurnBound(
        text=Text(("input_tokens",), overhead=0, step=100),
        sound=Sound(100, at=("sound",), units=("input_tokens",), tokens_per_second=1, step_s=10),
        output=Written(("output_tokens",), maximum=("setup.most",), assumed={"*": 20}),
    ),
    asks=("[type=go]",),
    feeds=("sound",),
    begins=("[type=begun]",),
    voids=("[type=error]",),
    refuse=(Unmetered("later", "Not yet."),),
    refuse_query={"call": "Calls are not metered."},
    fault={"type": "error", "code": "{code}", "message": "{message}"},
)
CHARACTERS = SessionSpec(source="made up", bound=TurnBound(characters=Characters("input_tokens", ("say",), step=10)))
SECONDS = SessionSpec(
    source="made up",
    bound=TurnBound(sound=Sound(10, seconds="input_tokens", step_s=60)),
    told=(Told("[type=heard]", "until"), Told("[type=bye]", "length", last=True)),
)
IN, OUT = 1200, 4800
"""What a token costs the tenant."""


class PaperSocket:
    """One side: `says` what comes from it, `told` is what it was sent, `closed` how it was closed."""

    def __init__(self) -> None:
        self._coming: asyncio.Queue[Message] = asyncio.Queue()
        self.told: list[Message] = []
        self.closed: tuple[int, bytes] | None = None
        self.heard = asyncio.Event()

    @property
    def gone(self) -> bool:
        """Whether it was closed."""
        return self.closed is not None

    def says(self, *events: Any) -> None:
        """Let messages come: JSON, sound as bytes, or as they are."""
        for event in events:
            if isinstance(event, Message):
                self._coming.put_nowait(event)
            elif isinstance(event, bytes):
                self._coming.put_nowait(Message(Kind.BINARY, event))
            else:
                self._coming.put_nowait(Message(Kind.TEXT, json.dumps(event).encode()))

    def leaves(self, code: int = CLOSED_ABNORMALLY, reason: bytes = b"") -> None:
        """Let it go."""
        self._coming.put_nowait(Message(Kind.CLOSE, reason, code))

    async def receive(self) -> Message:
        """Return the next message."""
        return await self._coming.get()

    async def send(self, message: Message) -> None:
        """Write a message down."""
        if not self.gone:
            self.told.append(message)
            self.heard.set()

    async def close(self, code: int, reason: bytes = b"") -> None:
        """Write down how it was closed, the first time."""
        if self.closed is None:
            self.closed = code, reason
            self.heard.set()

    async def until(self, count: int) -> None:
        """Wait until it was sent so many messages, or closed."""
        async with asyncio.timeout(5):
            while len(self.told) < count and self.closed is None:
                self.heard.clear()
                await self.heard.wait()

    async def until_closed(self) -> tuple[int, bytes]:
        """Wait until it was closed."""
        async with asyncio.timeout(5):
            while self.closed is None:
                self.heard.clear()
                await self.heard.wait()
        return self.closed

    @property
    def events(self) -> list[Any]:
        """What it was told, parsed where it is JSON."""
        return [json.loads(one.data) if one.data[:1] == b"{" else one.data for one in self.told]


class PaperOpening:
    """The caller's handshake: refused with `status`, or switched to `socket` with `headers` and `protocol`."""

    def __init__(self, socket: PaperSocket) -> None:
        self.socket = socket
        self.gone = self.started = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.protocol = ""
        self.body = b""

    def when_gone(self, tell: Any) -> None:
        """Nobody is told."""

    async def read_body(self) -> bytes:
        """There is none."""
        return b""

    async def send(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Refuse."""
        self.started, self.status, self.headers, self.body = True, status, dict(headers), body

    async def upgrade(self, headers: Sequence[tuple[str, str]], protocol: str) -> PaperSocket | None:
        """Switch, unless the caller is gone."""
        if self.gone:
            return None
        self.started, self.status, self.headers, self.protocol = True, 101, dict(headers), protocol
        return self.socket

    start = write = finish = read_body

    def cut(self) -> None:
        """There is nothing to cut."""


class Conversation(Scene):
    """A scene in which sessions happen. `provider` is the side that the next session finds."""

    def __init__(
        self,
        books: RealBooks,
        spec: SessionSpec = TURNS,
        policy: Policy | None = None,
        **endpoint: Any,
    ) -> None:
        super().__init__(books)
        talk = make_endpoint(
            "/v1/talk",
            name="talk",
            method=WEBSOCKET,
            **{
                "model": ModelAt(query="model"),
                "session": spec,
                "bound": None,
                "reader": SPOKEN if spec.asks else None,
                **endpoint,
            },
        )
        acme = make_integration(talk, key_protocols=("key.", "token,"), policy=policy or Policy())
        self.doors = structs.replace(self.doors, house=make_house(acme), upstream=Door(self))
        self.meet()
        self.asked: list[tuple[Outbound, list[Offer], Hold | FreeRoute]] = []

    def meet(self) -> None:
        """Bring in a caller and a provider who have not talked yet."""
        self.caller, self.provider = PaperSocket(), PaperSocket()
        self.opening = PaperOpening(self.caller)
        self.opened: Opened | UpstreamFailed = Opened([("x-request-id", "req-1")], self.provider)

    async def open_up(self, request: Outbound, offers: Sequence[Offer], leave: Hold | FreeRoute) -> Opened:
        """Be the provider's door."""
        self.asked.append((request, list(offers), leave))
        await self.trail.step("open")
        if isinstance(self.opened, UpstreamFailed):
            raise self.opened
        return self.opened

    def begin(self, head: Head | None = None) -> asyncio.Task[None]:
        """Begin a session, and return the task that carries it."""
        return self.tasks.start(serve_session(head or knock(), self.opening, self.doors), name="session")

    async def outcomes(self) -> list[tuple[str, Outcome]]:
        """Return endpoint and outcome of each record, oldest first."""
        return [(record.refusal, record.outcome) for record in reversed(await self.records())]


class Door:
    """The provider's door, for doors that want one with `open`."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    async def open(self, request: Outbound, offers: Sequence[Offer], leave: Hold | FreeRoute) -> Opened:
        """Ask for a WebSocket."""
        return await self._conversation.open_up(request, offers, leave)

    async def send(self, request: Outbound, leave: Hold | FreeRoute) -> Any:
        """Nothing is sent but sessions."""
        raise NotImplementedError


async def converse(books: RealBooks, spec: SessionSpec = TURNS, **how: Any) -> Conversation:
    """Open a scene for sessions."""
    made = Conversation(books, spec, **how)
    await made.open()
    return made


def knock(query: str = "model=m-1", *headers: tuple[str, str], key: str = KEY) -> Head:
    """Return the head of an opening."""
    opening = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "a2V5")]
    bearer = [("Authorization", f"Bearer {key}")] if key else []
    return make_head(f"/acme/v1/talk?{query}", *opening, *bearer, *headers, method=WEBSOCKET)


def begun() -> dict[str, Any]:
    """A turn runs."""
    return {"type": "begun"}


def done(prompt: int, completion: int) -> dict[str, Any]:
    """A turn is over."""
    return {"type": "done", "usage": {"prompt": prompt, "completion": completion}}


GO = {"type": "go"}
