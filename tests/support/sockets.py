"""A provider of WebSockets that does what a test tells it to, and a caller's side, both on real sockets."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

Play = Callable[["Line"], Awaitable[None]]


@dataclass
class Line:
    """One connection at the provider: what it was opened with, what came (`raw` as bytes), and the way back."""

    request: web.Request
    socket: web.WebSocketResponse
    heard: list[Any] = field(default_factory=list)
    ended: int | None = None
    raw: list[bytes] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)

    async def hear(self) -> Any:
        """Return the next message: parsed if it is JSON, bytes if it is binary, None at the end."""
        message = await self.socket.receive()
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            self.ended = self.socket.close_code
            return None
        found = message.data
        self.raw.append(found if isinstance(found, bytes) else found.encode())
        if message.type is WSMsgType.TEXT and found[:1] in "{[":
            found = json.loads(found)
        self.heard.append(found)
        return found

    async def hear_until(self, **wanted: Any) -> Any:
        """Return the next message that has these members; fail if the connection ends first."""
        while (found := await self.hear()) is not None:
            if isinstance(found, dict) and all(found.get(name) == value for name, value in wanted.items()):
                return found
        raise AssertionError(f"the caller left before it sent {wanted}: {self.heard}")

    async def say(self, *events: Any) -> None:
        """Send JSON."""
        for event in events:
            await self.send(json.dumps(event))

    async def send(self, data: str | bytes) -> None:
        """Send a message as it is."""
        self.told.append(data if isinstance(data, bytes) else data.encode())
        await (self.socket.send_bytes(data) if isinstance(data, bytes) else self.socket.send_str(data))


@dataclass
class Provider:
    """A WebSocket server on a free port. Each connection is played by `play`, then closed if it is not."""

    play: Play
    protocols: tuple[str, ...] = ()
    lines: list[Line] = field(default_factory=list)
    refused: list[web.Request] = field(default_factory=list)
    answer: Callable[[web.Request], web.Response | None] = lambda _: None
    compress: bool = True
    origin: str = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Open a connection, or refuse it as `answer` says."""
        refusal = self.answer(request)
        if refusal is not None:
            self.refused.append(request)
            return refusal
        socket = web.WebSocketResponse(protocols=self.protocols, compress=self.compress, autoping=True, max_msg_size=0)
        await socket.prepare(request)
        line = Line(request, socket)
        self.lines.append(line)
        with contextlib.suppress(ConnectionError):
            await self.play(line)
        if not socket.closed:
            await socket.close()
        line.ended = line.ended if line.ended is not None else socket.close_code
        return socket


@contextlib.asynccontextmanager
async def provider(play: Play, **chosen: Any) -> AsyncIterator[Provider]:
    """Run a provider on the loopback interface."""
    fake = Provider(play, **chosen)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def caller(url: str, key: str = "", **chosen: Any) -> AsyncIterator[ClientWebSocketResponse]:
    """Open a WebSocket with a key as a Bearer."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    headers |= chosen.pop("headers", {})
    async with (
        ClientSession() as session,
        session.ws_connect(url.replace("http://", "ws://"), headers=headers, max_msg_size=0, **chosen) as socket,
    ):
        yield socket


async def all_of(socket: ClientWebSocketResponse) -> list[Any]:
    """Return what comes until the end, parsed where it is JSON text."""
    return [json.loads(one.data) if one.type is WSMsgType.TEXT else one.data async for one in socket]
