"""Our opening of a WebSocket, against a server of aiohttp's and against answers that do not fit."""

import asyncio
import base64

import pytest
from aiohttp import web
from doubles.acme import SECRET, make_integration
from doubles.scripted import HOLD, PATIENCE, request
from support.sockets import Line, provider

from proxy.calls.socket import Kind, Message
from proxy.upstream.client import HttpUpstream
from proxy.upstream.door import Offer, Opened, UpstreamFailed
from proxy.upstream.handshake import Handshake
from proxy.websocket import accept_value


async def echo(line: Line) -> None:
    while (found := await line.hear()) is not None:
        await line.socket.send_bytes(found)


async def open_to(origin: str, *offers: Offer) -> tuple[HttpUpstream, Opened]:
    client = await HttpUpstream({"acme": make_integration(origin=origin)}, PATIENCE).__aenter__()
    return client, await client.open(request("/v1/talk?model=m-1", method="GET"), offers, HOLD)


async def test_a_provider_switches_and_messages_go_both_ways() -> None:
    async with provider(echo, protocols=("talk",)) as fake:
        client, opened = await open_to(fake.origin, Offer("other"), Offer("talk"), Offer("key.", key=True))
        assert opened.socket is not None
        assert opened.protocol == 1
        await opened.socket.send(Message(Kind.BINARY, b"\0hi"))
        assert await opened.socket.receive() == Message(Kind.BINARY, b"\0hi")
        await opened.socket.close(1000, b"bye")
        await client.__aexit__()
    headers = fake.lines[0].request.headers
    assert headers["Sec-WebSocket-Protocol"] == f"other, talk, key.{SECRET}"
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert fake.lines[0].ended == 1000


async def test_an_answer_that_is_no_switch_is_handed_on() -> None:
    async with provider(echo, answer=lambda _: web.Response(status=403, text="no")) as fake:
        client, opened = await open_to(fake.origin)
        assert opened.socket is None
        assert opened.answer is not None
        assert (opened.answer.status, await opened.answer.read()) == (403, b"no")
        opened.answer.abort()
        await client.__aexit__()


@pytest.mark.parametrize(
    "answer",
    [
        "Sec-WebSocket-Accept: wrong",
        "Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: unheard-of",
        "Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=8",
    ],
)
async def test_a_switch_that_does_not_fit_is_none(answer: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = [line.partition(": ") for line in head.split("\r\n")]
        key = next(value for name, _, value in lines if name == "sec-websocket-key")
        filled = answer.replace("{accept}", accept_value(key))
        writer.write(f"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{filled}\r\n\r\n".encode())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = await HttpUpstream(
        {"acme": make_integration(origin=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")}, PATIENCE
    ).__aenter__()
    with pytest.raises(UpstreamFailed):
        await client.open(request("/", method="GET"), [], HOLD)
    await client.__aexit__()
    server.close()
    await server.wait_closed()


def test_every_handshake_has_a_key_of_its_own() -> None:
    one, other = Handshake([]), Handshake([])
    keys = [dict(handshake.headers)["sec-websocket-key"] for handshake in (one, other)]
    assert keys[0] != keys[1]
    assert [len(base64.b64decode(key)) for key in keys] == [16, 16]
    assert "sec-websocket-protocol" not in dict(one.headers)
