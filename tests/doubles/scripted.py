"""A provider that says exactly what a test tells it to, byte by byte, on the test's own event loop."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from doubles.acme import make_hold, make_integration

from proxy.upstream.client import HttpAnswer, HttpUpstream, Patience
from proxy.upstream.door import Outbound

PATIENCE = Patience(connect_s=2.0, answer_s=2.0, stall_s=2.0)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
HOLD = make_hold()

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Provider:
    """Keeps every request as it came, and lets a test answer it."""

    def __init__(self, answer: Answering) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answer = answer
        self.port = 0
        self.reads_bodies = True
        self.serving: list[asyncio.Task[Any] | None] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer every request of one connection until either side closes it."""
        self.connections += 1
        self.serving.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                sizes = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                self.requests.append(head + (await reader.readexactly(sum(sizes)) if self.reads_bodies else b""))
                await self._answer(reader, writer)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def ended(self, connection: int) -> None:
        """Wait until a connection is closed, and until the client has had time to hear of it."""
        await asyncio.gather(*filter(None, [self.serving[connection]]))
        await asyncio.sleep(0.02)

    def header(self, name: str, request: int = -1) -> list[str]:
        """Return the values of a header of a request."""
        lines = self.requests[request].decode("latin-1").partition("\r\n\r\n")[0].split("\r\n")[1:]
        pairs = (line.partition(": ") for line in lines)
        return [value for key, _, value in pairs if key.lower() == name]


def says(*pieces: bytes, then: Callable[[asyncio.StreamWriter], None] | None = None) -> Answering:
    """Answer with these bytes, each in a packet of its own, and end the connection as told."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if then is not None:
            then(writer)

    return answer


def close(writer: asyncio.StreamWriter) -> None:
    """End the connection in order."""
    writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with a reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def house(
    answer: Answering, patience: Patience = PATIENCE, **changes: Any
) -> AsyncIterator[tuple[HttpUpstream, Provider]]:
    """Run a provider, and a client that knows it as acme."""
    provider = Provider(answer)
    async with await asyncio.start_server(provider.serve, "127.0.0.1", 0) as server:
        provider.port = server.sockets[0].getsockname()[1]
        acme = make_integration(origin=f"http://127.0.0.1:{provider.port}", **changes)
        async with HttpUpstream({"acme": acme}, patience) as client:
            yield client, provider
        await asyncio.gather(*filter(None, provider.serving))


def request(
    target: str = "/v1/chat", body: bytes = b'{"a":1}', *headers: tuple[str, str], method: str = "POST"
) -> Outbound:
    return Outbound("acme", method, target, headers, body)


async def read_all(answer: HttpAnswer) -> bytes:
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    answer.close()
    return b"".join(pieces)
