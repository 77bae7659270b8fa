"""Messages over a real connection between two lines, one of them a client's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from proxy import websocket
from proxy.calls.socket import CLOSED_ABNORMALLY, NO_CODE, Kind, Message
from proxy.tasks import Tasks
from proxy.websocket import Deflate, WebSocketLine, accept_value, agreed, offered


class Handed(asyncio.Protocol):
    """Gives its transport to a line as soon as it has one."""

    def __init__(self, deflate: Deflate, *, masks: bool, stall_s: float) -> None:
        self.lost = asyncio.Event()
        self._make = lambda transport: WebSocketLine(
            asyncio.get_running_loop(), transport, deflate, self._lost, masks=masks, stall_s=stall_s
        )
        self.line: asyncio.Future[WebSocketLine] = asyncio.get_running_loop().create_future()

    def _lost(self, _: BaseException | None) -> None:
        self.lost.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        line = self._make(transport)
        assert isinstance(transport, asyncio.Transport)
        transport.set_protocol(line)
        self.line.set_result(line)


PLAIN = Deflate()
Pair = tuple[WebSocketLine, WebSocketLine]


@asynccontextmanager
async def pair(deflate: Deflate = PLAIN, stall_s: float = 5.0) -> AsyncIterator[Pair]:
    """Connect a client's line to a server's."""
    loop = asyncio.get_running_loop()
    at_server = Handed(deflate, masks=False, stall_s=stall_s)
    server = await loop.create_server(lambda: at_server, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, at_client = await loop.create_connection(lambda: Handed(deflate, masks=True, stall_s=stall_s), "127.0.0.1", port)
    client, there = await at_client.line, await at_server.line
    try:
        yield client, there
    finally:
        client.abort()
        there.abort()
        await at_server.lost.wait()
        await at_client.lost.wait()
        server.close()
        await server.wait_closed()


MESSAGES = (
    Message(Kind.TEXT, "héllo".encode()),
    Message(Kind.TEXT, b""),
    Message(Kind.BINARY, bytes(range(256)) * 300),
    Message(Kind.PING, b"are you there"),
    Message(Kind.PONG, b"yes"),
    Message(Kind.BINARY, b"x" * 2_000_000),
    Message(Kind.TEXT, b'{"a": "' + b"y" * 70_000 + b'"}'),
)


@pytest.mark.parametrize("deflate", [Deflate(), Deflate(15), Deflate(10), Deflate(15, no_takeover=True)])
@pytest.mark.parametrize("turned", [False, True])
async def test_messages_arrive_as_they_were_sent(deflate: Deflate, turned: bool) -> None:
    async with pair(deflate) as ends:
        one, other = reversed(ends) if turned else ends
        sending = Tasks().start(send_all(one), name="send")
        assert [await other.receive() for _ in MESSAGES] == list(MESSAGES)
        await sending


async def send_all(line: WebSocketLine) -> None:
    for message in MESSAGES:
        await line.send(message)


@pytest.mark.parametrize(("code", "reason"), [(1000, b"bye"), (4402, "über".encode()), (NO_CODE, b"")])
async def test_a_close_arrives_with_code_and_reason_and_is_answered(code: int, reason: bytes) -> None:
    async with pair() as (client, server):
        closing = Tasks().start(client.close(code, reason), name="close")
        assert await server.receive() == Message(Kind.CLOSE, reason, code)
        await server.close(code, reason)
        await asyncio.wait_for(closing, 2)
        assert client.gone
        assert server.gone
        await client.send(MESSAGES[0])
        await client.close(1000)


async def test_what_comes_before_the_answer_to_a_close_is_dropped() -> None:
    async with pair() as (client, server):
        closing = Tasks().start(client.close(1000), name="close")
        assert (await server.receive()).kind is Kind.CLOSE
        await server.send(MESSAGES[0])
        await server.close(1000)
        await asyncio.wait_for(closing, 2)


async def test_whoever_does_not_answer_a_close_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "GOODBYE_S", 0.05)
    async with pair() as (client, server):
        await client.close(1000)
        assert (await server.receive()).kind is Kind.CLOSE
        assert (await server.receive()).code == CLOSED_ABNORMALLY


async def test_a_connection_that_ends_without_a_close_says_so() -> None:
    async with pair() as (client, server):
        await client.send(MESSAGES[0])
        await client.close(CLOSED_ABNORMALLY)
        assert [(await server.receive()).code for _ in range(2)] in ([0, CLOSED_ABNORMALLY], [CLOSED_ABNORMALLY] * 2)
        await server.send(MESSAGES[0])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [(b"\x8f\x00", 1002), (b"\x83\x00", 1002), (b"\xc1\x01a", 1002), (b"\x88\x01a", 1002)],
)
async def test_a_fault_in_the_framing_is_answered(wrong: bytes, code: int) -> None:
    async with pair() as (client, server):
        assert client.transport is not None
        client.transport.write(wrong)
        assert await server.receive() == Message(Kind.CLOSE, code=CLOSED_ABNORMALLY)
        assert (await client.receive()).code == code


async def test_whoever_reads_nothing_is_taken_for_gone() -> None:
    async with pair(stall_s=0.05) as (client, _):
        await asyncio.wait_for(flood(client, lambda: client.gone), 5)


async def flood(line: WebSocketLine, enough: Callable[[], bool]) -> None:
    while not enough():
        await line.send(Message(Kind.BINARY, b"x" * 1_000_000))


def test_what_is_agreed_on_compression() -> None:
    assert offered("permessage-deflate; client_max_window_bits") == Deflate(15)
    assert offered("permessage-deflate; server_no_context_takeover").header.endswith("server_no_context_takeover")
    assert offered("") == Deflate()
    assert offered("x-unknown") == Deflate()
    assert agreed("permessage-deflate; client_max_window_bits=10") == Deflate(10)


def test_the_answer_to_a_key_is_that_of_the_standard() -> None:
    assert accept_value("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
