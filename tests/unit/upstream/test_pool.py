"""Connections are kept, used again and given up as they should be; plain and TLS, against a scripted provider."""

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from doubles.acme import make_integration
from doubles.scripted import HOLD, OK, PATIENCE, Provider, close, house, read_all, request, says

from proxy.upstream import pool as pools
from proxy.upstream.client import HttpUpstream
from proxy.upstream.door import Failure, UpstreamFailed
from proxy.upstream.pool import IDLE_S_MAX, Pool
from proxy.upstream.request import Origin

# --- Whose connection it is


async def test_two_calls_at_once_have_a_connection_each_and_both_are_used_again() -> None:
    async with house(says(OK)) as (client, provider):
        for _ in range(3):
            answers = await asyncio.gather(client.send(request(), HOLD), client.send(request(), HOLD))
            assert [await read_all(answer) for answer in answers] == [b"{}", b"{}"]
        assert (provider.connections, len(provider.requests)) == (2, 6)


async def test_a_cancelled_calls_connection_serves_nobody_else() -> None:
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if asked.is_set():
            writer.write(OK)
            return
        asked.set()
        assert await reader.read(1) == b""
        hung_up.set()
        writer.close()

    async with house(waits) as (client, provider):
        sending = asyncio.get_running_loop().create_task(client.send(request(), HOLD))
        await asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        async with asyncio.timeout(PATIENCE.answer_s / 2):
            await hung_up.wait()
        assert await read_all(await client.send(request(), HOLD)) == b"{}"
        assert provider.connections == 2


@pytest.mark.parametrize("more", [b"H", b"X", b"HTTP/1.1 200 OK\r\nConte", OK, OK + b"H"])
async def test_bytes_after_an_answer_are_nobodys(more: bytes) -> None:
    """What trails one tenant's answer must not become the head of another's."""
    async with house(says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine" + more)) as (client, provider):
        for _ in range(2):
            with contextlib.suppress(UpstreamFailed):  # nonsense in the same packet spoils the answer itself
                assert await read_all(await client.send(request(), HOLD)) == b"mine"
        assert (provider.connections, len(provider.requests)) == (2, 2)


async def test_bytes_between_two_calls_are_nobodys() -> None:
    rested, talked = asyncio.Event(), asyncio.Event()

    async def talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        if not talked.is_set():
            await rested.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            talked.set()
            assert await reader.read(1) == b"", "the connection is closed"
            writer.close()

    async with house(talks) as (client, provider):
        assert await read_all(await client.send(request(), HOLD)) == b"{}"
        rested.set()
        await provider.ended(0)
        assert await read_all(await client.send(request(), HOLD)) == b"{}"
        assert provider.connections == 2


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nConnection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
async def test_a_connection_that_the_provider_will_close_is_not_kept(head: bytes) -> None:
    async with house(says(head + b"Content-Length: 2\r\n\r\n{}")) as (client, provider):
        for _ in range(2):
            assert await read_all(await client.send(request(), HOLD)) == b"{}"
        assert provider.connections == 2


async def test_a_connection_that_was_closed_while_idle_is_replaced_and_the_call_arrives_once() -> None:
    async with house(says(OK, then=close)) as (client, provider):
        await read_all(await client.send(request("/first"), HOLD))
        await provider.ended(0)
        await read_all(await client.send(request("/second"), HOLD))
        assert [sent.split()[1] for sent in provider.requests] == [b"/first", b"/second"]
        assert provider.connections == 2


# --- Age


async def test_a_connection_that_waited_too_long_is_closed_when_the_next_call_comes() -> None:
    async with house(says(OK)) as (client, provider):
        answer = await client.send(request(), HOLD)
        await read_all(answer)
        answer._connection.idle_since -= IDLE_S_MAX + 1
        await read_all(await client.send(request(), HOLD))
        assert (provider.connections, len(answer._pool)) == (2, 1)


async def test_connections_too_many_are_closed_when_another_one_comes_back() -> None:
    async with house(says(OK)) as (client, provider):
        answers = await asyncio.gather(*(client.send(request(), HOLD) for _ in range(4)))
        for answer in answers:
            await read_all(answer)
        for answer in answers[:2]:
            answer._connection.idle_since -= IDLE_S_MAX + 1
        last = await client.send(request(), HOLD)
        assert last._connection is answers[-1]._connection, "the one used last is used first"
        await read_all(last)
        await provider.ended(0)
        await provider.ended(1)
        assert (provider.connections, len(last._pool)) == (4, 2)


async def test_a_goodbye_that_the_loop_has_not_seen_yet_is_seen_before_the_call_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The provider lives in a thread, and says goodbye while this loop does nothing but wait for it."""
    monkeypatch.setattr(pools, "FRESH_S", -1.0)
    served: list[bytes] = []
    may_close, closed = threading.Event(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for again in (True, False):
            connection, _ = listener.accept()
            served.append(connection.recv(10_000))
            connection.sendall(OK)
            if again:
                may_close.wait(5)
            connection.close()
            closed.set()

    thread = threading.Thread(target=serve)
    thread.start()
    acme = make_integration(origin=f"http://127.0.0.1:{listener.getsockname()[1]}")
    async with HttpUpstream({"acme": acme}, PATIENCE) as client:
        await read_all(await client.send(request("/first"), HOLD))
        may_close.set()
        assert closed.wait(5)
        await read_all(await client.send(request("/second"), HOLD))
    thread.join()
    listener.close()
    assert [sent.split()[1] for sent in served] == [b"/first", b"/second"]


# --- Opening


async def test_a_provider_that_never_finishes_its_handshake_is_unreachable() -> None:
    """It accepts the connection and says nothing: TLS never begins."""
    listener = socket.create_server(("127.0.0.1", 0))
    pool = Pool(Origin(True, "127.0.0.1", listener.getsockname()[1]), ssl.create_default_context(), 0.1, 2.0, 2.0)
    with pytest.raises(UpstreamFailed) as caught:
        await pool.take()
    assert (caught.value.failure, caught.value.sent) == (Failure.UNREACHABLE, False)
    assert len(pool) == 0
    await pool.close()
    listener.close()


async def test_addresses_are_remembered_until_a_connection_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    asked: list[Any] = []
    getaddrinfo = loop.getaddrinfo

    async def counts(*args: Any, **more: Any) -> Any:
        if more == {"type": socket.SOCK_STREAM}:  # some loops look up an address again when they connect
            asked.append(args)
        return await getaddrinfo(*args, **more)

    monkeypatch.setattr(loop, "getaddrinfo", counts)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    pool = Pool(Origin(False, "127.0.0.1", port), None, 2.0, 2.0, 2.0)
    for _ in range(2):
        await pool.take()
    assert asked == [("127.0.0.1", port)]
    listener.close()
    for _ in range(2):
        with pytest.raises(UpstreamFailed):
            await pool.take()
    assert len(asked) == 2
    await pool.close()


async def test_a_connection_that_opens_while_the_pool_closes_is_closed() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    pool = Pool(Origin(False, "127.0.0.1", listener.getsockname()[1]), None, 2.0, 2.0, 2.0)
    taking = asyncio.get_running_loop().create_task(pool.take())
    await asyncio.sleep(0)
    await pool.close()
    with pytest.raises(UpstreamFailed) as caught:
        await taking
    assert (caught.value.failure, caught.value.sent, len(pool)) == (Failure.UNREACHABLE, False, 0)
    listener.close()


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a self-signed certificate for 127.0.0.1 and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl program is not installed")
    folder = tmp_path_factory.mktemp("tls")
    make = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run([openssl, *make.split(), *files], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "certificate.pem").read_text() + (folder / "key.pem").read_text())
    return both


@contextlib.asynccontextmanager
async def tls_house(certificate: Path) -> AsyncIterator[tuple[HttpUpstream, Provider]]:
    """Run a provider that shows this certificate, and a client that knows it as acme."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    provider = Provider(says(OK))
    async with await asyncio.start_server(provider.serve, "127.0.0.1", 0, ssl=context) as server:
        acme = make_integration(origin=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with HttpUpstream({"acme": acme}, PATIENCE) as client:
            yield client, provider
        await asyncio.gather(*filter(None, provider.serving))


async def test_a_certificate_that_nobody_vouches_for_is_not_accepted(certificate: Path) -> None:
    async with tls_house(certificate) as (client, provider):
        with pytest.raises(UpstreamFailed) as caught:
            await client.send(request(), HOLD)
        assert (caught.value.failure, caught.value.sent) == (Failure.UNREACHABLE, False)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        assert provider.requests == []


async def test_a_certificate_that_the_machine_trusts_is(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with tls_house(certificate) as (client, provider):
        for _ in range(3):
            assert await read_all(await client.send(request(body=b"a" * 1_000_000), HOLD)) == b"{}"
        assert (provider.connections, len(provider.requests)) == (1, 3)
        assert len(provider.requests[0]) > 1_000_000
