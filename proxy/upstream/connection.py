"""One connection to a provider: an HTTP/1.1 client on aiohttp's C parser, one exchange at a time.

It sends a request once and never again. An answer that breaks off is told apart from one that ends, and whatever came
before the break is read before the break is told: it may hold the usage.
"""

import asyncio
from collections.abc import Callable

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpResponseParser, RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from proxy.upstream.door import Failure, UpstreamFailed

WRITTEN_AT_ONCE = 2**18
"""Bytes of a request that are given to the socket in one go."""
READ_BUFFER = 2**18
"""Bytes of an answer that may wait for their reader; at twice as many the provider is made to wait."""
HEAD_LINE_MAX = 16_384
"""Bytes of one header of an answer, and of its status line."""
HEADERS_MAX = 256


Lost = Callable[[BaseException | None], None]
TakeOver = Callable[[RawResponseMessage, asyncio.Transport, Lost], asyncio.Protocol]
"""Makes what a transport belongs to once protocols are switched; it must tell `Lost` when the transport is closed.

Raises ValueError for a switch that was not asked for.
"""


class Connection(BaseProtocol):
    """A transport's protocol. `gone` is called once, when the transport is closed.

    Time is kept by one timer that is set again only when it rings too early: moving a deadline costs an assignment.
    """

    __slots__ = (
        "_answer_s",
        "_begun",
        "_clean",
        "_deadline",
        "_gone",
        "_stall_s",
        "_take_over",
        "_timer",
        "_timer_at",
        "_written",
        "failed",
        "idle_since",
        "message",
        "payload",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        answer_s: float,
        stall_s: float,
        gone: Callable[["Connection"], None],
    ) -> None:
        super().__init__(loop)
        self.idle_since = 0.0
        self.message: RawResponseMessage | None = None
        self.payload: StreamReader = EMPTY_PAYLOAD
        self.failed: UpstreamFailed | None = None
        self._answer_s, self._stall_s = answer_s, stall_s
        self._gone = gone
        self._begun: asyncio.Future[RawResponseMessage] | None = None
        self._take_over: TakeOver | None = None
        self._clean = self._written = True
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    # --- What its user does

    @property
    def usable(self) -> bool:
        """Tell whether it is open, as far as we have heard."""
        return self.transport is not None and not self.transport.is_closing()

    async def exchange(self, head: bytes, body: bytes, *, bodiless: bool) -> RawResponseMessage:
        """Send a request and return the answer's head; its body comes through `payload`. Raises UpstreamFailed.

        `bodiless` tells that the answer will have no body, whatever its head says (HEAD). Whoever cancels this must
        abort the connection.
        """
        transport = self.transport
        if transport is None or transport.is_closing():
            raise UpstreamFailed(Failure.UNREACHABLE, sent=False)
        self._parser = HttpResponseParser(
            self,
            self._loop,
            READ_BUFFER,
            max_line_size=HEAD_LINE_MAX,
            max_field_size=HEAD_LINE_MAX,
            max_headers=HEADERS_MAX,
            response_with_body=not bodiless,
            read_until_eof=True,
            auto_decompress=False,
        )
        self.message = self.failed = None
        self.payload = EMPTY_PAYLOAD
        begun: asyncio.Future[RawResponseMessage] = self._loop.create_future()
        self._begun = begun
        self._expect(self._answer_s)
        if len(body) <= WRITTEN_AT_ONCE:
            transport.write(head + body)
        else:
            self._written = False
            transport.write(head)
            await self._upload(transport, memoryview(body))
        return await begun

    async def upgrade(self, head: bytes, take_over: TakeOver) -> RawResponseMessage:
        """Ask for another protocol. If the provider switches, `take_over` makes what the transport belongs to then.

        Otherwise the answer's body comes through `payload`. Raises UpstreamFailed.
        """
        self._take_over = take_over
        return await self.exchange(head, b"", bodiless=False)

    def rest(self) -> bool:
        """End an exchange whose answer was read to its end. Tells whether the connection can carry another one.

        It cannot if the answer said so, if more came than the answer, or if the request has not left completely.
        """
        transport, parser, message = self.transport, self._parser, self.message
        if transport is None or parser is None or message is None or transport.is_closing():
            return False
        if not (self._clean and self._written and self.payload.at_eof()) or message.should_close:
            return False
        if transport.get_write_buffer_size():
            return False
        try:
            more = parser.feed_eof()  # it returns the head that has begun after the answer
        except HttpProcessingError:
            return False
        self._parser = self.message = self._begun = self._deadline = None
        self.payload = EMPTY_PAYLOAD
        return more is None

    def abort(self) -> None:
        """Close at once; an answer under way is cut."""
        self._fail(Failure.CUT)

    # --- What the loop and the parser call

    def data_received(self, data: bytes) -> None:
        """Take bytes of the answer, or none to go on after a pause."""
        parser = self._parser
        if parser is None:
            self.abort()  # nobody asked: whatever it is, it must not become the next call's answer
            return
        if self._ended():
            self._clean = False
            return
        try:
            messages, upgraded, tail = parser.feed_data(data)
        except HttpProcessingError:
            self._fail(Failure.CUT)
            return
        if messages or upgraded:
            self._take_heads(messages, tail, upgraded=upgraded)
        if not self._flowing():
            self._deadline = None  # a provider that waits for our reader does not stall
        elif data and self.message is not None:
            self._expect(self._stall_s)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End what is under way: well, if only the end of the connection could end it, and it came in order."""
        parser = self._parser
        if exc is None and parser is not None and self.message is not None and not self._reading_paused:
            try:
                parser.feed_eof()
            except HttpProcessingError:
                self._fail(Failure.CUT)
        self._fail(Failure.CUT)
        self._parser = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)
        self._gone(self)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Go on reading. Called for every piece that is read, so mostly there is nothing to do."""
        if self._reading_paused:
            super().resume_reading(resume_parser)
            if self._flowing():
                self._expect(self._stall_s)

    # --- Inside

    def _take_heads(
        self, messages: list[tuple[RawResponseMessage, StreamReader]], tail: bytes, *, upgraded: bool
    ) -> None:
        """Take the answer's head, after any number of informational ones. A switch of protocols is one if asked for."""
        for message, payload in messages:
            if self.message is not None:
                self._clean = False
            elif message.code == 101:
                if self._take_over is not None and self._hand_over(message, self._take_over, tail):
                    return
                break
            elif not 100 <= message.code < 200:
                self.message, self.payload = message, payload
                if self._begun is not None and not self._begun.done():
                    self._begun.set_result(message)
                self._wake_writer()
        else:
            if not upgraded:
                return
        self._fail(Failure.CUT)

    def _hand_over(self, message: RawResponseMessage, take_over: TakeOver, tail: bytes) -> bool:
        """Give the transport away, with what came behind the head. Tells whether that could be done."""
        transport, begun = self.transport, self._begun
        if transport is None or begun is None or begun.done():
            return False
        try:
            taker = take_over(message, transport, self.connection_lost)
        except ValueError:
            return False
        self.message, self._parser, self._deadline = message, None, None
        transport.set_protocol(taker)
        if tail:
            taker.data_received(tail)
        begun.set_result(message)
        return True

    def _ended(self) -> bool:
        """Tell whether the answer's last byte has come; it may still be unread."""
        return self.message is not None and self.payload.is_eof()

    def _flowing(self) -> bool:
        """Tell whether more of the answer is due, and may come."""
        return not (self._reading_paused or self._ended())

    def _fail(self, failure: Failure) -> None:
        """Close the connection, and say so to whoever waits: for the head, for the body, or to write."""
        begun = self._begun
        if begun is not None and not begun.done():
            before = failure if failure is Failure.NO_ANSWER else Failure.DISCONNECTED
            begun.set_exception(UpstreamFailed(before, sent=True))
        elif self.message is not None and not self.payload.is_eof():
            self.failed = UpstreamFailed(failure, sent=True)
            self.payload.feed_eof()
        self._clean = False
        self._deadline = None
        self._wake_writer()
        if self.transport is not None:
            self.transport.abort()

    def _expect(self, seconds: float) -> None:
        """Fail unless something comes within that time from now."""
        self._deadline = at = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._ring(at)

    def _ring(self, at: float) -> None:
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._rung)

    def _rung(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self._loop.time() < self._deadline:
            self._ring(self._deadline)
        else:
            self._fail(Failure.NO_ANSWER if self.message is None else Failure.STALLED)

    async def _upload(self, transport: asyncio.Transport, body: memoryview) -> None:
        """Write a large body no faster than it leaves. An answer that came meanwhile may make the rest needless."""
        for at in range(0, len(body), WRITTEN_AT_ONCE):
            transport.write(body[at : at + WRITTEN_AT_ONCE])
            while self._paused and not self._settled():
                await self._room()
            if self._settled():
                return
            self._expect(self._answer_s if self.message is None else self._stall_s)
        self._written = True

    def _settled(self) -> bool:
        """Tell whether the provider wants no more of the request: it is gone, or has refused, or is done."""
        return not self.usable or self._ended() or (self.message is not None and self.message.code >= 400)

    async def _room(self) -> None:
        self._drain_waiter = self._loop.create_future()
        try:
            await self._drain_waiter
        finally:
            self._drain_waiter = None

    def _wake_writer(self) -> None:
        if self._drain_waiter is not None and not self._drain_waiter.done():
            self._drain_waiter.set_result(None)
