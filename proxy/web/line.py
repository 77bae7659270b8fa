"""The line to a caller: how long anything on it may take, and every way in which it ends. What is said on it is not
known here; `connection.py` knows that.

Whatever can take too long is a deadline, and the server's one sweep looks at it: no call and no chunk makes a timer.
"""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Callable
from enum import Enum, auto
from math import inf

from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader

from proxy.web.limits import EdgeLimits
from proxy.websocket import Deflate, WebSocketLine

LINGER_S = 10.0
"""Seconds for which a caller may go on sending what nobody reads, so that it gets to the answer."""
LINGER_DEAF_S = 2.0
"""The same where we cannot tell the caller that nothing more comes (TLS has no half-closed connection)."""
LINGER_BYTES = 2**26

_log = logging.getLogger("faregate.edge")
_AT_ONCE = struct.pack("ii", 1, 0)


class Waits(Enum):
    """What a deadline is for."""

    NOTHING = auto()
    HELLO = auto()
    REQUEST = auto()
    HEAD = auto()
    BODY = auto()
    READER = auto()
    LAST_BYTES = auto()
    LEAVE = auto()


class Line(BaseProtocol):
    """A caller's transport. `last` tells that no request is taken any more after the one that is being answered."""

    __slots__ = ("_arrival", "_linger_left", "_unsent", "deadline", "last", "limits", "tell_gone", "waits")

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: EdgeLimits) -> None:
        super().__init__(loop)
        self.limits = limits
        self.last = False
        self.tell_gone: Callable[[], None] | None = None
        self.deadline, self.waits = inf, Waits.NOTHING
        self._unsent = 0
        self._arrival: asyncio.Future[None] | None = None
        self._linger_left: int | None = None

    # --- Time

    @property
    def now(self) -> float:
        """The time by which deadlines go."""
        return self._loop.time()

    def expect(self, waits: Waits, seconds: float) -> None:
        """Have `late` called unless something else is expected within that time."""
        self.waits = waits
        self.deadline = self._loop.time() + seconds

    def expect_nothing(self) -> None:
        """Let whatever comes next take its time."""
        self.waits = Waits.NOTHING
        self.deadline = inf

    def late(self) -> None:
        """Do what is due now that the deadline has passed."""
        waits = self.waits
        self.expect_nothing()
        if waits in (Waits.READER, Waits.LAST_BYTES):
            self._look_at_reader(waits)
        else:
            self.close()

    def _expect_reading(self, waits: Waits) -> None:
        """Have `late` called unless the caller has read something within that time."""
        self._unsent = self.transport.get_write_buffer_size() if self.transport is not None else 0
        self.expect(waits, self.limits.caller_stall_s)

    def _look_at_reader(self, waits: Waits) -> None:
        """Give a caller up who has read nothing since the last look: whoever waits for it goes on then."""
        if self.transport is not None and self.transport.get_write_buffer_size() < self._unsent:
            self._expect_reading(waits)
            return
        _log.info("a caller stopped reading and was cut off")
        self.break_off(framed=False)

    # --- Pieces, both ways

    async def piece(self, payload: StreamReader) -> bytes:
        """Wait for a piece of a body, or for its end. Raises TimeoutError, ConnectionError, ValueError."""
        self.expect(Waits.BODY, self.limits.body_timeout_s)
        found = await self._next(payload)
        self.expect_nothing()
        return found

    async def skip(self, payload: StreamReader) -> bool:
        """Drop the rest of a body that nobody wanted. Tells whether its end has come, so that a request may follow."""
        left = LINGER_BYTES
        self.expect(Waits.BODY, LINGER_S)
        try:
            while left > 0 and (piece := await self._next(payload)):
                left -= len(piece)
        except (TimeoutError, ConnectionError, ValueError):
            return False
        return left > 0

    def arrived(self) -> None:
        """Wake whoever waits for a piece of a body: something has come, or never will."""
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def _next(self, payload: StreamReader) -> bytes:
        """Return what is there of a body, or wait for it.

        We do not wait in `payload`: the end of a chunk wakes its reader, who then misses an error that came with it.
        """
        while not (found := payload.read_nowait()) and not payload.is_eof():
            self._arrival = self._loop.create_future()
            await self._arrival
        return found

    async def room(self) -> None:
        """Wait until the caller has read enough of what was written, or is gone."""
        self._expect_reading(Waits.READER)
        with contextlib.suppress(ConnectionError):  # the transport is gone then, and whoever waits sees that
            await self._drain_helper()
        if self.waits is Waits.READER:
            self.expect_nothing()

    def hand_over(self, deflate: Deflate) -> WebSocketLine:
        """Give the transport to a WebSocket, with what came behind the request. We are told when it is closed."""
        transport = self.transport
        if transport is None:
            raise ConnectionResetError("the caller has hung up")
        line = WebSocketLine(
            self._loop, transport, deflate, self.connection_lost, masks=False, stall_s=self.limits.caller_stall_s
        )
        transport.set_protocol(line)
        behind = self.take_behind()
        if behind:
            line.data_received(behind)
        return line

    def take_behind(self) -> bytes:
        """Return what came behind the request that is being answered, and forget it."""
        return b""

    # --- Endings

    def close(self) -> None:
        """Close as soon as what was written has left."""
        if self.transport is not None:
            self._expect_reading(Waits.LAST_BYTES)
            self.transport.close()

    def break_off(self, *, framed: bool) -> None:
        """Close in the middle of an answer. Where nothing frames that, only a reset tells it from an end."""
        if framed:
            self.close()
        elif self.transport is not None:
            reset(self.transport)

    def linger(self) -> None:
        """Close so that the answer arrives, though the caller may still be sending.

        To close a socket with unread bytes in it resets the connection, and what was written is lost with it. So the
        caller is told that nothing more comes, and what it sends until it closes too is dropped.
        """
        transport = self.transport
        if transport is None:
            return
        self._linger_left = LINGER_BYTES
        self.resume_reading(resume_parser=False)
        self.expect(Waits.LEAVE, LINGER_S if transport.can_write_eof() else LINGER_DEAF_S)
        if transport.can_write_eof():
            transport.write_eof()

    @property
    def lingers(self) -> bool:
        """Whether what comes is dropped."""
        return self._linger_left is not None

    def drop(self, data: bytes) -> None:
        """Drop what comes while the line lingers, but not without end."""
        if self._linger_left is not None:
            self._linger_left -= len(data)
            if self._linger_left < 0:
                self.close()


def reset(transport: asyncio.Transport) -> None:
    """End a connection with a reset."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):  # it may be over already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
