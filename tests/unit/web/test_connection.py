"""Requests on one connection: in order, each once, however they are cut into packets, and none that is not there."""

import asyncio
import gc
import json
import logging
from itertools import pairwise
from typing import Any

import pytest
from doubles.wire import LIMITS, Talk, echo, refuse, settle
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proxy.calls.head import Head
from proxy.calls.sink import Sink
from proxy.errors import Refused
from proxy.web.connection import AHEAD_BYTES_MAX, KEEPALIVE_S
from proxy.web.line import LINGER_BYTES, LINGER_S

GET = b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"
NO_HTTP = b"canary\r\n\r\n"
TARGETS = ("/", "/1", "/openai/v1/x?a=%zz", "//a", "*", "http://h/x", "/\xe9", "/" + "long" * 100)


def statuses(told: bytes) -> list[int]:
    return [int(part[:3]) for part in told.split(b"HTTP/1.1 ")[1:]]


def code_of(told: bytes) -> Any:
    return json.loads(told.rpartition(b"\r\n\r\n")[2])["error"]["code"]


# --- One after the other


async def test_a_pipeline_is_answered_in_its_order() -> None:
    talk = Talk(echo)
    told = await talk.say(GET + POST + GET.replace(b"/1 ", b"/3 "))
    assert [head.target for head in talk.heads] == ["/1", "/2", "/3"]
    assert [line for line in told.split(b"\r\n") if line.startswith(b"x-target")] == [
        b"x-target: /1",
        b"x-target: /2",
        b"x-target: /3",
    ]


def held(go_on: asyncio.Event) -> Talk:
    """Return a connection whose calls wait."""

    async def wait(head: Head, sink: Sink) -> None:
        await go_on.wait()
        await echo(head, sink)

    return Talk(wait)


async def test_a_request_waits_for_the_one_before_it() -> None:
    go_on = asyncio.Event()
    talk = held(go_on)
    assert await talk.say(GET + POST[:10], POST[10:50], POST[50:] + GET) == b""
    assert len(talk.heads) == 1
    go_on.set()
    await settle()
    assert (len(talk.heads), statuses(talk.wire.told)) == (3, [200, 200, 200])


async def test_two_requests_are_never_served_at_once() -> None:
    serving: list[str] = []

    async def slowly(head: Head, sink: Sink) -> None:
        serving.append(head.target)
        assert len(serving) == 1
        await settle()
        serving.clear()
        await echo(head, sink)

    talk = Talk(slowly)
    await talk.say(GET + POST + GET, POST + GET, POST)
    for _ in range(10):
        await settle()
    assert [head.target for head in talk.heads] == ["/1", "/2", "/1", "/2", "/1", "/2"]
    assert statuses(talk.wire.told) == [200] * 6


async def test_what_comes_ahead_is_bounded_and_still_served() -> None:
    go_on = asyncio.Event()
    talk = held(go_on)
    ahead = GET * (AHEAD_BYTES_MAX // len(GET) + 1)
    await talk.say(GET, ahead[: AHEAD_BYTES_MAX // 2])
    assert not talk.wire.paused
    await talk.say(ahead[AHEAD_BYTES_MAX // 2 :], ahead)
    assert talk.wire.paused
    go_on.set()
    while len(talk.heads) < 1 + 2 * ahead.count(GET):
        await settle()
        assert not talk.wire.paused or len(talk.heads) < 10, "what waits in the parser comes first"
    assert statuses(talk.wire.told) == [200] * len(talk.heads)
    assert not talk.wire.paused


@pytest.mark.parametrize("split", [False, True])
async def test_what_is_no_http_is_refused_after_what_came_before_it(split: bool) -> None:
    talk = Talk(echo)
    told = await talk.say(*([GET, POST, NO_HTTP] if split else [GET + POST + NO_HTTP]))
    assert (statuses(told), code_of(told)) == ([200, 200, 400], "malformed_request")
    assert b"canary" not in told
    assert talk.wire.ended
    assert await talk.say(GET) == b""
    assert len(talk.heads) == 2


@pytest.mark.parametrize("line", [b"GET / HTTP/2.0", b"GET / HTTP/0.9", b"GET / HTTP/1.2"])
async def test_another_version_is_no_http(line: bytes) -> None:
    talk = Talk(echo)
    assert code_of(await talk.say(GET.replace(b"GET /1 HTTP/1.1", line))) == "malformed_request"
    assert talk.heads == []


@pytest.mark.parametrize(
    "headers",
    [b"Connection: close", b"Connection: Upgrade\r\nUpgrade: websocket", b"Connection: Upgrade\r\nUpgrade: h2c"],
)
@pytest.mark.parametrize(
    "data", [GET, POST, b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"], ids=["GET", "POST", "CONNECT"]
)
async def test_no_request_follows_one_that_ends_the_connection(headers: bytes, data: bytes) -> None:
    talk = Talk(echo)
    told = await talk.say(data.replace(b"Host: h", b"Host: h\r\n" + headers) + GET, GET)
    assert (statuses(told), len(talk.heads)) == ([200], 1)
    assert b"Connection: close\r\n" in told
    assert talk.wire.closed or talk.wire.ended


# --- A body that nobody wanted


async def test_the_rest_of_an_unwanted_body_is_dropped_and_the_next_request_served() -> None:
    talk = Talk(refuse)
    told = await talk.say(POST[:-3], POST[-3:-1], POST[-1:] + GET)
    assert statuses(told) == [401, 401]
    assert b"Connection: close" not in told
    assert [head.target for head in talk.heads] == ["/2", "/1"]


async def test_the_rest_of_an_unwanted_body_is_not_waited_for_long() -> None:
    talk = Talk(refuse)
    await talk.say(POST[:-1])
    assert talk.left_s() == pytest.approx(LINGER_S, abs=1)
    await talk.too_late()
    assert talk.wire.ended


async def test_an_unwanted_body_is_not_dropped_without_end() -> None:
    talk = Talk(refuse)
    await talk.say(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (LINGER_BYTES * 2))
    piece = b"x" * (LINGER_BYTES // 4)
    await talk.say(*[piece] * 3)
    assert not talk.wire.ended
    await talk.say(piece, piece)
    assert talk.wire.ended
    await talk.say(*[piece] * 5)
    assert talk.wire.closed


async def test_an_unwanted_body_that_is_badly_framed_ends_the_connection() -> None:
    talk = Talk(refuse)
    await talk.say(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", b"nonsense")
    assert statuses(talk.wire.told) == [401]
    assert talk.wire.ended


# --- Time


async def test_a_head_has_a_time_from_the_connection_and_later_from_its_first_byte() -> None:
    talk = Talk(echo)
    first = talk.line.deadline
    assert talk.left_s() == pytest.approx(LIMITS.head_timeout_s, abs=1)
    await talk.say(GET[:5], GET[5:9])
    assert talk.line.deadline == first, "a drip does not move it"
    await talk.say(GET[9:])
    assert talk.left_s() == pytest.approx(KEEPALIVE_S, abs=1)
    await talk.say(GET[:5])
    assert talk.left_s() == pytest.approx(LIMITS.head_timeout_s, abs=1)
    second = talk.line.deadline
    await talk.say(GET[5:9])
    assert talk.line.deadline == second
    told = await talk.too_late()
    assert (statuses(told), code_of(told)) == ([408], "request_timeout")
    assert [each.code for each in talk.refused] == ["request_timeout"], "it is counted, though no call came of it"
    assert talk.wire.ended
    await talk.too_late()
    assert talk.wire.closed


async def test_who_says_nothing_is_let_go_without_a_word() -> None:
    silent, idle = Talk(echo), Talk(echo)
    await idle.say(GET)
    for talk in (silent, idle):
        assert await talk.too_late() == b""
        assert (talk.wire.closed, talk.wire.aborted) == (True, False)


async def test_a_call_has_no_deadline_here() -> None:
    go_on = asyncio.Event()
    talk = held(go_on)
    await talk.say(GET)
    assert talk.left_s() == float("inf")
    go_on.set()


# --- The end


async def test_a_stop_ends_what_is_idle_and_lets_the_rest_be_answered() -> None:
    go_on = asyncio.Event()
    idle, half, busy = Talk(echo), Talk(echo), held(go_on)
    await half.say(GET[:5])
    await busy.say(GET + GET)
    for talk in (idle, half, busy):
        talk.line.stop()
    assert [talk.wire.closed for talk in (idle, half, busy)] == [True, True, False]
    go_on.set()
    await settle()
    assert statuses(busy.wire.told) == [200]
    assert b"Connection: close\r\n" in busy.wire.told
    assert busy.wire.closed


async def test_an_abort_cancels_the_call() -> None:
    talk = held(asyncio.Event())
    await talk.say(GET)
    task = talk.line.task
    assert task is not None
    talk.line.abort()
    await settle()
    assert (task.cancelled(), talk.wire.aborted) == (True, True)


async def test_a_call_that_says_nothing_is_answered_for(caplog: pytest.LogCaptureFixture) -> None:
    async def silent(_: Head, __: Sink) -> None:
        return

    async def broken(_: Head, __: Sink) -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        for serve in (silent, broken):
            talk = Talk(serve)
            told = await talk.say(GET + GET)
            assert (statuses(told), code_of(told)) == ([500], "internal_error")
            assert b"Connection: close\r\n" in told
    assert caplog.text.count("the edge failed on a request") == 1


async def test_a_call_that_leaves_its_answer_open_is_cut() -> None:
    async def half(_: Head, sink: Sink) -> None:
        await sink.start(200, [])
        await sink.write(b"half")

    talk = Talk(half)
    told = await talk.say(GET)
    assert told.endswith(b"4\r\nhalf\r\n")
    assert talk.wire.closed


async def test_who_hangs_up_does_not_end_its_call() -> None:
    seen: list[object] = []

    async def watch(_: Head, sink: Sink) -> None:
        sink.when_gone(lambda: seen.append("gone"))
        try:
            await sink.read_body()
        except Refused as refused:
            seen.append(refused.refusal.code)
        seen.append(sink.gone)

    talk = Talk(watch)
    await talk.say(POST[:-1])
    talk.hang_up()
    await settle()
    assert seen == ["gone", "malformed_request", True]
    assert (talk.line.task, talk.line.tell_gone) == (None, None)


async def test_a_call_leaves_no_garbage_behind() -> None:
    talk = Talk(echo)
    await talk.say(GET + POST)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            await talk.say(GET + POST, POST[:-2], POST[-2:])
        assert gc.collect() == 0
    finally:
        gc.enable()


# --- However it is cut


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Write a request: mostly a good one, its body framed in one of the two ways."""
    body = draw(st.binary(max_size=300))
    method = draw(st.sampled_from([b"POST", b"GET", b"HEAD", b"OPTIONS"]))
    version = draw(st.sampled_from([b"1.1"] * 12 + [b"1.0", b"2.0"]))
    target = draw(st.sampled_from(TARGETS)).encode("latin-1")
    lines = [
        b"%b %b HTTP/%b" % (method, target, version),
        b"Host: h",
        b"X-A: " + draw(st.sampled_from([b"", b"\xe9 "])),
    ]
    extra = [b"Connection: close", b"Expect: 100-continue", b"Upgrade: websocket\r\nConnection: upgrade", b"bad header"]
    if draw(st.integers(0, 7)) == 0:
        lines.append(draw(st.sampled_from(extra)))
    if draw(st.booleans()):
        framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:10], body[10:100], body[100:]) if part)
        return b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", framed + b"0\r\n\r\n"])
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


@st.composite
def conversations(draw: st.DrawFn) -> bytes:
    """Write several requests after one another, and now and then change a byte of it, or leave the end out."""
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=5)))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data) - 1))
        data = data[:at] + draw(st.binary(max_size=3)) + data[at + draw(st.integers(0, 2)) :]
    return data


async def held_with(*pieces: bytes) -> tuple[list[Any], list[int], bool]:
    """Return the calls whose bodies came whole, the statuses of all answers, and whether the connection ended."""
    calls: list[Any] = []

    async def note(head: Head, sink: Sink) -> None:
        try:
            body = await sink.read_body()
        except Refused as refused:
            await sink.send(refused.refusal.status, [], b"")
        else:
            calls.append((head.method, head.target, tuple(head.headers), body))
            await sink.send(200, [], b"")

    talk = Talk(note)
    await talk.say(*pieces)
    for _ in range(5):
        await settle()
    found = calls, [one for one in statuses(talk.wire.told) if one != 100], talk.wire.ended or talk.wire.closed
    talk.hang_up()
    await settle()
    return found


@given(conversations(), st.data())
def test_any_cut_gives_the_same_calls(data: bytes, cuts: st.DataObject) -> None:
    at = sorted(cuts.draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=12)))
    pieces = [data[begin:end] for begin, end in pairwise([0, *at, len(data)])]
    assert asyncio.run(held_with(*pieces)) == asyncio.run(held_with(data))


@pytest.mark.parametrize("tail", [b"", NO_HTTP], ids=["good", "bad"])
async def test_byte_by_byte(tail: bytes) -> None:
    data = (
        POST
        + GET
        + POST.replace(b"Content-Length: 4\r\n\r\nbody", b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
    )
    whole = await held_with(data + tail)
    assert [call[3] for call in whole[0]] == [b"body", b"", b"x"]
    assert await held_with(*(bytes([byte]) for byte in data + tail)) == whole


async def test_hostile_heads_are_refused_in_our_words(caplog: pytest.LogCaptureFixture) -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\n"
    hostile = [
        b"X-canary\x00: a\r\n",
        b"X: canary\x00\r\n",
        b"X: canary\n Y: b\r\n",
        b"X: canary\rY: b\r\n",
        b"X: a\r\n canary\r\n",
        b"X canary: a\r\n",
        b"Host: canary\r\n",
        b"Content-Length: 1\r\nContent-Length: 1\r\nX: canary\r\n",
        b"Content-Length: 1, 1\r\nX: canary\r\n",
        b"Content-Length: +1\r\nX: canary\r\n",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\nX: canary\r\n",
        b"Transfer-Encoding: gzip, chunked, identity\r\nX: canary\r\n",
        b"X: canary" + b"y" * LIMITS.header_bytes_max + b"\r\n",
        b"X: canary\r\n" * 200,
    ]
    with caplog.at_level(logging.DEBUG):
        for fields in hostile:
            talk = Talk(echo)
            told = await talk.say(head + fields + b"\r\n" + GET)
            assert (statuses(told), code_of(told)) == ([400], "malformed_request"), fields
            assert b"canary" not in told
            assert talk.heads == []
    assert "canary" not in caplog.text


@pytest.mark.parametrize("target", [b"http://]*[::1@/canary", b"http://[canary", b"http://canary:99999999/", b"canary"])
async def test_a_target_that_trips_the_parser_up_is_refused(target: bytes) -> None:
    talk = Talk(echo)
    told = await talk.say(GET.replace(b"/1 ", target + b" "), GET)
    assert (statuses(told), code_of(told)) == ([400], "malformed_request")
    assert b"canary" not in told


async def test_limits_are_those_of_this_connection() -> None:
    talk = Talk(echo, limits=structs.replace(LIMITS, header_bytes_max=50))
    assert statuses(await talk.say(GET.replace(b"Host", b"X-Long: " + b"x" * 50 + b"\r\nHost"))) == [400]
