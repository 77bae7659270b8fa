"""How long a caller may take to read, and how a line ends."""

import asyncio
import socket

import pytest
from doubles.wire import LIMITS, Talk, Wire, echo, settle

from proxy.calls.head import Head
from proxy.calls.sink import Sink
from proxy.web.line import LINGER_S, reset

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
NO_HTTP = b"canary\r\n\r\n"


async def test_who_reads_on_however_slowly_is_not_cut_off() -> None:
    passed = []

    async def write(_: Head, sink: Sink) -> None:
        await sink.start(200, [])
        talk.wire.unread = 100_000
        talk.line.pause_writing()
        await sink.write(b"x")
        passed.append(sink.gone)

    talk = Talk(write)
    await talk.say(GET)
    for unread in (99_999, 50_000):
        talk.wire.unread = unread
        await talk.too_late()
        assert (passed, talk.wire.closed) == ([], False)
        assert talk.left_s() == pytest.approx(LIMITS.caller_stall_s, abs=1)
    await talk.too_late()
    assert talk.wire.aborted
    talk.hang_up()
    await settle()
    assert passed == [True]


async def test_who_does_not_take_the_last_bytes_is_reset() -> None:
    talk = Talk(echo)
    talk.wire.unread = 100
    await talk.say(GET.replace(b"Host", b"Connection: close\r\nHost"))
    assert (talk.wire.closed, talk.wire.aborted) == (True, False)
    await talk.too_late()
    assert talk.wire.aborted


async def test_without_half_closed_connections_a_caller_has_less_time_to_leave() -> None:
    talk = Talk(echo, Wire(half_close=False))
    await talk.say(NO_HTTP)
    assert (talk.wire.ended, talk.wire.closed) == (False, False)
    assert 0 < talk.left_s() < LINGER_S / 2
    await talk.too_late()
    assert talk.wire.closed


async def test_who_lingers_is_read_on_though_its_body_was_held_up() -> None:
    async def refuse(_: Head, sink: Sink) -> None:
        assert talk.wire.paused
        await sink.send(401, [], b"")

    talk = Talk(refuse)
    await talk.say(
        b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 400000\r\n\r\n" + b"x" * 200_000
    )
    assert (talk.wire.ended, talk.wire.paused, talk.wire.closed) == (True, False, False)


async def test_a_reset_reaches_the_other_side() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, *listener.getsockname())
        other, _ = listener.accept()
        with other:
            reset(transport)
            await settle()
            other.settimeout(5)
            with pytest.raises(ConnectionResetError):
                other.recv(1)
