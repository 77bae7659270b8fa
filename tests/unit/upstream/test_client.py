"""The real client against a provider that says exactly what a test tells it to, byte by byte, on one event loop."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable
from typing import Any

import pytest
from doubles.acme import SECRET, HandClock, make_integration
from doubles.scripted import HOLD, OK, PATIENCE, close, house, read_all, request, reset, says
from msgspec import structs

from proxy.errors import BadConfig, InvariantBroken, Refusal, Refused
from proxy.providers.integration import KeyOut, Place
from proxy.providers.permit import FreeRoute
from proxy.providers.signing import Credentials, Signing
from proxy.tasks import Tasks
from proxy.upstream.client import HttpUpstream, Patience
from proxy.upstream.door import Failure, Outbound, Unsent, UpstreamFailed
from proxy.upstream.pool import Pool
from proxy.upstream.signers.shelf import Signers

# --- What goes out


async def test_who_is_cancelled_before_anything_has_left_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(says(OK)) as (client, provider):
        asked = asyncio.Event()

        async def hang(_: Pool) -> None:
            asked.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(Pool, "take", hang)
        sending = Tasks().start(client.send(request(), HOLD), name="send")
        await asked.wait()
        sending.cancel()
        with pytest.raises(Unsent):
            await sending
        assert provider.requests == []


async def test_the_request_is_what_was_asked_for_and_nothing_is_added() -> None:
    async with house(says(OK)) as (client, provider):
        sent = request("/v1/a%2Fb:c?q=%20&x=1+2", b'{"a":1}', ("X-One", "1"), ("x-two", "2"))
        await read_all(await client.send(sent, HOLD))
        head, _, body = provider.requests[0].partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert first == "POST /v1/a%2Fb:c?q=%20&x=1+2 HTTP/1.1"
        assert body == b'{"a":1}'
        names = sorted(line.partition(":")[0].lower() for line in lines)
        assert names == ["authorization", "content-length", "host", "x-one", "x-two"]


@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("DELETE", b""), ("POST", b""), ("POST", b"\x00\xff")])
async def test_methods_and_bodies(method: str, body: bytes) -> None:
    async with house(says(OK)) as (client, provider):
        await read_all(await client.send(request(body=body, method=method), FreeRoute("x")))
        assert provider.requests[0].startswith(method.encode())
        assert provider.requests[0].partition(b"\r\n\r\n")[2] == body
        assert provider.header("transfer-encoding") == []


async def test_our_key_is_set_last_and_replaces_what_the_caller_sends() -> None:
    async with house(says(OK), key_out=KeyOut("x-goog", "key={key}")) as (client, provider):
        await read_all(await client.send(request("/", b"", ("x-goog-other", "1")), HOLD))
        assert provider.header("x-goog") == [f"key={SECRET}"]
        assert (
            provider.requests[0].decode().partition("\r\n\r\n")[0].split("\r\n")[-1].startswith(("x-goog:", "Content-"))
        )


async def test_the_environments_proxies_and_logins_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    async with house(says(OK)) as (client, _):
        assert await read_all(await client.send(request(), HOLD)) == b"{}"


@pytest.mark.parametrize("leave", [None, "hold", object(), True])
async def test_nothing_is_sent_without_a_hold(leave: Any) -> None:
    async with house(says(OK)) as (client, provider):
        with pytest.raises(InvariantBroken, match="a committed hold, or a free-route token"):
            await client.send(request(), leave)
        assert provider.connections == 0


async def test_a_client_that_is_not_open_sends_nothing() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        await HttpUpstream({"acme": make_integration()}, PATIENCE).send(request(), HOLD)


# --- What comes back


async def test_the_answer_comes_as_it_is() -> None:
    headers = [b"Content-Type: a/b", b"X-Twice: 1", b"x-twice: 2", b"Content-Encoding: gzip", b"Content-Length: 4"]
    head = b"\r\n".join([b"HTTP/1.1 201 Made", *headers, b"", b""])
    async with house(says(head, b"\x1f\x8b", b"\x00\xff")) as (client, _):
        answer = await client.send(request(), HOLD)
        assert (answer.status, answer.framed) == (201, True)
        assert list(answer.headers) == [
            ("Content-Type", "a/b"),
            ("X-Twice", "1"),
            ("x-twice", "2"),
            ("Content-Encoding", "gzip"),
            ("Content-Length", "4"),
        ]
        assert await read_all(answer) == b"\x1f\x8b\x00\xff", "nothing is decoded on the way"


async def test_pieces_come_as_soon_as_they_are_there() -> None:
    go = asyncio.Event()

    async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await go.wait()
        writer.write(b"6\r\nsecond\r\n0\r\n\r\n")

    async with house(drips) as (client, _):
        answer = await client.send(request(), HOLD)
        assert await answer.read() == b"first"
        go.set()
        assert await read_all(answer) == b"second"
        assert answer.framed


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/stolen\r\nContent-Length: 0\r\n\r\n"
    async with house(says(moved)) as (client, provider):
        answer = await client.send(request(), HOLD)
        assert (answer.status, len(provider.requests)) == (302, 1)
        answer.close()


async def test_no_cookie_is_kept() -> None:
    bakes = b"HTTP/1.1 200 OK\r\nSet-Cookie: tenant=one; Path=/\r\nContent-Length: 2\r\n\r\n{}"
    async with house(says(bakes)) as (client, provider):
        for _ in range(2):
            await read_all(await client.send(request(), HOLD))
        assert provider.header("cookie", 1) == []


async def test_a_connection_serves_the_next_call() -> None:
    async with house(says(OK)) as (client, provider):
        for _ in range(3):
            await read_all(await client.send(request(), HOLD))
        assert (provider.connections, len(provider.requests)) == (1, 3)


async def test_an_answer_that_was_not_read_to_its_end_takes_its_connection_along() -> None:
    async with house(says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")) as (client, provider):
        for _ in range(2):
            answer = await client.send(request(), HOLD)
            await answer.read()
            answer.close()
        assert provider.connections == 2


# --- Ends and breaks


async def test_a_close_delimited_answer_says_that_its_end_proves_nothing() -> None:
    async with house(says(b"HTTP/1.1 200 OK\r\n\r\nsome", then=close)) as (client, _):
        answer = await client.send(request(), HOLD)
        assert not answer.framed
        assert await read_all(answer) == b"some"


@pytest.mark.parametrize(
    ("head", "end"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", close),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", reset),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", close),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", reset),
    ],
)
async def test_a_body_that_breaks_off_is_a_cut(head: bytes, end: Callable[[asyncio.StreamWriter], None]) -> None:
    read = asyncio.Event()

    async def breaks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        await read.wait()
        end(writer)

    async with house(breaks) as (client, _):
        answer = await client.send(request(), HOLD)
        read.set()
        with pytest.raises(UpstreamFailed) as caught:
            await read_all(answer)
        assert (caught.value.failure, caught.value.sent) == (Failure.CUT, True)


async def test_a_body_that_is_no_chunk_fails_and_may_have_been_processed() -> None:
    """Whether the nonsense is found with the head or after it is up to the kernel."""
    nonsense = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"
    async with house(says(nonsense, then=close)) as (client, _):
        with pytest.raises(UpstreamFailed) as caught:
            await read_all(await client.send(request(), HOLD))
        assert caught.value.failure in (Failure.CUT, Failure.DISCONNECTED)
        assert caught.value.sent


async def test_a_reset_in_the_middle_of_a_body_is_a_cut() -> None:
    go = asyncio.Event()

    async def breaks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await go.wait()
        reset(writer)

    async with house(breaks) as (client, _):
        answer = await client.send(request(), HOLD)
        assert await answer.read() == b"half"
        go.set()
        with pytest.raises(UpstreamFailed) as caught:
            await answer.read()
        assert (caught.value.failure, caught.value.sent) == (Failure.CUT, True)


async def test_a_provider_that_is_not_there_never_saw_the_call() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        acme = make_integration(origin=f"http://127.0.0.1:{taken.getsockname()[1]}")
        async with HttpUpstream({"acme": acme}, PATIENCE) as client:
            with pytest.raises(UpstreamFailed) as caught:
                await client.send(request(), HOLD)
    assert (caught.value.failure, caught.value.sent) == (Failure.UNREACHABLE, False)


async def test_a_name_that_nobody_has_is_unreachable_too() -> None:
    acme = make_integration(origin="http://nobody.invalid")
    async with HttpUpstream({"acme": acme}, PATIENCE) as client:
        with pytest.raises(UpstreamFailed) as caught:
            await client.send(request(), HOLD)
    assert (caught.value.failure, caught.value.sent) == (Failure.UNREACHABLE, False)


@pytest.mark.parametrize("end", [close, reset])
async def test_a_connection_that_ends_before_the_head_may_have_been_processed(
    end: Callable[[asyncio.StreamWriter], None],
) -> None:
    async with house(says(then=end)) as (client, provider):
        with pytest.raises(UpstreamFailed) as caught:
            await client.send(request(), HOLD)
        assert (caught.value.failure, caught.value.sent) == (Failure.DISCONNECTED, True)
        assert len(provider.requests) == 1


async def test_what_is_no_http_is_a_disconnect() -> None:
    async with house(says(b"SSH-2.0-OpenSSH\r\n\r\n", then=close)) as (client, _):
        with pytest.raises(UpstreamFailed) as caught:
            await client.send(request(), HOLD)
        assert (caught.value.failure, caught.value.sent) == (Failure.DISCONNECTED, True)


async def test_no_answer_in_time() -> None:
    async with house(says(), structs.replace(PATIENCE, answer_s=0.05)) as (client, provider):
        with pytest.raises(UpstreamFailed) as caught:
            await client.send(request(), HOLD)
        assert (caught.value.failure, caught.value.sent) == (Failure.NO_ANSWER, True)
        assert len(provider.requests) == 1


async def test_an_answer_that_stops_in_its_middle_has_stalled() -> None:
    patience = Patience(connect_s=2.0, answer_s=0.05, stall_s=0.05)
    async with house(says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), patience) as (client, _):
        answer = await client.send(request(), HOLD)
        assert await answer.read() == b"half"
        with pytest.raises(UpstreamFailed) as caught:
            await answer.read()
        assert (caught.value.failure, caught.value.sent) == (Failure.STALLED, True)


async def test_a_post_is_never_sent_twice_on_a_connection_that_has_gone_stale() -> None:
    """The provider closes an idle connection just as the next call is written to it: that call may have arrived."""
    served = 0

    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        if served == 1:
            writer.write(OK)
        else:
            reset(writer)

    async with house(once) as (client, provider):
        await read_all(await client.send(request(), HOLD))
        with pytest.raises(UpstreamFailed) as caught:
            await client.send(request(), HOLD)
        assert caught.value.sent
        assert (len(provider.requests), provider.connections) == (2, 1)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_no_other_method_is_sent_twice_either(method: str) -> None:
    """The library retries idempotent methods by itself; a provider's DELETE may have been done all the same."""
    served = 0

    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        if served == 1:
            writer.write(OK)
        else:
            reset(writer)

    async with house(once) as (client, provider):
        await read_all(await client.send(request(body=b"", method=method), HOLD))
        with pytest.raises(UpstreamFailed):
            await client.send(request(body=b"", method=method), HOLD)
        assert len(provider.requests) == 2


async def test_aborting_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmore\r\n")
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
        gone.set()
        writer.close()

    async with house(streams) as (client, _):
        answer = await client.send(request(), HOLD)
        assert await answer.read() == b"more"
        answer.abort()
        async with asyncio.timeout(2):
            await gone.wait()


async def test_many_calls_run_at_once() -> None:
    """Connections are unlimited: a slow provider must not make the others wait."""
    here = 0
    all_here = asyncio.Event()

    async def gathers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal here
        here += 1
        if here == 150:
            all_here.set()
        await all_here.wait()
        writer.write(OK)

    async with house(gathers, structs.replace(PATIENCE, answer_s=20.0)) as (client, _):
        answers = await asyncio.gather(*(client.send(request(), HOLD) for _ in range(150)))
        assert [await read_all(answer) for answer in answers] == [b"{}"] * 150


# --- What is refused before a byte leaves


@pytest.mark.parametrize(
    "header",
    [
        ("x", "a\r\nx-evil: 1"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("x\r\ny", "1"),
        ("host: evil", "1"),
        ("", "1"),
        ("x ", "1"),
    ],
)
async def test_a_header_that_would_break_out_of_its_line_is_refused(header: tuple[str, str]) -> None:
    async with house(says(OK)) as (client, provider):
        with pytest.raises(Refused):
            await client.send(request("/", b"{}", header), HOLD)
        assert provider.connections == 0


async def test_a_key_that_no_header_can_carry_stops_the_start() -> None:
    with pytest.raises(BadConfig, match="acme: its key cannot be sent"):
        async with HttpUpstream({"acme": make_integration(api_key="sk\r\nx: 1")}, PATIENCE):
            pass


# --- Letting go


async def test_a_cancelled_read_loses_nothing() -> None:
    """A relay stops waiting for the next piece to let go of what it holds, and reads on."""
    go = asyncio.Event()

    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await go.wait()
        writer.write(b"{}")

    async with house(late) as (client, provider):
        for _ in range(2):
            go.clear()
            answer = await client.send(request(), HOLD)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await answer.read()
            go.set()
            assert await read_all(answer) == b"{}"
        assert provider.connections == 1


async def test_an_answer_that_is_dropped_takes_its_connection_along() -> None:
    async with house(says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")) as (client, provider):
        answer = await client.send(request(), HOLD)
        del answer
        gc.collect()
        async with asyncio.timeout(PATIENCE.stall_s / 2):
            await asyncio.gather(*filter(None, provider.serving))


async def test_what_is_done_after_an_answer_was_closed_harms_nobody() -> None:
    async with house(says(OK)) as (client, provider):
        first = await client.send(request(), HOLD)
        assert await read_all(first) == b"{}"
        second = await client.send(request(), HOLD)
        first.abort()
        first.close()
        assert await first.read() == b""
        assert await read_all(second) == b"{}"
        assert provider.connections == 1


async def test_closing_the_client_closes_all_it_has() -> None:
    async with house(says(OK)) as (client, provider):
        answers = await asyncio.gather(*(client.send(request(), HOLD) for _ in range(5)))
        for answer in answers[:3]:
            await read_all(answer)
        pool = answers[0]._pool
        assert len(pool) == 5
        assert client.connections == {"acme": 5}
        await client.__aexit__()
        assert len(pool) == 0
        assert client.connections == {}
        async with asyncio.timeout(2):
            await asyncio.gather(*filter(None, provider.serving))
        with pytest.raises(RuntimeError, match="not open"):
            await client.send(request(), HOLD)


async def test_an_answer_that_we_stopped_reads_as_a_cut() -> None:
    async with house(says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")) as (client, _):
        answer = await client.send(request(), HOLD)
        answer.abort()
        with pytest.raises(UpstreamFailed) as caught:
            await answer.read()
        assert (caught.value.failure, caught.value.sent) == (Failure.CUT, True)


# --- Others beside it, after a reload


async def test_calls_of_an_older_upstream_go_where_they_went_with_the_key_they_had() -> None:
    async with house(says(OK)) as (old, provider):
        origin = f"http://127.0.0.1:{provider.port}"
        assert await read_all(await old.send(request(), HOLD)) == b"{}"
        new = await old.renewed({"acme": make_integration(origin=origin, api_key="sk-newer")})
        new.succeed()
        for client in (old, new, old):
            assert await read_all(await client.send(request(), HOLD)) == b"{}"
        keys = [provider.header("authorization", number)[0].removeprefix("Bearer ") for number in range(4)]
        assert keys == [SECRET, SECRET, "sk-newer", SECRET]
        assert provider.connections == 1, "an origin that stays keeps its connections"


async def test_an_origin_that_is_gone_sees_its_calls_through_and_keeps_no_connection() -> None:
    go_on = asyncio.Event()

    async def waits(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK[:-2])
        await go_on.wait()
        writer.write(OK[-2:])

    async with house(waits) as (old, provider):
        under_way = await old.send(request(), HOLD)
        new = await old.renewed({"bolt": make_integration(name="bolt", origin="http://127.0.0.1:1")})
        new.succeed()
        go_on.set()
        assert await read_all(under_way) == b"{}"
        await provider.ended(0)
        assert await read_all(await old.send(request(), HOLD)) == b"{}", "a call that began before may still come"
        await provider.ended(1)


async def test_a_key_that_cannot_be_sent_leaves_the_older_upstream_alone() -> None:
    async with house(says(OK)) as (old, _):
        with pytest.raises(BadConfig, match="its key cannot be sent in a header"):
            await old.renewed({"acme": make_integration(api_key="two\nlines")})
        assert await read_all(await old.send(request(), HOLD)) == b"{}"


# --- Places and signatures


class Signer:
    """Signs with a counter."""

    names = frozenset({"authorization", "x-date"})

    def __init__(self, fails: bool = False) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.fails = fails

    def begin(self) -> None:
        pass

    async def sign(self, request: Outbound, origin: str, sign_as: str) -> list[tuple[str, str]]:
        if self.fails:
            raise Refused(Refusal.UPSTREAM_AUTH, "no credentials")
        self.asked.append((request.target, origin, sign_as))
        return [("Authorization", f"Signed {len(self.asked)}"), ("X-Date", "today")]

    async def close(self) -> None:
        pass


SIGNING = Signing("acme", "any", "here-1", Credentials("AKID", "secret"))


class Shelf(Signers):
    """Has one signer, whatever is asked for."""

    def __init__(self, signer: Signer) -> None:
        super().__init__(HandClock())
        self._signer = signer

    async def prepare(self, wanted: object) -> dict[Signing, Any]:
        return {SIGNING: self._signer}


async def test_a_signed_request_carries_a_proof_of_its_own_and_no_key() -> None:
    signer = Signer()
    async with house(says(OK)) as (_, provider):
        origin = f"http://127.0.0.1:{provider.port}"
        acme = make_integration(
            origin="http://nobody.invalid",
            signing=SIGNING,
            sign_as="acme",
            places={"agents": Place(origin, "acme-agents"), "plain": Place(origin)},
        )
        async with HttpUpstream({"acme": acme}, PATIENCE, signers=Shelf(signer)) as client:
            for place in ("agents", "plain"):
                sent = structs.replace(request("/x", b"{}", ("x-date", "theirs"), ("x-one", "1")), place=place)
                await read_all(await client.send(sent, HOLD))
    assert [provider.header(name, at) for at in (0, 1) for name in ("authorization", "x-date", "x-one")] == [
        ["Signed 1"],
        ["today"],
        ["1"],
        ["Signed 2"],
        ["today"],
        ["1"],
    ]
    assert SECRET.encode() not in b"".join(provider.requests)
    assert signer.asked == [("/x", origin, "acme-agents"), ("/x", origin, "acme")]


async def test_without_a_proof_nothing_is_sent() -> None:
    async with house(says(OK)) as (_, provider):
        acme = make_integration(origin=f"http://127.0.0.1:{provider.port}", signing=SIGNING)
        async with HttpUpstream({"acme": acme}, PATIENCE, signers=Shelf(Signer(fails=True))) as client:
            with pytest.raises(Refused):
                await client.send(request(), HOLD)
    assert provider.connections == 0


async def test_connections_to_all_places_are_kept_over_a_reload() -> None:
    async with house(says(OK)) as (_, provider):
        acme = make_integration(places={"agents": Place(f"http://127.0.0.1:{provider.port}")})
        async with HttpUpstream({"acme": acme}, PATIENCE) as client:
            sent = structs.replace(request(), place="agents")
            await read_all(await client.send(sent, HOLD))
            again = await client.renewed({"acme": acme})
            again.succeed()
            await read_all(await again.send(sent, HOLD))
        assert provider.connections == 1
