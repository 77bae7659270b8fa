"""What goes over one connection, both ways, however it is cut into packets."""

import asyncio
from itertools import pairwise
from typing import Any, cast

import pytest
from doubles.scripted import HOLD, OK, PATIENCE, close, house, read_all, request, reset, says
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proxy.upstream.client import Patience
from proxy.upstream.connection import WRITTEN_AT_ONCE, Connection
from proxy.upstream.door import Failure, UpstreamFailed

# --- Heads of every kind


async def test_informational_answers_are_skipped() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with house(says(b"HTTP/1.1 100 Continue\r\n\r\n", hints, hints + OK)) as (client, provider):
        for _ in range(2):
            answer = await client.send(request(), HOLD)
            assert (answer.status, list(answer.headers)) == (200, [("Content-Length", "2")])
            assert await read_all(answer) == b"{}"
        assert provider.connections == 1


@pytest.mark.parametrize("headers", [b"", b"Connection: upgrade\r\nUpgrade: websocket\r\n"])
async def test_a_switch_of_protocols_is_no_answer(headers: bytes) -> None:
    async with house(says(b"HTTP/1.1 101 Switching\r\n" + headers + b"\r\n" + OK)) as (client, _):
        with pytest.raises(UpstreamFailed) as caught:
            await client.send(request(), HOLD)
        assert (caught.value.failure, caught.value.sent) == (Failure.DISCONNECTED, True)


async def test_trailers_are_read_over() -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Sum: 1\r\nX-Two: 2\r\n\r\n"
    async with house(says(chunks)) as (client, provider):
        for _ in range(2):
            answer = await client.send(request(), HOLD)
            assert await read_all(answer) == b"{}"
            assert answer.framed
        assert provider.connections == 1


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", b"200 OK"), ("GET", b"204 No Content"), ("GET", b"304 Not Modified")]
)
async def test_answers_without_a_body(method: str, status: bytes) -> None:
    async with house(says(b"HTTP/1.1 %b\r\nContent-Length: 5\r\n\r\n" % status)) as (client, provider):
        for _ in range(2):
            answer = await client.send(request(body=b"", method=method), HOLD)
            assert answer.framed
            assert await read_all(answer) == b""
        assert provider.connections == 1


@pytest.mark.parametrize("headers", [b"X-Big: " + b"a" * 100_000 + b"\r\n", b"X-Many: 1\r\n" * 1000])
async def test_a_head_that_is_too_large_is_a_failure(headers: bytes) -> None:
    async with house(says(b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: 0\r\n\r\n")) as (client, _):
        with pytest.raises(UpstreamFailed) as caught:
            await client.send(request(), HOLD)
        assert (caught.value.failure, caught.value.sent) == (Failure.DISCONNECTED, True)


# --- Patience


async def test_a_head_that_drips_is_not_waited_for_longer() -> None:
    async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not writer.is_closing():
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with house(drips, structs.replace(PATIENCE, answer_s=0.1)) as (client, _):
        async with asyncio.timeout(2):
            with pytest.raises(UpstreamFailed) as caught:
                await client.send(request(), HOLD)
        assert (caught.value.failure, caught.value.sent) == (Failure.NO_ANSWER, True)


async def test_pieces_that_keep_coming_are_no_stall() -> None:
    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _piece in range(10):
            await asyncio.sleep(0.05)
            writer.write(b".")

    async with house(slowly, Patience(connect_s=2.0, answer_s=0.3, stall_s=0.3)) as (client, _):
        assert await read_all(await client.send(request(), HOLD)) == b"." * 10


async def test_a_stall_is_shorter_than_the_wait_for_the_head_and_follows_a_pause_too() -> None:
    """The first answer stalls after its head; the second just as the provider was made to wait."""
    for size in (4, 600_000):
        stalls = says(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"a" * size)
        async with house(stalls, Patience(connect_s=2.0, answer_s=20.0, stall_s=0.2)) as (client, _):
            answer = await client.send(request(), HOLD)
            await asyncio.sleep(0.05)
            assert answer._connection._reading_paused is (size > 4)
            got = 0
            while got < size:
                got += len(await answer.read())
            with pytest.raises(UpstreamFailed) as caught:
                await asyncio.wait_for(answer.read(), 2)
            assert caught.value.failure is Failure.STALLED


async def test_our_own_slowness_is_no_stall() -> None:
    size = 8_000_000
    large = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size
    async with house(says(large), structs.replace(PATIENCE, stall_s=0.1)) as (client, provider):
        answer = await client.send(request(), HOLD)
        await asyncio.sleep(0.3)
        assert answer._connection._reading_paused, "the provider is made to wait"
        assert len(await read_all(answer)) == size
        assert len(await read_all(await client.send(request(), HOLD))) == size
        assert provider.connections == 1


async def test_what_came_before_a_break_is_read_before_the_break_is_told() -> None:
    """It may hold the usage. Here all of it, and the break, have arrived before anybody reads."""
    broken = says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", then=close)
    async with house(broken) as (client, provider):
        answer = await client.send(request(), HOLD)
        await provider.ended(0)
        assert await answer.read() == b"half"
        for _ in range(2):
            with pytest.raises(UpstreamFailed) as caught:
                await answer.read()
            assert (caught.value.failure, caught.value.sent) == (Failure.CUT, True)


async def test_a_close_delimited_answer_that_is_reset_is_a_cut() -> None:
    go = asyncio.Event()

    async def breaks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await go.wait()
        reset(writer)

    async with house(breaks) as (client, _):
        answer = await client.send(request(), HOLD)
        assert await answer.read() == b"half"
        go.set()
        with pytest.raises(UpstreamFailed) as caught:
            await answer.read()
        assert caught.value.failure is Failure.CUT


# --- Uploads


async def test_a_large_body_goes_out_no_faster_than_it_is_read() -> None:
    body = bytes(range(256)) * 20_000
    got, waiting = bytearray(), []

    async def reads_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while len(got) < len(body):
            got.extend(await reader.read(50_000))
            waiting.append(transport().get_write_buffer_size())
            await asyncio.sleep(0)
        writer.write(OK)

    async with house(reads_slowly) as (client, provider):
        provider.reads_bodies = False

        def transport() -> asyncio.Transport:
            assert client._routes is not None
            connection = next(iter(client._routes["acme"].pool._open))
            assert connection.transport is not None
            return connection.transport

        for _ in range(2):
            got.clear()
            assert await read_all(await client.send(request(body=body), HOLD)) == b"{}"
            assert got == body
        assert provider.connections == 1
        assert max(waiting) <= WRITTEN_AT_ONCE + 2**16, "what we keep of a body that does not leave"


async def test_a_refusal_ends_an_upload_that_nobody_reads() -> None:
    go = asyncio.Event()

    async def refuses(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n")
        await go.wait()
        writer.write(b"no")

    async with house(refuses) as (client, provider):
        provider.reads_bodies = False
        answer = await client.send(request(body=b"a" * 20_000_000), HOLD)
        assert answer.status == 413
        go.set()
        connection = answer._connection
        assert await read_all(answer) == b"no"
        assert not connection.usable, "half a request is not followed by another one"


async def test_an_answer_that_begins_early_does_not_end_the_upload() -> None:
    async def both_ways(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await writer.drain()
        await reader.readexactly(20_000_000)
        writer.write(b"{}")

    async with house(both_ways) as (client, provider):
        provider.reads_bodies = False
        for _ in range(2):
            assert await read_all(await client.send(request(body=b"a" * 20_000_000), HOLD)) == b"{}"
        assert provider.connections == 1


@pytest.mark.parametrize("end", [close, reset])
async def test_a_connection_that_ends_during_an_upload_may_have_brought_the_call(end: Any) -> None:
    async with house(says(then=end)) as (client, provider):
        provider.reads_bodies = False
        with pytest.raises(UpstreamFailed) as caught:
            await client.send(request(body=b"a" * 20_000_000), HOLD)
        assert (caught.value.failure, caught.value.sent) == (Failure.DISCONNECTED, True)


async def test_an_upload_that_nobody_reads_is_given_up() -> None:
    given_up = asyncio.Event()

    async def idles(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await given_up.wait()
        writer.transport.abort()

    async with house(idles, structs.replace(PATIENCE, answer_s=0.1)) as (client, provider):
        provider.reads_bodies = False
        with pytest.raises(UpstreamFailed) as caught:
            await client.send(request(body=b"a" * 20_000_000), HOLD)
        given_up.set()
        assert (caught.value.failure, caught.value.sent) == (Failure.NO_ANSWER, True)


# --- However it is cut


class Wire:
    """A transport that keeps what is written and counts how often it is closed."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, _: str) -> None:
        return None


async def test_half_a_request_is_not_followed_by_another_one_even_if_it_has_left() -> None:
    wire = Wire()
    connection = Connection(asyncio.get_running_loop(), 1.0, 1.0, lambda _: None)
    connection.connection_made(cast("asyncio.Transport", wire))
    asking = asyncio.get_running_loop().create_task(connection.exchange(b"", b"a" * 1_000_000, bodiless=False))
    connection.pause_writing()
    await asyncio.sleep(0)
    connection.data_received(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    assert (await asking).code == 413
    assert len(wire.written) == WRITTEN_AT_ONCE
    assert not connection.rest()
    connection.connection_lost(None)


CHUNKED = (
    b"HTTP/1.1 103 Early\r\nA: b\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n"
)
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde"


@given(text=st.sampled_from([PLAIN, CHUNKED]), cuts=st.sets(st.integers(1, 110)), more=st.sampled_from([b"", b"H"]))
def test_packets_do_not_matter(text: bytes, cuts: set[int], more: bytes) -> None:
    async def receive() -> None:
        wire = Wire()
        connection = Connection(asyncio.get_running_loop(), 1.0, 1.0, lambda _: None)
        connection.connection_made(cast("asyncio.Transport", wire))
        asking = asyncio.get_running_loop().create_task(connection.exchange(b"head ", b"body", bodiless=False))
        await asyncio.sleep(0)
        assert wire.written == b"head body"
        whole = text + more
        places = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
        for start, end in pairwise(places):
            assert not connection.rest()
            connection.data_received(whole[start:end])
        assert (await asking).code == 200
        assert await connection.payload.readany() == b"abcde"
        assert connection.rest() is (more == b""), "only what ended cleanly serves again"
        connection.connection_lost(None)

    asyncio.run(receive())
