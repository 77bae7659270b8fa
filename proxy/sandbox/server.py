"""The sandbox as a server on loopback: what happens to a request, in order.

1. A tenant's key (`fg-...`) anywhere in the head is a leak: 500, and an error in the program's log.
2. `GET /sandbox/log` shows what was asked and billed, `DELETE` empties it; no key is needed.
3. The provider's own key must be there: any value, in any of the places that the shapes list.
4. Headers that begin with `x-sandbox-` steer the call: `steering.py` lists them all.
5. `responder.py` makes the answer; here it goes out at its pace, and its record is closed.

The caller's leaving ends the work at once, and the record says how much had been generated: that much is billed.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qs

import msgspec
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from proxy.clock import Clock
from proxy.sandbox.encoding import encoder
from proxy.sandbox.log import End, Log, Record
from proxy.sandbox.outlet import CutHere, Outlet
from proxy.sandbox.pace import Pace, Pacer, SystemClock
from proxy.sandbox.reply import Fault, Reply, Request
from proxy.sandbox.responder import Responder
from proxy.sandbox.shapes import Shapes
from proxy.sandbox.steering import PLAIN, Steering, read_steering
from proxy.tenants.key import SECRET_PREFIX

BODY_BYTES_MAX = 512 * 1024 * 1024
LOG_PATH = "/sandbox/log"
_SHUTDOWN_S = 0.1
_LEAK = re.compile(rf"(?:^|[\s,;=/]){re.escape(SECRET_PREFIX)}")

logger = logging.getLogger("faregate.sandbox")


class _CloseDelimited(web.StreamResponse):
    """A body that ends with its connection, as HTTP/1.0 had it. The switch is the one aiohttp's WebSockets use."""

    _length_check = False


class Sandbox:
    """One provider's stand-in. `pace` is that of calls which are not steered; `log` is what was asked and billed."""

    def __init__(self, shapes: Shapes, pace: Pace | None = None, clock: Clock | None = None) -> None:
        self._shapes = shapes
        self._pace = pace or Pace()
        self._clock = clock or SystemClock()
        self._responder = Responder(shapes, self._clock)
        self._runner: web.ServerRunner | None = None
        self._waiters: dict[int, asyncio.Event] = {}
        self.log = Log()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a free port if `port` is 0. Return the origin, such as `http://127.0.0.1:34567`."""
        server = web.Server(self._serve, request_factory=_make_request, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        bound = self._runner.addresses[0]
        return f"http://{bound[0]}:{bound[1]}"

    async def stop(self) -> None:
        """Stop listening and end what is under way. Stopping twice does nothing."""
        runner, self._runner = self._runner, None
        if runner:
            await runner.cleanup()

    async def ended(self, record: Record) -> None:
        """Wait until a request is over: a caller's leaving is noticed a moment after it."""
        if record.end == "open":
            await self._waiters.setdefault(record.number, asyncio.Event()).wait()

    async def _serve(self, http: web.BaseRequest) -> web.StreamResponse:
        path, _, query = http.raw_path.partition("?")
        if path == LOG_PATH:
            return self._show_log(http)
        record = self.log.open(self._clock.now(), http.method, path)
        try:
            return await self._answer(http, path, query, record)
        except ConnectionError:
            return web.Response()  # nobody is there to read it; the record says aborted
        finally:
            if record.end == "open":
                record.end = "aborted"
            waiter = self._waiters.pop(record.number, None)
            if waiter:
                waiter.set()

    async def _answer(self, http: web.BaseRequest, path: str, query: str, record: Record) -> web.StreamResponse:
        raw = await http.read()
        headers = {name.lower(): value for name, value in http.headers.items()}
        record.query, record.headers = query, self._masked(headers)
        record.body_bytes, record.body_sha256 = len(raw), sha256(raw).hexdigest()
        reply, end, steering = self._reply(Request(http.method, path, query, headers, raw))
        pacer = Pacer(steering.paced(self._pace), self._clock)
        record.route, record.model, record.object = reply.route, reply.model, reply.object
        record.status, record.stream = reply.status, reply.events is not None
        if steering.stall_ms is not None and steering.stall_events is None:
            await _stall(steering, record)
        if reply.events is not None:
            return await self._send_stream(http, reply, steering, pacer, record)
        return await self._send_body(http, reply, steering, pacer, record, end)

    def _reply(self, request: Request) -> tuple[Reply, End, Steering]:
        """Return the answer, how its record ends, and its steering."""
        steering = PLAIN
        try:
            self._check_leak(request)
            steering = read_steering(request.headers)
            self._check_key(request)
            if steering.status == 200 or steering.keep_body:
                reply = self._responder.reply(request, steering)
                reply.status = steering.status
                return reply, "complete" if reply.status < 400 else "refused", steering
            raise Fault(steering.status, steering.message or f"The sandbox was asked for status {steering.status}.")
        except _Leaked:
            logger.error("sandbox: a tenant's key reached the provider with %s %s", request.method, request.path)
            return self._responder.fault(Fault(500, "A tenant's key reached the provider."), PLAIN), "leaked", PLAIN
        except ValueError as error:
            return self._responder.fault(Fault(400, str(error)), PLAIN), "refused", PLAIN
        except Fault as fault:
            return self._responder.fault(fault, steering), "refused", steering

    async def _send_body(
        self, http: web.BaseRequest, reply: Reply, steering: Steering, pacer: Pacer, record: Record, end: End
    ) -> web.StreamResponse:
        record.usage = reply.billed()
        if reply.tokens:
            await pacer.wait(reply.tokens, 1)
        headers = _headers(reply, steering)
        if steering.whole:
            body = reply.body
            if steering.encoding:
                packer = encoder(steering.encoding)
                body = packer.feed(body) + packer.finish()
            response: web.StreamResponse = web.Response(body=body, status=reply.status, headers=headers)
            await response.prepare(http)
        else:
            response = await _open(http, reply, steering, headers)
            try:
                outlet = Outlet(response.write, steering)
                await outlet.send(reply.body)
                await outlet.finish()
            except CutHere:
                record.end = "cut"
                _break(http, "reset" if steering.cut == "reset" else "close")
                return response
        await response.write_eof()
        record.end = end
        return response

    async def _send_stream(
        self, http: web.BaseRequest, reply: Reply, steering: Steering, pacer: Pacer, record: Record
    ) -> web.StreamResponse:
        await pacer.wait(0, 1)
        response = await _open(http, reply, steering, _headers(reply, steering))
        outlet = Outlet(response.write, steering)
        record.usage = reply.billed(0)
        try:
            ended = await self._send_events(reply, steering, pacer, record, outlet)
        except CutHere:
            ended = "cut"
        if ended == "cut" and steering.cut != "end":
            _break(http, steering.cut)
        else:
            await outlet.finish()
            await response.write_eof()
        record.end = ended
        return response

    async def _send_events(self, reply: Reply, steering: Steering, pacer: Pacer, record: Record, outlet: Outlet) -> End:
        """Send the events as they fall due, and return how the stream ended."""
        thinking = reply.usage.reasoning if reply.usage else 0
        for number, moment in enumerate(reply.events or ()):
            if number == steering.cut_events:
                raise CutHere
            if number == steering.error_events:
                await outlet.send(reply.error_event)
                return "failed"
            if number == steering.stall_events:
                await _stall(steering, record)
            if moment.pieces:
                await pacer.wait(thinking + moment.visible, moment.pieces)
                record.usage = reply.billed(moment.visible)
            await outlet.send(moment.data)
        record.usage = reply.billed()
        return "complete"

    def _check_leak(self, request: Request) -> None:
        if SECRET_PREFIX in request.query and _LEAK.search(request.query.replace("&", " ")):
            raise _Leaked
        for value in request.headers.values():
            if SECRET_PREFIX in value and _LEAK.search(value):
                raise _Leaked

    def _check_key(self, request: Request) -> None:
        """Raise Fault unless a key is in one of its places."""
        for place in self._shapes.key:
            if place.header:
                value = request.headers.get(place.header, "")
                if value.lower().startswith(place.prefix.lower()) and value[len(place.prefix) :].strip():
                    return
            elif place.query in parse_qs(request.query):
                return
        raise Fault(self._shapes.errors.no_key_status, "You did not provide an API key.")

    def _masked(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        masked = dict(headers)
        for place in self._shapes.key:
            if place.header in masked:
                masked[place.header] = place.prefix + "***"
        return masked

    def _show_log(self, http: web.BaseRequest) -> web.Response:
        if http.method == "DELETE":
            self.log.clear()
        body = msgspec.json.encode({"count": self.log.count, "records": list(self.log)})
        return web.Response(body=body, content_type="application/json")


def _make_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """Make a request as aiohttp does, but let its body be large."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_BYTES_MAX)


class _Leaked(Exception):
    """A tenant's key is in the head of a request."""


def _headers(reply: Reply, steering: Steering) -> dict[str, str]:
    headers = {"content-type": reply.content_type, **reply.headers}
    if steering.encoding:
        headers["content-encoding"] = steering.encoding
    return headers


async def _open(http: web.BaseRequest, reply: Reply, steering: Steering, headers: dict[str, str]) -> web.StreamResponse:
    """Send the head of an answer that is written bit by bit."""
    response_type = _CloseDelimited if steering.close_delimited else web.StreamResponse
    response = response_type(status=reply.status, headers=headers)
    if steering.close_delimited:
        response.force_close()
    elif reply.events is None and not steering.encoding:
        response.content_length = len(reply.body)
    await response.prepare(http)
    return response


async def _stall(steering: Steering, record: Record) -> None:
    """Do nothing for as long as asked, else until the caller leaves: that cancels this."""
    try:
        if steering.stall_ms is None:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(steering.stall_ms / 1000)
    except asyncio.CancelledError:
        record.end = "stalled"
        raise


def _break(http: web.BaseRequest, how: str) -> None:
    """End the connection without ending the answer."""
    if http.transport is None:
        return
    if how == "reset":
        http.transport.abort()
    else:
        http.transport.close()
