"""The caller's side of one call: its body in, its answer out, on a connection that outlives both."""

from collections.abc import Callable, Sequence
from typing import NoReturn

from aiohttp.http import HttpVersion10, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from proxy.errors import Refusal, refuse
from proxy.web.http_answer import CONTINUE, LAST_CHUNK, bodiless, opening, whole
from proxy.web.limits import Commons
from proxy.web.line import Line
from proxy.websocket import WebSocketLine, accept_value, offered

Headers = Sequence[tuple[str, str]]

PACE_BYTES = 256
"""Bytes a second at which a body has to come, once it has taken longer than a caller may pause: no pause, however well
timed, makes a body last for ever.
"""

JOINED_BYTES_MAX = 2**15
"""Up to here a chunk is cheaper copied into one piece with its frame than written in three."""


class EdgeSink:
    """A `Sink` on a connection.

    `ended` tells that nothing of the answer is left to send, `keeps` whether another request may follow it.
    """

    __slots__ = (
        "_chunked",
        "_commons",
        "_framed",
        "_line",
        "_message",
        "_silent",
        "_taken",
        "ended",
        "keeps",
        "payload",
        "started",
    )

    def __init__(self, line: Line, message: RawRequestMessage, payload: StreamReader, commons: Commons) -> None:
        self._line = line
        self._commons, self._taken = commons, 0
        self._message = message
        self.payload = payload
        self.keeps = not (message.should_close or message.upgrade or message.version is HttpVersion10)
        self.started = self.ended = False
        self._chunked = self._silent = False
        self._framed = True

    @property
    def gone(self) -> bool:
        """Whether the caller has hung up, or has stopped reading."""
        transport = self._line.transport
        return transport is None or transport.is_closing()

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when the caller hangs up; at once if that has happened."""
        if self.gone:
            tell()
        else:
            self._line.tell_gone = tell

    async def read_body(self) -> bytes:
        """Return the whole body. Raises Refused: too_large, overloaded, request_timeout, malformed_request."""
        payload = self.payload
        if payload is EMPTY_PAYLOAD:
            return b""
        if not payload.is_eof():
            return await self._collect(payload)
        body = payload.read_nowait()
        if len(body) > self._line.limits.body_bytes_max:
            self._too_large()
        return body

    async def send(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer in one go. Raises ValueError for a header that would break its head."""
        transport = self._line.transport
        if self.started or transport is None or transport.is_closing():
            return
        silent = bodiless(self._message.method, status)
        transport.write(whole(status, headers, body, close=self._closes(), silent=silent))
        self.started = self.ended = True
        if self._line.writing_paused:
            await self._line.room()

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of an answer whose body follows. Raises ValueError for a header that would break it."""
        transport = self._line.transport
        if self.started or transport is None or transport.is_closing():
            return
        self._silent = bodiless(self._message.method, status)
        self._framed = self._silent or self._message.version is not HttpVersion10
        self._chunked = self._framed and not self._silent
        transport.write(opening(status, headers, close=self._closes(), chunked=self._chunked))
        self.started = True
        if self._line.writing_paused:
            await self._line.room()

    async def upgrade(self, headers: Headers, protocol: str) -> WebSocketLine | None:
        """Switch to a WebSocket: from now on the caller is reached through that, and this sends nothing more."""
        transport = self._line.transport
        if self.started or transport is None or transport.is_closing():
            return None
        asked = self._message.headers
        deflate = offered(asked.get("Sec-WebSocket-Extensions", ""))
        switch = [("upgrade", "websocket"), ("connection", "Upgrade")]
        switch.append(("sec-websocket-accept", accept_value(asked.get("Sec-WebSocket-Key", ""))))
        if protocol:
            switch.append(("sec-websocket-protocol", protocol))
        if deflate.bits:
            switch.append(("sec-websocket-extensions", deflate.header))
        transport.write(opening(101, [*headers, *switch], close=False, chunked=False))
        self.started = self.ended = True
        self.keeps = False
        return self._line.hand_over(deflate)

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; a caller that reads nothing for too long is taken for gone."""
        transport = self._line.transport
        if self.ended or not self.started or not data or transport is None or transport.is_closing():
            return
        if not self._chunked:
            if not self._silent:
                transport.write(data)
        elif len(data) <= JOINED_BYTES_MAX:
            transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            transport.writelines((b"%x\r\n" % len(data), data, b"\r\n"))
        if self._line.writing_paused:
            await self._line.room()

    async def finish(self) -> None:
        """Send the end of the body."""
        transport = self._line.transport
        if self.ended or not self.started or transport is None or transport.is_closing():
            return
        self.ended = True
        if self._chunked:
            transport.write(LAST_CHUNK)

    def cut(self) -> None:
        """Close the connection without the end that would make the answer look whole."""
        self.keeps = False
        self._line.break_off(framed=self._framed)

    def _closes(self) -> bool:
        """Tell whether the connection ends with this answer, so that its head must say so."""
        if self.keeps and not self.payload.is_eof() and self._asks_first():
            self.keeps = False  # nobody can know whether the body will come after all
        return not self.keeps or self._line.last

    def _asks_first(self) -> bool:
        """Tell whether the caller keeps its body back until it is told to go on."""
        asked = self._message.headers.get("Expect", "").lower() == "100-continue"
        return asked and not self.payload.total_bytes and self._message.version is not HttpVersion10

    async def _collect(self, payload: StreamReader) -> bytes:
        """Read a body that has not come completely. After a refusal the rest of it is not waited for."""
        line, most = self._line, self._line.limits.body_bytes_max
        keeps, self.keeps = self.keeps, False
        if int(self._message.headers.get("Content-Length", "0")) > most:
            self._too_large()
        if self._asks_first() and line.transport is not None:
            line.transport.write(CONTINUE)
        payload.set_read_chunk_size(most)  # we take what comes at once: the size is checked here
        pieces, size, due = [], 0, line.now + line.limits.body_timeout_s
        try:
            while piece := await line.piece(payload):
                size += len(piece)
                if size > most:
                    self._too_large()
                if line.now > due + size / PACE_BYTES:
                    raise TimeoutError
                self._take_room(len(piece))
                pieces.append(piece)
        except TimeoutError:
            refuse(Refusal.REQUEST_TIMEOUT, "The request's body did not arrive in time.")
        except (ConnectionError, ValueError):
            refuse(Refusal.MALFORMED_REQUEST, "The request's body is broken off or badly framed.")
        self.keeps = keeps
        return b"".join(pieces)

    def _take_room(self, size: int) -> None:
        """Take room for a piece of the body, which the call has until its end."""
        if not self._commons.take(size):
            refuse(Refusal.OVERLOADED, "Too many large requests are under way. Try again shortly.", retry_after=1)
        self._taken += size

    def give_room(self) -> None:
        """Give back what the body took."""
        if self._taken:
            self._commons.give(self._taken)
            self._taken = 0

    def _too_large(self) -> NoReturn:
        refuse(Refusal.TOO_LARGE, f"The request's body is larger than {self._line.limits.body_bytes_max} bytes.")
