"""An edge connection without a network: the test is the caller, byte by byte, and holds the clock."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from proxy.calls.head import Head
from proxy.calls.sink import Sink
from proxy.errors import Refusal, Refused
from proxy.web.connection import EdgeConnection
from proxy.web.limits import Commons, EdgeLimits

LIMITS = EdgeLimits(
    body_bytes_max=1_000_000,
    body_total_bytes_max=2_000_000,
    body_timeout_s=20,
    caller_stall_s=30,
    header_bytes_max=2048,
    head_timeout_s=10,
)
Serve = Callable[[Head, Sink], Awaitable[None]]


class Wire(asyncio.Transport):
    """What the connection writes to. `unread` is what the caller has not taken of it, for the test to set."""

    def __init__(self, *, half_close: bool = True) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.ended = self.closed = self.aborted = self.paused = False
        self.unread = self.pauses = 0
        self._half_close = half_close

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take what is written."""
        assert not self.closed, "written after the end"
        self.written.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        """Take several pieces, as they are."""
        for data in list_of_data:
            self.write(data)

    def can_write_eof(self) -> bool:
        """Tell whether a half-closed connection can be had."""
        return self._half_close

    def write_eof(self) -> None:
        """Tell the caller that nothing more comes."""
        self.ended = True

    def close(self) -> None:
        """Begin to close."""
        self.closed = True

    def abort(self) -> None:
        """Close at once."""
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        """Tell whether it closes."""
        return self.closed

    def get_write_buffer_size(self) -> int:
        """Return what the caller has not taken."""
        return self.unread

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """There is no socket."""
        return default

    def pause_reading(self) -> None:
        """Take no more from the caller."""
        assert not self.paused
        self.paused = True
        self.pauses += 1

    def resume_reading(self) -> None:
        """Take more from the caller."""
        assert self.paused
        self.paused = False

    @property
    def told(self) -> bytes:
        """Everything that was written."""
        return b"".join(self.written)


@dataclass
class Talk:
    """A connection with its wire, what its calls were handed, and the time."""

    serve: Serve
    wire: Wire = field(default_factory=Wire)
    limits: EdgeLimits = LIMITS
    heads: list[Head] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    gone: bool = False
    commons: Commons | None = None

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        commons = self.commons or Commons(self.limits.body_total_bytes_max, self.refused.append)
        self.line = EdgeConnection(loop, self._carry, self.limits, lambda _: None, self._gone, commons)
        self.line.connection_made(self.wire)

    async def _carry(self, head: Head, sink: Sink) -> None:
        self.heads.append(head)
        await self.serve(head, sink)

    def _gone(self, _: EdgeConnection) -> None:
        self.gone = True

    async def say(self, *pieces: bytes) -> bytes:
        """Send pieces, let everything happen that comes of each, and return what was written meanwhile."""
        before = len(self.wire.written)
        for piece in pieces:
            if not self.wire.closed:
                self.line.data_received(piece)
            await settle()
        return b"".join(self.wire.written[before:])

    def left_s(self) -> float:
        """Return the seconds until the deadline."""
        return self.line.deadline - asyncio.get_running_loop().time()

    async def too_late(self) -> bytes:
        """Let the deadline pass, and return what was written then."""
        before = len(self.wire.written)
        self.line.late()
        await settle()
        return b"".join(self.wire.written[before:])

    def hang_up(self) -> None:
        """Be gone."""
        self.line.connection_lost(ConnectionResetError())


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(8):
        await asyncio.sleep(0)


async def echo(head: Head, sink: Sink) -> None:
    """Answer with the target and the body, or with the refusal that reading it raised."""
    try:
        body = await sink.read_body()
    except Refused as refused:
        await sink.send(refused.refusal.status, [("faregate-refusal", refused.refusal.code)], b"")
    else:
        await sink.send(200, [("x-target", head.target)], body)


async def refuse(_: Head, sink: Sink) -> None:
    """Answer without a look at the body."""
    await sink.send(401, [], b"no")
