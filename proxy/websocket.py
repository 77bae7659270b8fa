"""A WebSocket on a transport that has been upgraded, whichever side opened it. The framing is aiohttp's.

It takes the transport over from the HTTP/1.1 protocol that did the handshake, and hands on whole messages: what was
compressed is unpacked, what was sent in pieces is put together. Pings and pongs are messages like any other, so that
the two ends of a session see each other's.
"""

import asyncio
import base64
import hashlib
from collections.abc import Callable

from aiohttp import WebSocketError, WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue  # aiohttp.http exports reader and writer, but not their queue
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import WS_KEY, WebSocketReader, WebSocketWriter, ws_ext_gen, ws_ext_parse
from aiohttp.streams import EofStream
from msgspec import Struct

from proxy.calls.socket import CLOSED_ABNORMALLY, NO_CODE, Kind, Message
from proxy.tasks import within

MESSAGE_BYTES_MAX = 64 << 20
"""A message that is larger, unpacked, ends its connection."""
WAITING_BYTES = 2**18
"""Bytes of messages that may wait for their reader; at twice as many the other end is made to wait."""
GOODBYE_S = 5.0
"""Seconds for which the other end may take its time to answer a close."""

NEVER = 2**62

_KINDS = {
    WSMsgType.TEXT: Kind.TEXT,
    WSMsgType.BINARY: Kind.BINARY,
    WSMsgType.PING: Kind.PING,
    WSMsgType.PONG: Kind.PONG,
}
_OPCODES = {kind: opcode for opcode, kind in _KINDS.items()}


class Deflate(Struct, frozen=True):
    """What was agreed of permessage-deflate (RFC 7692): the window's bits, 0 for no compression."""

    bits: int = 0
    no_takeover: bool = False

    @property
    def header(self) -> str:
        """What a server answers: the value of Sec-WebSocket-Extensions."""
        return ws_ext_gen(self.bits, isserver=True, server_notakeover=self.no_takeover)


def offered(extensions: str) -> Deflate:
    """Return what we take of what a client offers."""
    return Deflate(*ws_ext_parse(extensions, isserver=True))


def agreed(extensions: str) -> Deflate:
    """Return what a server took of our offer. Raises aiohttp's WSHandshakeError for what was not offered."""
    return Deflate(*ws_ext_parse(extensions))


def accept_value(key: str) -> str:
    """Return what a server answers to a client's key (RFC 6455, section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + WS_KEY, usedforsecurity=False).digest()).decode()


class WebSocketLine(BaseProtocol):
    """A `Socket` on a transport. `masks` tells that we are the client; `lost` is told when the transport is closed.

    An end that reads nothing of what waits for it for `stall_s` is taken for gone.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        deflate: Deflate,
        lost: Callable[[BaseException | None], None],
        *,
        masks: bool,
        stall_s: float,
    ) -> None:
        super().__init__(loop)
        self._upgraded = True  # no HTTP parser is left that could be paused
        self.transport = transport
        self._lost, self._stall_s = lost, stall_s
        self._queue = WebSocketDataQueue(self, WAITING_BYTES, loop=loop)
        self._reader = WebSocketReader(self._queue, MESSAGE_BYTES_MAX, bool(deflate.bits), False)
        self._writer = WebSocketWriter(
            self,
            transport,
            use_mask=masks,
            limit=NEVER,  # `send` waits by itself, and not for ever
            compress=deflate.bits,
            notakeover=deflate.no_takeover,
        )
        self._closed = self._heard = False

    # --- What a session does

    @property
    def gone(self) -> bool:
        """Whether nothing more can be sent."""
        return self._closed or self.transport is None or self.transport.is_closing()

    async def receive(self) -> Message:
        """Return the next message; a close with code 1006 if the connection ended without one."""
        try:
            kind, data, extra = await self._queue.read()
        except (EofStream, ConnectionError):
            self._heard = True
            return Message(Kind.CLOSE, code=CLOSED_ABNORMALLY)
        except WebSocketError as error:
            self._heard = True
            await self.close(error.code)
            return Message(Kind.CLOSE, code=CLOSED_ABNORMALLY)
        if kind is WSMsgType.CLOSE:
            self._heard = True
            return Message(Kind.CLOSE, (extra or "").encode(), int(data) or NO_CODE)
        return Message(_KINDS[kind], bytes(data))

    async def send(self, message: Message) -> None:
        """Send a message; waits while the other end reads slowly."""
        if self.gone:
            return
        try:
            await self._writer.send_frame(message.data, _OPCODES[message.kind])
            if self.writing_paused:
                await within(self._stall_s, self._drain_helper(), self._loop)
        except ConnectionError:
            return  # `receive` says so
        except TimeoutError:
            self.abort()

    async def close(self, code: int, reason: bytes = b"") -> None:
        """Say why, wait for the other end to say so too, at most `GOODBYE_S`, and end the connection."""
        transport = self.transport
        if self._closed or transport is None:
            return
        self._closed = True
        if code == CLOSED_ABNORMALLY:
            transport.abort()
            return
        try:
            payload = b"" if code == NO_CODE else code.to_bytes(2, "big") + reason
            await self._writer.send_frame(payload, WSMsgType.CLOSE)
            await within(GOODBYE_S, self._hear_goodbye(), self._loop)
        except (TimeoutError, ConnectionError):
            pass
        finally:
            transport.close()

    async def _hear_goodbye(self) -> None:
        while not self._heard and (await self.receive()).kind is not Kind.CLOSE:
            pass

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()

    # --- What the loop calls

    def data_received(self, data: bytes) -> None:
        """Take bytes of messages. After a fault in the framing `receive` tells of it, and no more is taken."""
        self._reader.feed_data(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell whoever waits that no more comes, after what has come."""
        if not self._queue.is_eof():
            self._queue.feed_eof()
        super().connection_lost(exc)
        self._lost(exc)

    def eof_received(self) -> None:
        """The other end sends no more: a WebSocket has no half-closed state."""
