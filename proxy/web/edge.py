"""The edge: providers' traffic over aiohttp's low-level server, one handler, no router, the raw target.

`EdgeSink` is the only place where a call meets an aiohttp object.
"""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, NoReturn

from aiohttp import HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.web_protocol import RequestHandler
from msgspec import Struct
from multidict import CIMultiDict

from proxy.calls.head import Head
from proxy.calls.sink import Sink
from proxy.errors import Refusal, Refused, refuse
from proxy.steps.answer import PLAIN

Headers = Sequence[tuple[str, str]]
Serve = Callable[[Head, Sink], Awaitable[None]]

SERVER = "faregate"
KEEPALIVE_S = 75.0
VERSIONS = ((1, 0), (1, 1))
"""The parser lets a line of any version pass; what is no HTTP/1 is refused here."""

_log = logging.getLogger("faregate.edge")
_AT_ONCE = struct.pack("ii", 1, 0)
_GONE = (ConnectionError, RuntimeError)


class EdgeLimits(Struct, frozen=True):
    """What the edge takes from a caller: bytes of a body, seconds between two pieces of it, seconds of not reading,
    bytes of one header.
    """

    body_bytes_max: int
    body_timeout_s: float
    caller_stall_s: float
    header_bytes_max: int


class EdgeSink:
    """One caller's connection, for the length of one call."""

    def __init__(self, request: web.BaseRequest, limits: EdgeLimits) -> None:
        self._request = request
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._response: web.StreamResponse | None = None
        self._left = False

    @property
    def gone(self) -> bool:
        """Whether the caller has hung up, or has stopped reading."""
        transport = self._request.transport
        return self._left or transport is None or transport.is_closing()

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when the caller hangs up; at once if that has happened."""
        protocol = self._request.protocol
        if self.gone or not isinstance(protocol, EdgeHandler):
            tell()
        else:
            protocol.tell_gone = tell

    @property
    def started(self) -> bool:
        """Whether the head of an answer was sent."""
        return self._response is not None

    @property
    def response(self) -> web.StreamResponse:
        """What aiohttp is handed when the call is over."""
        return self._response or web.Response(status=500)

    async def read_body(self) -> bytes:
        """Return the whole body. Raises Refused: too_large, request_timeout, malformed_request."""
        request, most = self._request, self._limits.body_bytes_max
        if (request.content_length or 0) > most:
            self._too_large()
        if not request.body_exists:
            return b""
        if request.headers.get("Expect", "").lower() == "100-continue":
            self._continue()
        pieces, size = [], 0
        try:
            if request.content.is_eof():  # it came whole, with its head
                body = request.content.read_nowait()
                return body if len(body) <= most else self._too_large()
            while piece := await asyncio.wait_for(request.content.readany(), self._limits.body_timeout_s):
                size += len(piece)
                if size > most:
                    self._too_large()
                pieces.append(piece)
        except TimeoutError:
            refuse(Refusal.REQUEST_TIMEOUT, "The request's body did not arrive in time.")
        except (web.RequestPayloadError, ConnectionError, ValueError):
            refuse(Refusal.MALFORMED_REQUEST, "The request's body is broken off or badly framed.")
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]

    async def send(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        request = self._request
        if self.gone or self._response is not None:
            return
        if request.version < HttpVersion11 or request.method == "HEAD" or status < 200 or status in (204, 304):
            response = web.Response(status=status, headers=CIMultiDict([*headers, ("server", SERVER)]), body=body)
            self._response = response
            await self._guard(self._send(response))
            return
        self._response = SENT_KEEP if request.keep_alive else SENT_CLOSE
        transport = request.transport
        if transport is not None:
            transport.write(whole(status, headers, body, close=not request.keep_alive))
            if transport.get_write_buffer_size():
                await self._guard(request.writer.drain())

    async def _send(self, response: web.Response) -> None:
        await response.prepare(self._request)
        await response.write_eof()

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of an answer whose body follows."""
        if self.gone or self._response is not None:
            return
        response = web.StreamResponse(status=status, headers=CIMultiDict([*headers, ("server", SERVER)]))
        self._response = response
        await self._guard(response.prepare(self._request))

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; a caller that reads nothing for too long is taken for gone."""
        if self._response is not None and not self.gone:
            await self._guard(self._response.write(data))

    async def finish(self) -> None:
        """Send the end of the body."""
        if self._response is not None and not self.gone:
            await self._guard(self._response.write_eof())

    def cut(self) -> None:
        """Close the connection without the end that would make the answer look whole."""
        self._left = True
        transport = self._request.transport
        if transport is None:
            return
        if self._request.version < (1, 1):
            reset(transport)
        else:
            transport.close()

    async def _guard(self, work: Awaitable[object]) -> None:
        """Await a write; one that fails or stalls means that nobody listens any more."""
        timer = self._loop.call_later(self._limits.caller_stall_s, self._abort)
        try:
            await work
        except _GONE:
            self._left = True
        finally:
            timer.cancel()

    def _abort(self) -> None:
        """Give a caller up who reads nothing: the write that waits for it fails then."""
        _log.info("a caller stopped reading and was cut off")
        self._left = True
        if self._request.transport is not None:
            reset(self._request.transport)

    def _continue(self) -> None:
        if self._request.transport is not None:
            self._request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _too_large(self) -> NoReturn:
        refuse(Refusal.TOO_LARGE, f"The request's body is larger than {self._limits.body_bytes_max} bytes.")


def reset(transport: asyncio.Transport) -> None:
    """End a connection with a reset: where no chunks frame a body, nothing else tells a cut from an end."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):  # it may be over already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()


def whole(status: int, headers: Headers, body: bytes, *, close: bool) -> bytes:
    """Return a whole HTTP/1.1 answer as bytes. Raises ValueError for a header that would break the head."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines.append(f"Date: {rfc822_formatted_time()}\r\nServer: {SERVER}\r\nContent-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    head = "\r\n".join(lines)
    breaks = len(lines) + 1
    if head.count("\n") != breaks or head.count("\r") != breaks or "\0" in head:
        raise ValueError("a header of the answer holds a line break")
    return head.encode("latin-1", "replace") + b"\r\n\r\n" + body


class Sent(web.StreamResponse):
    """Tells aiohttp that the answer is on its way already."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """There is nothing to prepare."""

    async def write_eof(self, data: bytes = b"") -> None:
        """There is nothing to end."""


REASONS = {status.value: status.phrase for status in HTTPStatus}
SENT_KEEP, SENT_CLOSE = Sent(keep_alive=True), Sent(keep_alive=False)


class EdgeHandler(RequestHandler):
    """aiohttp's connection handler, but for its error page, which would echo what it could not parse."""

    __slots__ = ("tell_gone",)

    def __init__(self, manager: "EdgeServer", **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self.tell_gone: Callable[[], None] | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the call that its caller is gone; it decides for itself what that means."""
        super().connection_lost(exc)
        if self.tell_gone is not None:
            self.tell_gone()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that no call came of, and close the connection.

        Raises ConnectionError where part of an answer was sent already: another head must not stand in its body.
        """
        del message
        if status >= 500:
            _log.error("the edge failed on a request", exc_info=exc)
        if request.writer.output_size > 0:
            if request.transport is not None:
                reset(request.transport)
            raise ConnectionError("an answer was under way already")
        code = Refusal.MALFORMED_REQUEST if status < 500 else Refusal.INTERNAL_ERROR
        words = "The request is not valid HTTP." if status < 500 else "Faregate failed on this request."
        body = PLAIN.render(Refused(code, words), "")
        headers = {"faregate-refusal": code.code, "content-type": "application/json", "server": SERVER}
        response = web.Response(status=code.status, body=body, headers=headers)
        response.force_close()
        return response


class EdgeServer(web.Server):
    """aiohttp's low-level server with our connection handler."""

    def __call__(self) -> EdgeHandler:
        """Return the protocol of a new connection."""
        return EdgeHandler(self, loop=self._loop, **self._kwargs)


def edge_server(serve: Serve, limits: EdgeLimits) -> EdgeServer:
    """Return the server of the data plane. A caller who hangs up does not end its call."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.version not in VERSIONS:
            return request.protocol.handle_error(request, 400)
        sink = EdgeSink(request, limits)
        headers = tuple(request.headers.items())
        head = Head(request.method, request.raw_path, request.headers.get("Host", ""), headers, request.remote or "")
        try:
            await serve(head, sink)
        except Exception:  # whatever broke in us, a second answer must not follow the first
            if not sink.started:
                raise  # aiohttp asks `handle_error` for an answer
            _log.exception("a call failed after its answer had begun")
            sink.cut()
        finally:
            if isinstance(request.protocol, EdgeHandler):
                request.protocol.tell_gone = None
        return sink.response

    return EdgeServer(
        handle,
        access_log=None,
        auto_decompress=False,
        max_field_size=limits.header_bytes_max,
        keepalive_timeout=KEEPALIVE_S,
    )
