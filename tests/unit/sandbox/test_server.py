"""The sandbox over real sockets: keys, leaks, pace, faults, and the log."""

import asyncio
import json
import logging
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import brotli
import pytest
import zstandard

from proxy.sandbox.pace import Pace
from proxy.sandbox.server import Sandbox

Start = Callable[..., Awaitable[tuple[Sandbox, str]]]

CHAT = "/v1/chat/completions"
KEY = {"authorization": "Bearer sk-upstream"}
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "What does a lighthouse keeper do?"}]}
STREAM = {**BODY, "stream": True, "stream_options": {"include_usage": True}}


async def post(
    url: str, body: Any = None, headers: dict[str, str] = KEY, **steer: object
) -> tuple[aiohttp.ClientResponse, bytes]:
    told = {f"x-sandbox-{name.replace('_', '-')}": str(value) for name, value in steer.items()}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as client,
        client.post(url, json=body, headers={**headers, **told}) as found,
    ):
        return found, await found.read()


async def test_an_answer_and_its_record(start: Start) -> None:
    sandbox, origin = await start("openai")
    found, body = await post(origin + CHAT, BODY)
    assert (found.status, found.content_type) == (200, "application/json")
    record = sandbox.log[-1]
    usage = json.loads(body)["usage"]
    assert (record.usage["input"], record.usage["output"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert (record.route, record.model, record.end, record.status) == ("chat", "gpt-4o-2024-08-06", "complete", 200)
    assert record.headers["authorization"] == "Bearer ***"
    assert record.body_bytes == len(json.dumps(BODY))


async def test_the_log_over_http(start: Start) -> None:
    sandbox, origin = await start("openai")
    await post(origin + CHAT, BODY)
    async with aiohttp.ClientSession() as client:
        shown = await (await client.get(origin + "/sandbox/log")).json()
        assert shown["count"] == 1
        assert shown["records"][0]["usage"] == dict(sandbox.log[0].usage)
        emptied = await (await client.delete(origin + "/sandbox/log")).json()
    assert emptied == {"count": 1, "records": []}


@pytest.mark.parametrize(
    ("name", "headers", "query", "status"),
    [
        ("openai", {}, "", 401),
        ("openai", {"authorization": "Bearer "}, "", 401),
        ("openai", {"x-api-key": "k"}, "", 401),
        ("openai", {"authorization": "bearer k"}, "", 404),
        ("anthropic", {}, "", 401),
        ("anthropic", {"x-api-key": "k"}, "", 404),
        ("anthropic", {"authorization": "Bearer k"}, "", 404),
        ("gemini", {}, "", 403),
        ("gemini", {"x-goog-api-key": "k"}, "", 404),
        ("gemini", {}, "?key=k", 404),
        ("gemini", {}, "?key=", 403),
    ],
)
async def test_the_providers_key_is_needed(
    start: Start, name: str, headers: dict[str, str], query: str, status: int
) -> None:
    _, origin = await start(name)
    found, _ = await post(origin + "/nowhere" + query, {}, headers)
    assert found.status == status


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"authorization": "Bearer fg-secret"}, ""),
        ({**KEY, "x-api-key": "fg-secret"}, ""),
        ({**KEY, "cookie": "a=1; key=fg-secret"}, ""),
        (KEY, "?alt=sse&key=fg-secret"),
    ],
)
async def test_a_tenants_key_is_a_leak(
    start: Start, caplog: pytest.LogCaptureFixture, headers: dict[str, str], query: str
) -> None:
    sandbox, origin = await start("openai")
    with caplog.at_level(logging.ERROR):
        found, body = await post(origin + CHAT + query, BODY, headers)
    assert found.status == 500
    assert sandbox.log[-1].end == "leaked"
    assert "a tenant's key reached the provider" in caplog.text
    assert "secret" not in caplog.text + body.decode()


async def test_words_with_the_prefix_inside_are_no_leak(start: Start) -> None:
    _, origin = await start("openai")
    found, _ = await post(origin + CHAT, BODY, {**KEY, "x-note": "cfg-file"})
    assert found.status == 200


async def test_files_come_back_as_they_went(start: Start) -> None:
    _, origin = await start("openai")
    content = bytes(range(256))
    form = aiohttp.FormData({"purpose": "user_data"})
    form.add_field("file", content, filename="all.bin")
    async with aiohttp.ClientSession(headers=KEY) as client:
        made = await (await client.post(origin + "/v1/files", data=form)).json()
        assert (made["bytes"], made["filename"], made["purpose"]) == (256, "all.bin", "user_data")
        path = f"{origin}/v1/files/{made['id']}"
        assert await (await client.get(path + "/content")).read() == content
        assert (await (await client.get(origin + "/v1/files")).json())["data"] == [made]
        assert (await (await client.delete(path)).json())["deleted"] is True
        assert (await client.get(path)).status == 404


async def test_statuses_are_steered(start: Start) -> None:
    sandbox, origin = await start("openai")
    found, body = await post(origin + CHAT, BODY, status=429, retry_after=3, message="too fast")
    assert (found.status, found.headers["retry-after"]) == (429, "3")
    assert json.loads(body)["error"]["message"] == "too fast"
    assert (sandbox.log[-1].end, dict(sandbox.log[-1].usage)) == ("refused", {})
    found, body = await post(origin + CHAT, BODY, status=500, keep_body=1)
    assert (found.status, json.loads(body)["usage"]["total_tokens"] > 0) == (500, True)
    found, body = await post(origin + CHAT, BODY, speed=3)
    assert found.status == 400
    assert "x-sandbox- header is unknown" in json.loads(body)["error"]["message"]


def decode(encoding: str, data: bytes) -> bytes:
    match encoding:
        case "br":
            return bytes(brotli.decompress(data))
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)
        case _:
            return zlib.decompress(data, 47)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_encodings(start: Start, encoding: str) -> None:
    _, origin = await start("openai")
    plain = json.loads((await post(origin + CHAT, BODY))[1])
    found, body = await post(origin + CHAT, BODY, encoding=encoding)
    assert found.headers["content-encoding"] == encoding
    assert json.loads(decode(encoding, body))["usage"] == plain["usage"]
    found, body = await post(origin + CHAT, STREAM, encoding=encoding, split=7)
    assert decode(encoding, body).endswith(b"data: [DONE]\n\n")


async def test_a_stream_can_be_cut_after_any_event(start: Start) -> None:
    sandbox, origin = await start("openai")
    for events in range(4):
        with pytest.raises(aiohttp.ClientPayloadError):
            await post(origin + CHAT, STREAM, cut_events=events)
        assert sandbox.log[-1].end == "cut"
    assert sandbox.log[-1].usage["output"] < 5
    _, body = await post(origin + CHAT, STREAM, cut_events=3, cut="end")
    assert body.count(b"data: ") == 3
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await post(origin + CHAT, STREAM, cut_events=1, cut="reset")


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_bytes_can_be_cut(start: Start, body: dict[str, Any]) -> None:
    _, origin = await start("openai")
    with pytest.raises(aiohttp.ClientPayloadError):
        await post(origin + CHAT, body, cut_bytes=50)


async def test_close_delimited(start: Start) -> None:
    _, origin = await start("openai")
    for body in (BODY, STREAM):
        found, text = await post(origin + CHAT, body, close_delimited=1)
        assert "content-length" not in found.headers
        assert "transfer-encoding" not in found.headers
        assert text.endswith((b"}", b"[DONE]\n\n"))
    _, text = await post(origin + CHAT, STREAM, close_delimited=1, cut_events=2)
    assert text.count(b"data: ") == 2


async def test_an_error_in_mid_stream(start: Start) -> None:
    sandbox, origin = await start("anthropic")
    body = {"model": "claude-sonnet-5", "max_tokens": 99, "messages": BODY["messages"], "stream": True}
    found, text = await post(origin + "/v1/messages", body, error_events=4, message="overloaded")
    assert found.status == 200
    assert text.count(b"event: ") == 5
    last = json.loads(text.rsplit(b"data: ", 1)[1])
    assert (last["type"], last["error"]["message"]) == ("error", "overloaded")
    assert sandbox.log[-1].end == "failed"


async def test_a_caller_who_leaves_pays_for_what_was_made(start: Start) -> None:
    sandbox, origin = await start("openai")
    headers = {**KEY, "x-sandbox-stall-events": "6", "x-sandbox-output-tokens": "100"}
    async with aiohttp.ClientSession() as client:
        found = await client.post(origin + CHAT, json=STREAM, headers=headers)
        seen = b""
        while seen.count(b"\n\n") < 6:
            seen += await found.content.readany()
        assert sandbox.log[-1].end == "open"
        found.close()
    await sandbox.ended(sandbox.log[-1])
    assert sandbox.log[-1].end == "stalled"
    made = sandbox.log[-1].usage
    assert 0 < made["output"] < 20
    assert made["input"] > 0


async def test_a_caller_who_leaves_while_it_thinks(start: Start) -> None:
    sandbox, origin = await start("openai", Pace(first_token_ms=60_000))
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.2):
            await post(origin + CHAT, STREAM)
    await sandbox.ended(sandbox.log[-1])
    assert (sandbox.log[-1].end, sandbox.log[-1].status) == ("aborted", 200)


async def test_pace(start: Start) -> None:
    sandbox, origin = await start("openai", Pace(first_token_ms=50, tokens_per_second=1000))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await post(origin + CHAT, BODY, output_tokens=100)
    assert loop.time() - begun > 0.14
    begun = loop.time()
    await post(origin + CHAT, STREAM, chunks=10, chunk_ms=10, first_ms=0)
    assert loop.time() - begun > 0.08
    assert sandbox.log[-1].usage["output"] == sandbox.log[-1].usage["visible"]


async def test_stopping_ends_what_is_under_way(start: Start) -> None:
    sandbox, origin = await start("openai")
    async with aiohttp.ClientSession() as client:
        found = await client.post(origin + CHAT, json=STREAM, headers={**KEY, "x-sandbox-stall-events": "1"})
        assert found.status == 200
        async with asyncio.timeout(5):
            await sandbox.stop()
        with pytest.raises(aiohttp.ClientError):
            await found.read()
    await sandbox.stop()
