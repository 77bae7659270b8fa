"""One caller's connection: HTTP/1.1 on aiohttp's C parser, one request at a time, answered in the order they came.

The parser stops after each request, so that what a caller sends ahead waits as bytes, and not as requests: first the
parser's own rest, then ours, and beyond that in the caller's socket. What cannot be parsed is never repeated, in no
answer and in no log.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp.http import HttpRequestParser, HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.streams import StreamReader

from proxy.calls.head import WEBSOCKET, Head
from proxy.calls.sink import Sink
from proxy.errors import Refusal
from proxy.web.http_answer import refusal, whole
from proxy.web.limits import Commons, EdgeLimits
from proxy.web.line import Line, Waits
from proxy.web.sink import EdgeSink

Serve = Callable[[Head, Sink], Awaitable[None]]

KEEPALIVE_S = 75.0
READ_BUFFER = 2**16
"""Bytes of a body that may wait for their reader; at twice as many the caller is made to wait."""
AHEAD_BYTES_MAX = 2**16
"""Bytes of later requests that we take while one is answered; then the caller is made to wait."""

_log = logging.getLogger("faregate.edge")
_NO_HTTP = "The request is not valid HTTP/1.1. HTTP/2 is not spoken here, and so no gRPC: use the provider's REST API."


class EdgeConnection(Line):
    """A transport's protocol. `opened` and `gone` are called once each.

    A WebSocket takes the transport over (`Line.hand_over`) once its handshake is answered, and tells `connection_lost`
    when it is closed. Any other upgrade is served like a request without one, and the connection ends with its answer.
    """

    __slots__ = (
        "_address",
        "_ahead",
        "_ahead_size",
        "_gone",
        "_held_back",
        "_opened",
        "_serve",
        "_sink",
        "commons",
        "task",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        serve: Serve,
        limits: EdgeLimits,
        opened: Callable[["EdgeConnection"], None],
        gone: Callable[["EdgeConnection"], None],
        commons: Commons,
    ) -> None:
        super().__init__(loop, limits)
        self.commons = commons
        self._parser = HttpRequestParser(
            self,
            loop,
            READ_BUFFER,
            max_field_size=limits.header_bytes_max,
            auto_decompress=False,
            max_msg_queue_size=1,
        )
        self.task: asyncio.Task[None] | None = None
        self._serve, self._opened, self._gone = serve, opened, gone
        self._sink: EdgeSink | None = None
        self._address = ""
        self._ahead: list[bytes] = []
        self._ahead_size = 0
        self._held_back = False

    # --- What the server does

    def stop(self) -> None:
        """Take no more requests: close now, or as soon as the one under way is answered."""
        self.last = True
        if self._sink is None:
            self.close()

    def abort(self) -> None:
        """Close at once; a call under way is cancelled."""
        if self.task is not None:
            self.task.cancel()
        if self.transport is not None:
            self.transport.abort()

    def late(self) -> None:
        """Do what is due now that the deadline has passed."""
        if self.waits is Waits.HEAD:
            self._refuse(Refusal.REQUEST_TIMEOUT, "The request's head did not arrive in time.")
        elif self.waits is Waits.BODY:
            self.expect_nothing()
            self._spoil_body(TimeoutError())
        else:
            super().late()

    # --- What the loop and the parser call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect a request."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        self._opened(self)
        self.expect(Waits.HELLO, self.limits.head_timeout_s)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request, or none to go on after a pause."""
        if self.lingers:
            self.drop(data)
        elif self._sink is None or not self._sink.payload.is_eof():
            self._parse(data)
        elif data:
            self._keep(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the call that its caller is gone; it decides for itself what that means."""
        super().connection_lost(exc)
        self.expect_nothing()
        self._parser = None
        self._ahead.clear()
        self._spoil_body(ConnectionResetError("the caller has hung up"))
        if self.tell_gone is not None:
            self.tell_gone()
        self._gone(self)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Go on reading. Called for every piece that is read, so mostly there is nothing to do."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    # --- Requests

    def _parse(self, data: bytes) -> None:
        """Feed the parser, and begin the request whose head is complete."""
        parser = self._parser
        if parser is None:
            return
        try:
            messages, upgraded, tail = parser.feed_data(data)
        except Exception:  # noqa: BLE001  # a target that yarl trips over raises what it likes; it may hold a secret
            self._malformed()
            return
        self.arrived()
        if messages:
            self._begin(*messages[0])
            if upgraded and tail:
                self._keep(tail)
        elif self.waits is Waits.REQUEST and data:
            self.expect(Waits.HEAD, self.limits.head_timeout_s)
        elif self.waits is Waits.HELLO and data:
            self.waits = Waits.HEAD

    def _begin(self, message: RawRequestMessage, payload: StreamReader) -> None:
        """Start the call of a request; its body may still be on its way.

        The parser lets a line of any version pass; what is no HTTP/1 is refused here.
        """
        self.expect_nothing()
        if message.version is not HttpVersion11 and message.version is not HttpVersion10:
            self._refuse(Refusal.MALFORMED_REQUEST, _NO_HTTP)
            return
        sink = self._sink = EdgeSink(self, message, payload, self.commons)
        headers = message.headers
        method = message.method
        if message.upgrade and method == "GET" and headers.get("Upgrade", "").lower() == "websocket":
            method = WEBSOCKET
        head = Head(method, message.path, headers.get("Host", ""), headers, self._address)
        self.task = self._loop.create_task(self._carry(head, sink))

    async def _carry(self, head: Head, sink: EdgeSink) -> None:
        """Serve one request, and turn to the next one."""
        try:
            await self._serve(head, sink)
        except Exception:  # noqa: BLE001  # whatever broke in us, the caller must not take what it has for an answer
            _log.exception("the edge failed on a request")
        finally:
            self.tell_gone = None
            sink.give_room()
            if not sink.ended:
                await self._make_up(sink)
            elif sink.keeps and not sink.payload.is_eof():
                sink.keeps = await self.skip(sink.payload)
            self._sink = self.task = None
            self._over(sink)

    async def _make_up(self, sink: EdgeSink) -> None:
        """Answer for a call that has not; one that has begun is cut: another head must not stand in its body."""
        if sink.started:
            sink.cut()
            return
        sink.keeps = False
        await sink.send(*refusal(Refusal.INTERNAL_ERROR, "Faregate failed on this request."))

    def _over(self, sink: EdgeSink) -> None:
        """Turn to the caller's next request, which may be here already; or end the connection."""
        transport, parser = self.transport, self._parser
        if transport is None or transport.is_closing():
            return
        if parser is None or self.last or not sink.keeps:
            if self._ahead or not sink.payload.is_eof():
                self._forget_ahead()
                self.linger()
            else:
                self.close()
            return
        self.expect(Waits.REQUEST, KEEPALIVE_S)
        parser.message_consumed()
        self._parse(b"")  # what the parser has kept back
        if self._ahead and self._sink is None and not self.lingers:
            data = b"".join(self._ahead)
            self._forget_ahead()
            self._parse(data)

    def _malformed(self) -> None:
        """Refuse what is no HTTP. A call whose body it is hears of it when it reads that."""
        if self._sink is None:
            self._refuse(Refusal.MALFORMED_REQUEST, _NO_HTTP)
        else:
            self._parser = None
            self._spoil_body(ValueError("the body is badly framed"))

    def _spoil_body(self, error: Exception) -> None:
        """Tell whoever reads the body, now or later, that no more of it will come."""
        if self._sink is not None and not self._sink.payload.is_eof():
            self._sink.payload.set_exception(error)
            self.arrived()

    def _refuse(self, code: Refusal, words: str) -> None:
        """Answer a request that no call came of, and end the connection."""
        if self.transport is not None and not self.transport.is_closing():
            self.commons.refused(code)
            self.transport.write(whole(*refusal(code, words), close=True))
            self._forget_ahead()
            self.linger()

    def _keep(self, data: bytes) -> None:
        """Keep what came ahead of its turn."""
        self._ahead.append(data)
        self._ahead_size += len(data)
        if self._ahead_size > AHEAD_BYTES_MAX and not self._held_back and self.transport is not None:
            self._held_back = True
            self.transport.pause_reading()

    def take_behind(self) -> bytes:
        """Return what came behind the request that is being answered, and forget it."""
        behind = b"".join(self._ahead)
        self._forget_ahead()
        self._parser = None
        return behind

    def _forget_ahead(self) -> None:
        self._ahead.clear()
        self._ahead_size = 0
        if self._held_back and self.transport is not None:
            self._held_back = False
            self.transport.resume_reading()
