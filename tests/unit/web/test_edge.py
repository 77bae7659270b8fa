"""The edge over real sockets: what arrives is handed on as sent, and what goes out never looks whole unless it is."""

import asyncio
import contextlib
import json
import logging
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from proxy.calls.head import Head
from proxy.calls.sink import Sink
from proxy.errors import Refused
from proxy.web.edge import EdgeServer, edge_runner
from proxy.web.limits import Commons, EdgeLimits

LIMITS = EdgeLimits(
    body_bytes_max=1000,
    body_total_bytes_max=1500,
    body_timeout_s=0.2,
    caller_stall_s=0.2,
    header_bytes_max=2048,
    head_timeout_s=0.4,
)
POST = b"POST /acme/v1/chat HTTP/1.1\r\nHost: acme-proxy.localhost\r\n"
GET = b"GET /acme HTTP/1.1\r\nHost: h\r\n\r\n"
SECRET = b"fg-never-echoed"
STREAM = [("content-type", "text/event-stream")]
Serve = Callable[[Head, Sink], Awaitable[None]]


@dataclass
class Caller:
    """A connection to the edge, byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def rest(self) -> bytes:
        """Return what comes until the connection ends; a reset raises ConnectionResetError."""
        async with asyncio.timeout(5):
            return await self.reader.read()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer that states its length."""
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            return int(head[0].split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))

    def reset(self) -> None:
        """Hang up at once."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


@dataclass
class Edge:
    """The edge on a free port, and what its calls do."""

    serve: Serve
    port: int = 0
    heads: list[Head] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def carry(self, head: Head, sink: Sink) -> None:
        """Let a call do what the test says."""
        self.heads.append(head)
        try:
            await self.serve(head, sink)
        finally:
            self.over.set()

    async def send(self, data: bytes = b"") -> Caller:
        """Open a connection and send."""
        caller = Caller(*await asyncio.open_connection("127.0.0.1", self.port))
        self.callers.append(caller)
        caller.writer.write(data)
        return caller

    async def ask(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send one request and read its answer."""
        return await (await self.send(data)).answer()

    async def until_over(self) -> None:
        """Wait until the call has done what it does."""
        async with asyncio.timeout(5):
            await self.over.wait()


async def echo(head: Head, sink: Sink) -> None:
    """Answer with the body, or with the refusal that reading it raised."""
    try:
        body = await sink.read_body()
    except Refused as refused:
        await sink.send(refused.refusal.status, [("faregate-refusal", refused.refusal.code)], b"")
    else:
        await sink.send(200, [("x-target", head.target)], body)


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    made = Edge(echo)
    runner = edge_runner(made.carry, LIMITS, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    for caller in made.callers:
        caller.writer.transport.abort()
    await runner.cleanup()


# --- What arrives


async def test_target_and_headers_arrive_as_they_were_sent(edge: Edge) -> None:
    target = b"/gemini/v1beta/models/a%3Ab%2Fc:generateContent?key=a+b&x=%zz&&y"
    head = (
        b"GET "
        + target
        + b" HTTP/1.1\r\nhOST: Acme.Example:8080\r\nX-Twice: one\r\nx-twice:  two \r\nX-Key: \xe9\r\n\r\n"
    )
    await edge.ask(head)
    [got] = edge.heads
    assert (got.method, got.target, got.host) == ("GET", target.decode(), "Acme.Example:8080")
    assert list(got.headers)[1:3] == [("X-Twice", "one"), ("x-twice", "two")]
    assert got.values("x-twice") == ["one", "two"]


async def test_a_request_without_a_host_has_an_empty_one(edge: Edge) -> None:
    await edge.ask(b"GET /a HTTP/1.0\r\n\r\n")
    assert edge.heads[0].host == ""


@pytest.mark.parametrize("body", [b"", b"x", b'{"a": "\xff\x00"}', b"y" * 1000])
async def test_a_body_arrives_as_it_was_sent(edge: Edge, body: bytes) -> None:
    whole = POST + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert (await edge.ask(whole))[::2] == (200, body)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:3], body[3:]) if part)
    assert (await edge.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"))[::2] == (200, body)


async def test_a_body_in_pieces(edge: Edge) -> None:
    caller = await edge.send(POST + b"Content-Length: 6\r\n\r\n")
    for piece in (b"ab", b"cd", b"ef"):
        await asyncio.sleep(0.05)
        caller.writer.write(piece)
    assert (await caller.answer())[2] == b"abcdef"


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: 1001\r\n\r\n",
        b"Content-Length: 1001\r\n\r\n" + b"z" * 1001,
        b"Content-Length: 99999999999\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"z" * 1001 + b"\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1f4\r\n" + b"z" * 500 + b"\r\n1f5\r\n" + b"z" * 501 + b"\r\n",
    ],
    ids=["said", "sent", "absurd", "chunk", "chunks without an end"],
)
async def test_a_body_that_is_too_large(edge: Edge, data: bytes) -> None:
    status, headers, _ = await edge.ask(POST + data)
    assert (status, headers["faregate-refusal"]) == (413, "too_large")


async def test_a_body_that_does_not_come(edge: Edge) -> None:
    status, headers, _ = await edge.ask(POST + b"Content-Length: 10\r\n\r\nhalf")
    assert (status, headers["faregate-refusal"]) == (408, "request_timeout")


async def test_a_chunk_that_is_none(edge: Edge) -> None:
    status, headers, body = await edge.ask(POST + b"Transfer-Encoding: chunked\r\n\r\nzz" + SECRET + b"\r\n")
    assert (status, headers["faregate-refusal"]) == (400, "malformed_request")
    assert SECRET not in body


async def test_a_caller_who_leaves_in_the_middle_of_its_body(edge: Edge) -> None:
    said: list[str] = []

    async def read(_: Head, sink: Sink) -> None:
        try:
            await sink.read_body()
        except Refused as refused:
            said.append(refused.refusal.code)
            assert sink.gone
            await sink.send(400, [], b"nobody hears this")

    edge.serve = read
    caller = await edge.send(POST + b"Content-Length: 10\r\n\r\nhalf")
    await asyncio.sleep(0.05)
    caller.reset()
    await edge.until_over()
    assert said == ["malformed_request"]


async def test_who_asks_before_it_sends_is_told_to_go_on(edge: Edge) -> None:
    caller = await edge.send(POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    async with asyncio.timeout(5):
        assert await caller.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.writer.write(b"body")
    assert (await caller.answer())[::2] == (200, b"body")


async def test_who_is_refused_is_not_told_to_send_its_body(edge: Edge) -> None:
    async def refuse(_: Head, sink: Sink) -> None:
        await sink.send(401, [], b"no")

    edge.serve = refuse
    assert (await edge.ask(POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"))[0] == 401


# --- What goes out


async def test_an_answer_and_the_next_one_on_the_same_connection(edge: Edge) -> None:
    caller = await edge.send()
    for body in (b"one", b"two"):
        caller.writer.write(POST + b"Content-Length: 3\r\n\r\n" + body)
        status, headers, answer = await caller.answer()
        assert (status, answer, headers["server"], headers["x-target"]) == (200, body, "faregate", "/acme/v1/chat")
        assert "connection" not in headers
    assert len(edge.heads) == 2


async def test_two_requests_at_once_are_answered_in_turn(edge: Edge) -> None:
    caller = await edge.send(b"".join(POST + b"Content-Length: 1\r\n\r\n" + body for body in (b"1", b"2")))
    assert [(await caller.answer())[2] for _ in range(2)] == [b"1", b"2"]


async def test_who_wants_no_more_is_let_go(edge: Edge) -> None:
    caller = await edge.send(b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    status, headers, _ = await caller.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert await caller.rest() == b""


async def test_headers_of_an_answer_keep_their_order_and_their_twins(edge: Edge) -> None:
    async def answer(_: Head, sink: Sink) -> None:
        await sink.send(200, [("X-A", "1"), ("x-b", "2"), ("x-a", "3")], b"")
        assert sink.started

    edge.serve = answer
    caller = await edge.send(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    lines = (await caller.rest()).split(b"\r\n")
    assert [line for line in lines if line.lower().startswith(b"x-")] == [b"X-A: 1", b"x-b: 2", b"x-a: 3"]
    assert b"\r\nServer: faregate" in b"\r\n".join(lines).replace(b"server", b"Server")


async def test_a_header_that_would_break_the_head_is_not_sent(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    async def answer(_: Head, sink: Sink) -> None:
        await sink.send(200, [("x-a", "1\r\nset-cookie: mine")], b"")

    edge.serve = answer
    with caplog.at_level(logging.ERROR):
        caller = await edge.send(GET)
        assert b"set-cookie" not in await caller.rest()


async def stream(_: Head, sink: Sink) -> None:
    await sink.start(200, STREAM)
    for piece in (b"data: 1\n\n", b"data: 2\n\n"):
        await sink.write(piece)
    await sink.finish()


async def test_a_stream_goes_out_piece_by_piece(edge: Edge) -> None:
    go_on = asyncio.Event()

    async def slowly(_: Head, sink: Sink) -> None:
        await sink.start(200, STREAM)
        await sink.write(b"data: 1\n\n")
        await go_on.wait()
        await sink.finish()

    edge.serve = slowly
    caller = await edge.send(GET)
    async with asyncio.timeout(5):
        head = await caller.reader.readuntil(b"data: 1\n\n\r\n")
        assert b"transfer-encoding: chunked" in head.lower()
        go_on.set()
        assert await caller.reader.readexactly(5) == b"0\r\n\r\n"


async def test_a_stream_to_an_old_client_ends_with_its_connection(edge: Edge) -> None:
    edge.serve = stream
    caller = await edge.send(b"GET / HTTP/1.0\r\n\r\n")
    head, _, body = (await caller.rest()).partition(b"\r\n\r\n")
    assert body == b"data: 1\n\ndata: 2\n\n"
    assert b"chunked" not in head


@pytest.mark.parametrize("end", ["cut", "error"])
async def test_a_stream_that_is_cut_has_no_end(edge: Edge, end: str) -> None:
    async def cut(_: Head, sink: Sink) -> None:
        await sink.start(200, STREAM)
        await sink.write(b"data: 1\n\n")
        if end == "error":
            raise ZeroDivisionError("a bug")
        sink.cut()
        assert sink.gone
        await sink.write(b"data: 2\n\n")
        await sink.finish()

    edge.serve = cut
    caller = await edge.send(GET)
    try:
        told = await caller.rest()
    except ConnectionResetError:
        assert end == "error", "what was sent before a cut arrives"
        return
    assert b"data: 2" not in told
    assert not told.endswith(b"0\r\n\r\n")
    assert told.count(b"HTTP/1.1") <= 1, "no second head stands in the body"


@pytest.mark.parametrize("end", ["cut", "error"])
async def test_without_chunks_only_a_reset_tells_a_cut_from_an_end(edge: Edge, end: str) -> None:
    go_on = asyncio.Event()

    async def cut(_: Head, sink: Sink) -> None:
        await sink.start(200, STREAM)
        await sink.write(b"data: 1\n\n")
        await go_on.wait()
        if end == "error":
            raise ZeroDivisionError("a bug")
        sink.cut()

    edge.serve = cut
    caller = await edge.send(b"GET / HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(5):
        await caller.reader.readuntil(b"data: 1\n\n")
    go_on.set()
    with pytest.raises(ConnectionResetError):
        await caller.rest()


async def test_an_answer_has_one_head(edge: Edge) -> None:
    async def twice(_: Head, sink: Sink) -> None:
        await sink.send(200, [], b"one")
        await sink.send(500, [], b"two")
        await sink.start(500, [])

    edge.serve = twice
    caller = await edge.send(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    told = await caller.rest()
    assert (told.count(b"HTTP/1.1"), told.endswith(b"one")) == (1, True)


async def test_a_fault_before_the_head_is_500_without_its_words(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    async def breaks(_: Head, __: Sink) -> None:
        raise ZeroDivisionError(SECRET.decode())

    edge.serve = breaks
    status, headers, body = await edge.ask(GET)
    assert (status, headers["faregate-refusal"], headers["server"]) == (500, "internal_error", "faregate")
    assert json.loads(body)["error"]["code"] == "internal_error"
    assert SECRET not in body
    assert "the edge failed on a request" in caplog.text


# --- Callers who leave, or do not listen


async def test_who_hangs_up_is_noticed_and_its_call_goes_on(edge: Edge) -> None:
    told, seen = asyncio.Event(), []

    async def watch(_: Head, sink: Sink) -> None:
        sink.when_gone(told.set)
        seen.append(sink.gone)
        await sink.start(200, STREAM)
        await sink.write(b"data: 1\n\n")
        await told.wait()
        seen.append(sink.gone)
        await sink.write(b"data: 2\n\n")
        await sink.finish()
        seen.append("to its end")

    edge.serve = watch
    caller = await edge.send(GET)
    async with asyncio.timeout(5):
        await caller.reader.readuntil(b"data: 1\n\n")
    caller.reset()
    await edge.until_over()
    assert seen == [False, True, "to its end"]


async def test_who_has_left_before_one_asks_is_told_at_once(edge: Edge) -> None:
    left, gone, again = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def late(_: Head, sink: Sink) -> None:
        sink.when_gone(left.set)
        await left.wait()
        sink.when_gone(gone.set)
        again.set()

    edge.serve = late
    caller = await edge.send(GET)
    await asyncio.sleep(0.05)
    caller.reset()
    await edge.until_over()
    assert (again.is_set(), gone.is_set()) == (True, True)


async def test_a_connection_that_ends_after_its_call_tells_nobody(edge: Edge) -> None:
    told: list[str] = []

    async def answer(_: Head, sink: Sink) -> None:
        sink.when_gone(lambda: told.append("gone"))
        await sink.send(200, [], b"")

    edge.serve = answer
    caller = await edge.send(GET)
    await caller.answer()
    caller.reset()
    other = await edge.send(GET)
    await other.answer()
    assert told == []


async def test_who_stops_reading_is_cut_off(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    written = []

    async def flood(_: Head, sink: Sink) -> None:
        await sink.start(200, STREAM)
        for number in range(1000):
            await sink.write(b"x" * 100_000)
            written.append(number)
            if sink.gone:
                return

    edge.serve = flood
    with caplog.at_level(logging.INFO):
        await edge.send(GET)  # the caller's own buffer takes some of it, and then nobody reads
        await edge.until_over()
    assert len(written) < 1000
    assert "a caller stopped reading and was cut off" in caplog.text


# --- What is no HTTP


@pytest.mark.parametrize(
    "data",
    [
        SECRET + b"\r\n\r\n",
        b"GET /" + SECRET + b" HTTP/9.9\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nBad\x00Name: " + SECRET + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: " + SECRET * 300 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + SECRET + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04\x00\x00\x00\x00\x00" + SECRET,
    ],
    ids=["words", "version", "header name", "long header", "length", "TLS", "gRPC"],
)
async def test_what_is_no_http_is_answered_in_our_words_alone(
    edge: Edge, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    with caplog.at_level(logging.DEBUG):
        caller = await edge.send(data)
        told = await caller.rest()
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert json.loads(body)["error"]["message"] == (
        "The request is not valid HTTP/1.1. HTTP/2 is not spoken here, and so no gRPC: use the provider's REST API."
    )
    assert b"faregate-refusal: malformed_request" in head
    assert SECRET not in told
    assert edge.heads == [], "no call came of it"
    assert SECRET.decode() not in caplog.text


# --- Connections that end, and the end of all


async def test_a_head_that_does_not_come(edge: Edge) -> None:
    caller = await edge.send(GET[:8])
    told = await caller.rest()
    assert told.startswith(b"HTTP/1.1 408 ")
    assert json.loads(told.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"
    silent = await edge.send()
    assert await silent.rest() == b""


async def test_a_refusal_arrives_while_the_caller_still_sends(edge: Edge) -> None:
    async def refuse(_: Head, sink: Sink) -> None:
        await sink.send(401, [], b"no")

    edge.serve = refuse
    for connection in (b"keep-alive", b"close"):
        head = POST + b"Connection: %b\r\nContent-Length: 3000000\r\n\r\n" % connection
        assert (await edge.ask(head + b"x" * 3_000_000))[0] == 401


async def test_time_is_kept_only_while_there_are_connections() -> None:
    server = EdgeServer(echo, LIMITS, Commons(1500))
    assert not server.sweeping
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    caller = Caller(*await asyncio.open_connection(*listener.sockets[0].getsockname()))
    caller.writer.write(GET)
    await caller.answer()
    assert (server.sweeping, len(server.connections)) == (True, 1)
    caller.reset()
    await asyncio.sleep(4 * LIMITS.look_s)
    assert (server.sweeping, server.connections) == (False, [])
    listener.close()


@contextlib.asynccontextmanager
async def shut_down(serve: Serve, patience_s: float) -> AsyncIterator[tuple[Caller, Caller, asyncio.Task[None]]]:
    """Yield a caller whose call has begun, one who has said nothing, and the shutdown that is under way."""
    begun = asyncio.Event()

    async def tell(head: Head, sink: Sink) -> None:
        begun.set()
        await serve(head, sink)

    runner = edge_runner(tell, LIMITS, shutdown_timeout=patience_s)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    at = runner.addresses[0]
    idle, busy = [Caller(*await asyncio.open_connection(*at)) for _ in range(2)]
    busy.writer.write(GET)
    await begun.wait()
    async with asyncio.TaskGroup() as tasks:
        ending = tasks.create_task(runner.cleanup())
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*at)
        yield busy, idle, ending
    for caller in (idle, busy):
        caller.writer.transport.abort()


async def test_a_shutdown_lets_running_calls_be_answered() -> None:
    go_on = asyncio.Event()

    async def wait(_: Head, sink: Sink) -> None:
        await go_on.wait()
        await sink.send(200, [], b"done")

    async with shut_down(wait, patience_s=5) as (busy, idle, ending), asyncio.timeout(3):
        assert await idle.rest() == b""
        assert not ending.done()
        go_on.set()
        status, headers, body = await busy.answer()
        assert (status, headers["connection"], body) == (200, "close", b"done")
        await ending


async def test_a_shutdown_breaks_off_what_does_not_end_and_sees_the_call_out() -> None:
    seen = []

    async def hang(_: Head, sink: Sink) -> None:
        await sink.start(200, STREAM)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            seen.append(sink.gone)

    async with shut_down(hang, patience_s=0.1) as (busy, _, ending):
        await ending
        assert seen == [True]
        assert not (await busy.rest()).endswith(b"0\r\n\r\n")


async def test_a_shutdown_waits_for_a_call_whose_caller_has_left() -> None:
    left, go_on, seen = asyncio.Event(), asyncio.Event(), []

    async def outlive(_: Head, sink: Sink) -> None:
        sink.when_gone(left.set)
        await go_on.wait()
        seen.append(sink.gone)

    async with shut_down(outlive, patience_s=5) as (busy, _, ending), asyncio.timeout(3):
        busy.reset()
        await left.wait()
        await asyncio.sleep(0.05)
        assert not ending.done()
        go_on.set()
        await ending
    assert seen == [True]
