"""One call's side of a connection: what is written for which answer, and what it makes of a body."""

import asyncio
from collections.abc import Sequence

import pytest
from doubles.wire import LIMITS, Talk, Wire, echo, refuse, settle
from msgspec import structs

from proxy.calls.head import Head
from proxy.calls.sink import Sink
from proxy.errors import Refused
from proxy.web.limits import Commons
from proxy.web.sink import JOINED_BYTES_MAX, PACE_BYTES

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"


def streams(*pieces: bytes, status: int = 200, end: str = "finish") -> Talk:
    """Return a connection whose calls stream."""

    async def stream(_: Head, sink: Sink) -> None:
        await sink.start(status, [("a", "b")])
        for piece in pieces:
            await sink.write(piece)
        if end == "finish":
            await sink.finish()
            await sink.finish()
            await sink.write(b"after the end")
        else:
            sink.cut()

    return Talk(stream)


def body_of(told: bytes) -> bytes:
    return told.partition(b"\r\n\r\n")[2]


async def test_an_answer_is_one_write() -> None:
    talk = Talk(echo)
    await talk.say(POST + b"Content-Length: 4\r\n\r\nbody")
    [answer] = talk.wire.written
    assert answer.startswith(b"HTTP/1.1 200 OK\r\nx-target: /\r\n")
    assert answer.endswith(b"Content-Length: 4\r\n\r\nbody")


async def test_small_chunks_are_one_write_and_large_ones_are_not_copied() -> None:
    small, large = b"s" * JOINED_BYTES_MAX, b"l" * (JOINED_BYTES_MAX + 1)
    talk = streams(small, b"", large)
    await talk.say(GET)
    head, *rest = talk.wire.written
    assert b"Transfer-Encoding: chunked\r\n" in head
    assert rest == [b"8000\r\n" + small + b"\r\n", b"8001\r\n", large, b"\r\n", b"0\r\n\r\n"]
    assert not talk.wire.closed


@pytest.mark.parametrize(("data", "status"), [(HEAD, 200), (GET, 204), (GET, 304)])
async def test_an_answer_that_has_no_body(data: bytes, status: int) -> None:
    talk = streams(b"piece", status=status)
    told = await talk.say(data)
    assert body_of(told) == b""
    assert b"Transfer-Encoding" not in told
    talk.serve = lambda _, sink: sink.send(status, [], b"body")
    told = await talk.say(data)
    assert body_of(told) == b""
    assert (b"Content-Length: 4\r\n" in told) is (status == 200)
    assert not talk.wire.closed


async def test_an_old_caller_gets_no_chunks_and_its_connection_ends() -> None:
    talk = streams(b"one", b"two")
    told = await talk.say(OLD)
    assert body_of(told) == b"onetwo"
    assert b"Connection: close\r\n" in told
    assert b"Transfer-Encoding" not in told
    assert (talk.wire.closed, talk.wire.aborted) == (True, False)


async def test_an_old_caller_may_not_keep_its_connection() -> None:
    talk = Talk(echo)
    told = await talk.say(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert b"Connection: close\r\n" in told
    assert talk.wire.closed


@pytest.mark.parametrize(("data", "reset"), [(GET, False), (OLD, True)])
async def test_a_cut_is_a_reset_where_nothing_frames_the_body(data: bytes, reset: bool) -> None:
    talk = streams(b"one", end="cut")
    told = await talk.say(data)
    assert b"0\r\n\r\n" not in told
    assert (talk.wire.closed, talk.wire.aborted) == (True, reset)


async def test_a_whole_answer_that_was_sent_is_not_reset_by_a_cut() -> None:
    async def both(_: Head, sink: Sink) -> None:
        await sink.send(200, [], b"body")
        sink.cut()

    for data in (GET, OLD):
        talk = Talk(both)
        await talk.say(data)
        assert (talk.wire.closed, talk.wire.aborted) == (True, False)


async def test_a_head_that_cannot_be_sent_leaves_room_for_another() -> None:
    async def second(_: Head, sink: Sink) -> None:
        for begin in (sink.send(200, [("a", "b\r\n")], b""), sink.start(200, [("a", "b\r\n")])):
            with pytest.raises(ValueError, match="line break"):
                await begin
        assert not sink.started
        await sink.send(500, [], b"")

    talk = Talk(second)
    assert (await talk.say(GET)).startswith(b"HTTP/1.1 500 ")


async def test_nothing_is_written_to_who_is_gone() -> None:
    go_on = asyncio.Event()

    async def late(_: Head, sink: Sink) -> None:
        await go_on.wait()
        assert sink.gone
        await sink.send(200, [], b"")
        await sink.start(200, [])
        assert not sink.started

    talk = Talk(late)
    await talk.say(GET)
    talk.hang_up()
    go_on.set()
    await settle()
    assert (talk.wire.written, talk.gone) == ([], True)


# --- Callers who read slowly


def full(wire: Wire, talk: Talk) -> None:
    """Let the caller's buffers be full."""
    wire.unread = 100_000
    talk.line.pause_writing()


@pytest.mark.parametrize("how", ["send", "start", "write"])
async def test_whoever_writes_waits_while_the_caller_does_not_read(how: str) -> None:
    passed, go_on = [], asyncio.Event()

    async def write(_: Head, sink: Sink) -> None:
        if how == "write":
            await sink.start(200, [])
        full(talk.wire, talk)
        await {"send": lambda: sink.send(200, [], b"x"), "start": lambda: sink.start(200, [])}.get(
            how, lambda: sink.write(b"x")
        )()
        passed.append(sink.gone)
        await go_on.wait()
        await sink.finish()

    talk = Talk(write)
    await talk.say(GET)
    assert passed == []
    assert talk.left_s() == pytest.approx(LIMITS.caller_stall_s, abs=1)
    talk.line.resume_writing()
    await settle()
    assert passed == [False]
    assert talk.left_s() == float("inf")
    go_on.set()


# --- Bodies


def parts(data: bytes, *at: int) -> Sequence[bytes]:
    """Split at some places."""
    return [data[begin:end] for begin, end in zip((0, *at), (*at, None), strict=True)]


async def test_who_is_told_to_go_on() -> None:
    expects = POST + b"Expect: 100-Continue\r\nContent-Length: 4\r\n\r\n"
    talk = Talk(echo)
    assert await talk.say(expects) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await talk.say(b"body")).endswith(b"\r\n\r\nbody")
    assert b"100 Continue" not in await talk.say(expects + b"body"), "it is here already"
    assert b"100 Continue" not in await talk.say(expects + b"bo", b"dy"), "it is on its way already"
    old = Talk(echo)
    assert await old.say(expects.replace(b"1.1", b"1.0")) == b"", "HTTP/1.0 knows no such thing"


async def test_who_waits_to_be_told_and_is_refused_cannot_keep_its_connection() -> None:
    expects = POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    talk = Talk(refuse)
    assert b"Connection: close\r\n" in await talk.say(expects)
    assert (talk.wire.ended, talk.wire.closed) == (True, False)
    whole = Talk(refuse)
    assert b"Connection: close\r\n" not in await whole.say(expects + b"body")


async def test_a_body_may_pause_for_so_long_between_two_pieces() -> None:
    talk = Talk(echo)
    for piece in (POST + b"Content-Length: 6\r\n\r\n", b"ab", b"cd"):
        await talk.say(piece)
        assert talk.left_s() == pytest.approx(LIMITS.body_timeout_s, abs=1)
    told = await talk.too_late()
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close\r\n" in told
    assert talk.wire.ended


@pytest.mark.parametrize(("size", "status"), [(10 * PACE_BYTES - 2, 408), (11 * PACE_BYTES, 200)])
async def test_a_body_that_only_drips_is_not_waited_for_however_short_its_pauses(size: int, status: int) -> None:
    talk = Talk(echo, limits=structs.replace(LIMITS, body_timeout_s=-10))  # ten seconds longer than it may pause
    told = await talk.say(POST + b"Content-Length: %d\r\n\r\n" % size, b"x" * (size - 1), b"x")
    assert told.startswith(b"HTTP/1.1 %d " % status)


async def test_bodies_share_their_room_and_give_it_back() -> None:
    go_on = asyncio.Event()

    async def later(head: Head, sink: Sink) -> None:
        await echo(head, sink)
        await go_on.wait()

    commons = Commons(1_000)
    talks = [Talk(later, commons=commons) for _ in range(3)]
    request = (POST + b"Content-Length: 600\r\n\r\n", b"x" * 600)
    told = [await talk.say(*request) for talk in talks[:2]]
    assert [each[9:12] for each in told] == [b"200", b"503"]
    assert b"overloaded" in told[1]
    assert not commons.take(401)
    talks[1].hang_up()
    go_on.set()
    await settle()
    assert (await talks[2].say(*request))[9:12] == b"200"
    assert commons.take(1_000)


async def test_a_body_that_comes_with_its_head_takes_no_room() -> None:
    talk = Talk(echo, commons=Commons(0))
    assert (await talk.say(POST + b"Content-Length: 4\r\n\r\nbody"))[9:12] == b"200"


async def test_a_body_that_ends_in_the_last_moment_is_whole() -> None:
    talk = Talk(echo)
    await talk.say(POST + b"Content-Length: 4\r\n\r\n")
    talk.line.data_received(b"body")
    talk.line.late()
    await settle()
    assert talk.wire.told.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("framing", "body", "keeps"),
    [
        (b"Content-Length: 11\r\n\r\n", b"x" * 11, True),
        (b"Content-Length: 11\r\n\r\n", b"x" * 10, False),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"b\r\n" + b"x" * 11, False),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"b\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n", True),
    ],
    ids=["whole", "said", "chunk", "whole chunks"],
)
async def test_a_body_too_large_ends_the_connection_unless_it_has_come(
    framing: bytes, body: bytes, keeps: bool
) -> None:
    talk = Talk(echo, limits=structs.replace(LIMITS, body_bytes_max=10))
    told = await talk.say(POST + framing + body)
    assert told.startswith(b"HTTP/1.1 413 ")
    assert (b"Connection: close\r\n" not in told) is keeps
    assert talk.wire.ended is not keeps


async def test_a_large_body_is_read_as_it_comes() -> None:
    body = bytes(range(256)) * 2000
    talk = Talk(echo)
    data = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    told = await talk.say(*parts(data, 1_000, 300_000, 500_000))
    assert body_of(told) == body
    assert talk.wire.pauses == 0, "whoever reads it makes nobody wait"


async def test_a_body_that_nobody_reads_yet_is_not_taken_without_end() -> None:
    go_on = asyncio.Event()

    async def later(head: Head, sink: Sink) -> None:
        await go_on.wait()
        await echo(head, sink)

    talk = Talk(later)
    body = b"x" * 400_000
    await talk.say(POST + b"Content-Length: 400000\r\n\r\n" + body[:200_000])
    assert talk.wire.paused
    go_on.set()
    await settle()
    assert not talk.wire.paused
    assert body_of(await talk.say(body[200_000:])) == body


async def test_a_body_that_breaks_off_later() -> None:
    talk = Talk(echo)
    await talk.say(POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n")
    told = await talk.say(b"nonsense\r\n")
    assert told.startswith(b"HTTP/1.1 400 ")
    assert b"faregate-refusal: malformed_request\r\n" in told
    assert talk.wire.ended
    assert await talk.say(b"more nonsense") == b""


@pytest.mark.parametrize("end", ["nonsense", "hang up"])
async def test_a_chunk_that_ends_together_with_the_body_s_hope(end: str) -> None:
    codes = []

    async def note(_: Head, sink: Sink) -> None:
        with pytest.raises(Refused) as caught:
            await sink.read_body()
        codes.append(caught.value.refusal.code)
        await sink.send(400, [], b"")

    talk = Talk(note)
    await talk.say(POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx")
    talk.line.data_received(b"\r\nnonsense" if end == "nonsense" else b"\r\n")
    if end == "hang up":
        talk.hang_up()
    await settle()
    assert codes == ["malformed_request"]
