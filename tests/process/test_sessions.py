"""WebSocket sessions through the real process: turns, money, keys, and every way in which a session ends."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, WSServerHandshakeError, web
from support.house import House
from support.sockets import Line, all_of, caller, provider

from proxy.tasks import Tasks

pytestmark = pytest.mark.process

CANARY = "sk-canary-upstream"
REALTIME = "/openai/v1/realtime?model=gpt-realtime"


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Any]:
    """Start a house in front of an upstream; afterwards it must end well, and have said no secret."""
    houses: list[House] = []

    async def start(origin: str, name: str = "openai", **settings: Any) -> House:
        house = House(tmp_path, {name: {"api_key": CANARY, "upstream": origin}}, settings)
        houses.append(house)
        return await asyncio.to_thread(house.start)

    yield start
    for house in houses:
        assert house.stop() == 0, house.log
        assert CANARY not in house.log
        assert "Traceback" not in house.log, house.log


def usage(text: int, audio: int, out: int, spoken: int) -> dict[str, Any]:
    return {
        "input_tokens": text + audio,
        "output_tokens": out + spoken,
        "total_tokens": text + audio + out + spoken,
        "input_token_details": {"text_tokens": text, "audio_tokens": audio, "cached_tokens": 0},
        "output_token_details": {"text_tokens": out, "audio_tokens": spoken},
    }


def created(number: int) -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": f"resp_{number}", "status": "in_progress"}}


def done(number: int, used: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": f"resp_{number}", "status": "completed", "usage": used}}


SESSION = {"type": "session.created", "session": {"id": "sess_1", "model": "gpt-realtime"}}


async def talk(line: Line) -> None:
    """Answer each request with a response of the same size."""
    await line.say(SESSION)
    number = 0
    while (found := await line.hear()) is not None:
        if isinstance(found, dict) and found.get("type") == "response.create":
            number += 1
            await line.say(created(number), {"type": "response.output_text.delta", "delta": "Hi"})
            await line.say(done(number, usage(100, 0, 10, 0)))


async def test_each_turn_is_a_call_of_its_own(begin: Any) -> None:
    async with provider(talk) as fake:
        house = await begin(fake.origin)
        key = await asyncio.to_thread(house.tenant, "acme")
        async with caller(house.edge + REALTIME, key) as socket:
            assert (await socket.receive_json())["type"] == "session.created"
            for _ in range(2):
                await socket.send_json({"type": "response.create"})
                events = [(await socket.receive_json())["type"] for _ in range(3)]
                assert events == ["response.created", "response.output_text.delta", "response.done"]
            await socket.close(code=1000, message=b"bye")
        entries = await asyncio.to_thread(house.calls, "acme")
        balance = await asyncio.to_thread(house.settled, "acme")

    assert [entry["call"]["usage"] for entry in entries] == [{"input_tokens": 100, "output_tokens": 10}] * 2
    assert {entry["call"]["certainty"] for entry in entries} == {"exact"}
    nanos = 100 * 4000 + 10 * 16000
    assert [entry["amount_nanos"] for entry in entries] == [-nanos * 12 // 10] * 2
    assert balance["credits_held_micros"] == 0
    assert fake.lines[0].request.headers["Authorization"] == f"Bearer {CANARY}"
    assert key not in str(fake.lines[0].request.raw_headers)
    assert json.dumps(fake.lines[0].heard) == json.dumps([{"type": "response.create"}] * 2)


async def test_a_key_in_a_subprotocol_and_compressed_messages(begin: Any) -> None:
    async with provider(talk, protocols=("realtime",)) as fake:
        house = await begin(fake.origin)
        key = await asyncio.to_thread(house.tenant, "acme")
        offers = ("realtime", f"openai-insecure-api-key.{key}")
        async with caller(house.edge + REALTIME, protocols=offers, compress=15) as socket:
            assert socket.protocol == "realtime"
            assert socket.compress
            await socket.receive_json()
            await socket.send_json({"type": "session.update", "session": {"instructions": "x" * 50_000}})
            await socket.send_json({"type": "response.create"})
            while (await socket.receive_json())["type"] != "response.done":
                pass
    offered = fake.lines[0].request.headers["Sec-WebSocket-Protocol"]
    assert offered == f"realtime, openai-insecure-api-key.{CANARY}"
    assert key not in str(fake.lines[0].request.raw_headers)
    assert len(fake.lines[0].heard[0]["session"]["instructions"]) == 50_000


async def test_a_tenant_without_money_is_told_so_in_the_close(begin: Any) -> None:
    async with provider(talk) as fake:
        house = await begin(fake.origin)
        key = await asyncio.to_thread(house.tenant, "poor", "0.01")
        async with caller(house.edge + REALTIME, key) as socket:
            [event] = await all_of(socket)
        assert event["error"]["code"] == "balance_exhausted"
        assert socket.close_code == 1008
        assert fake.lines == []


async def test_a_kill_in_the_middle_of_a_turn_is_settled_by_what_was_seen(begin: Any) -> None:
    async def half(line: Line) -> None:
        await line.say(SESSION)
        await line.hear_until(type="response.create")
        await line.say(created(1), {"type": "response.output_text.delta", "delta": "x" * 400})
        await line.hear()

    async with provider(half) as fake:
        house = await begin(fake.origin)
        key = await asyncio.to_thread(house.tenant, "acme")
        async with caller(house.edge + REALTIME, key) as socket:
            await socket.receive_json()
            await socket.send_json({"type": "response.create"})
            await socket.receive_json()
            await socket.receive_json()
            await asyncio.sleep(1.5)  # a checkpoint a second
            await asyncio.to_thread(house.kill)
        await asyncio.to_thread(house.start)
        [entry] = await asyncio.to_thread(house.calls, "acme")
        balance = await asyncio.to_thread(house.settled, "acme")
    assert entry["call"]["certainty"] == "at_least"
    assert entry["call"]["usage"] == {"output_tokens": 100}
    assert balance["credits_held_micros"] == 0


async def test_a_stop_closes_sessions_with_the_reason(begin: Any) -> None:
    async with provider(talk) as fake:
        house = await begin(fake.origin)
        key = await asyncio.to_thread(house.tenant, "acme")
        async with caller(house.edge + REALTIME, key) as socket:
            await socket.receive_json()
            stopping = Tasks().start(asyncio.to_thread(house.stop), name="stop")
            assert await all_of(socket) == []
            assert socket.close_code == 1001
            assert await stopping == 0


async def test_a_request_that_is_no_websocket_is_told_to_be_one(begin: Any) -> None:
    async with provider(talk) as fake:
        house = await begin(fake.origin)
        key = await asyncio.to_thread(house.tenant, "acme")
        async with (
            ClientSession(headers={"Authorization": f"Bearer {key}"}) as session,
            session.get(house.edge + REALTIME) as answer,
        ):
            assert answer.status == 426
            assert answer.headers["faregate-refusal"] == "upgrade_required"


async def test_a_provider_that_refuses_is_passed_on_as_it_answers(begin: Any) -> None:
    def no(_: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "no such model"}}, status=404)

    async with provider(talk, answer=no) as fake:
        house = await begin(fake.origin)
        key = await asyncio.to_thread(house.tenant, "acme")
        with pytest.raises(WSServerHandshakeError) as caught:
            async with caller(house.edge + REALTIME, key):
                pass
        assert caught.value.status == 404
        assert await asyncio.to_thread(house.calls, "acme") == []


async def test_responses_over_a_websocket_are_metered_as_the_requests_they_are(begin: Any) -> None:
    async def answer(line: Line) -> None:
        while (asked := await line.hear()) is not None:
            response = {"id": f"resp_{len(line.heard)}", "model": "gpt-5-mini", "status": "completed"}
            lane = {"stream_id": asked["stream_id"]} if "stream_id" in asked else {}
            used = {"input_tokens": 30, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 10}}
            await line.say({"type": "response.created", "response": response, **lane})
            await line.say({"type": "response.completed", "response": {**response, "usage": used}, **lane})

    async with provider(answer) as fake:
        house = await begin(fake.origin)
        key = await asyncio.to_thread(house.tenant, "acme")
        ask = {"type": "response.create", "model": "gpt-5-mini", "input": "Hi", "max_output_tokens": 100}
        async with caller(house.edge + "/openai/v1/responses", key) as socket:
            for more in ({}, {"previous_response_id": "resp_1"}, {"stream_id": "b"}):
                await socket.send_json({**ask, **more})
                assert (await socket.receive_json())["type"] == "response.created"
                assert (await socket.receive_json())["type"] == "response.completed"
            await socket.send_json({**ask, "previous_response_id": "resp_of_another"})
            [event] = await all_of(socket)
        entries = await asyncio.to_thread(house.calls, "acme")
    assert event["error"]["code"] == "not_found"
    assert [entry["call"]["usage"] for entry in entries] == [
        {"input_tokens": 20, "cache_read_tokens": 10, "output_tokens": 7}
    ] * 3
    assert [one["type"] for one in fake.lines[0].heard] == ["response.create"] * 3


async def test_gemini_live_is_metered_turn_by_turn(begin: Any) -> None:
    async def live(line: Line) -> None:
        assert line.request.headers["x-goog-api-key"] == CANARY
        assert "key=" not in line.request.raw_path
        await line.hear_until()
        await line.socket.send_bytes(json.dumps({"setupComplete": {}}).encode())
        while await line.hear() is not None:
            spoken = {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "AAAA"}}]}}
            await line.socket.send_bytes(json.dumps({"serverContent": spoken}).encode())
            used: dict[str, Any] = {"promptTokenCount": 20, "responseTokenCount": 9, "thoughtsTokenCount": 4}
            used |= {"responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 9}]}
            over = {"serverContent": {"turnComplete": True}, "usageMetadata": used}
            await line.socket.send_bytes(json.dumps(over).encode())

    async with provider(live) as fake:
        house = await begin(fake.origin, "gemini")
        key = await asyncio.to_thread(house.tenant, "acme")
        path = "/gemini/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
        async with caller(f"{house.edge}{path}?key={key}") as socket:
            await socket.send_json({"setup": {"model": "models/gemini-2.5-flash-native-audio-latest"}})
            assert "setupComplete" in json.loads(await socket.receive_bytes())
            await socket.send_json({"clientContent": {"turns": [], "turnComplete": True}})
            await socket.receive_bytes()
            await socket.receive_bytes()
        [entry] = await asyncio.to_thread(house.calls, "acme")
    assert entry["call"]["usage"] == {"input_tokens": 20, "output_tokens": 4, "output_audio_tokens": 9}


async def test_speech_is_charged_by_the_characters_that_are_sent(begin: Any) -> None:
    async def speak(line: Line) -> None:
        while (found := await line.hear()) is not None and found["text"]:
            await line.say({"audio": "AAAA"})

    async with provider(speak) as fake:
        house = await begin(fake.origin, "elevenlabs")
        key = await asyncio.to_thread(house.tenant, "acme")
        path = "/elevenlabs/v1/text-to-speech/voice1/stream-input?model_id=eleven_flash_v2_5"
        async with caller(house.edge + path, headers={"xi-api-key": key}) as socket:
            for text in ("Grüße ", "a" * 2000, "end", ""):
                await socket.send_json({"text": text})
            await all_of(socket)
        entries = await asyncio.to_thread(house.calls, "acme")
    assert [entry["call"]["usage"] for entry in entries] == [{"characters": 3}, {"characters": 2006}]
    assert fake.lines[0].request.headers["xi-api-key"] == CANARY


async def test_what_is_heard_is_charged_by_the_second(begin: Any) -> None:
    async def listen(line: Line) -> None:
        heard = 0
        while (found := await line.hear()) is not None:
            if isinstance(found, bytes):
                heard += len(found)
                await line.say({"type": "Results", "start": 0.0, "duration": heard / 32_000})
            else:
                await line.say({"type": "Metadata", "duration": heard / 32_000, "channels": 1})
                return

    async with provider(listen, protocols=("token",)) as fake:
        house = await begin(fake.origin, "deepgram")
        key = await asyncio.to_thread(house.tenant, "acme")
        path = "/deepgram/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000&diarize=true"
        async with caller(house.edge + path, protocols=("token", key)) as socket:
            assert socket.protocol == "token"
            for _ in range(7):
                await socket.send_bytes(b"\0" * 320_000)
            await socket.send_json({"type": "CloseStream"})
            events = await all_of(socket)
        entries = await asyncio.to_thread(house.calls, "acme")
    assert events[-1]["type"] == "Metadata"
    assert fake.lines[0].request.headers["Sec-WebSocket-Protocol"] == f"token, {CANARY}"
    seconds = [entry["call"]["usage"]["audio_seconds"] for entry in entries]
    assert seconds == [10, 60]
    assert [entry["call"]["usage"]["diarized_seconds"] for entry in entries] == seconds


SECRETS = "/openai/v1/realtime/client_secrets"
PRICE = """
integration: openai
source: a judgement of the operator's
checked: 2026-11-21
models:
  - match: [realtime-direct]
    rates: [{per: 60, usd: {audio_seconds: "0.05"}}]
"""


@pytest.mark.parametrize("priced", [False, True])
async def test_what_passes_by_is_refused_unless_the_operator_prices_it(
    begin: Any, tmp_path: Path, priced: bool
) -> None:
    def secret(asked: web.Request) -> web.Response:
        if asked.path.endswith("/calls"):
            return web.Response(text="v=0", content_type="application/sdp", status=201)
        return web.json_response({"value": "ek_1", "expires_at": 1})

    settings = {}
    if priced:
        (tmp_path / "rates").mkdir()
        (tmp_path / "rates" / "openai.yaml").write_text(PRICE)
        settings = {"rates_dir": str(tmp_path / "rates")}
    async with provider(talk, answer=secret) as fake:
        house = await begin(fake.origin, **settings)
        key = await asyncio.to_thread(house.tenant, "acme", "50")
        talk_of = {"session": {"type": "realtime", "model": "gpt-realtime"}}
        longer = {**talk_of, "expires_after": {"anchor": "created_at", "seconds": 7200}}
        sdp = {"data": b"v=0", "headers": {"Content-Type": "application/sdp"}}
        asked: list[tuple[str, dict[str, Any], int]] = [
            (SECRETS, {"json": talk_of}, 70),
            (SECRETS, {"json": longer}, 180),
            ("/openai/v1/realtime/calls?model=gpt-realtime", sdp, 60),
        ]
        async with ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
            for path, body, _ in asked:
                async with session.post(house.edge + path, **body) as answer:
                    if priced:
                        assert answer.status < 300, await answer.text()
                    else:
                        found = await answer.json()
                        assert (answer.status, found["error"]["code"]) == (404, "unpriced_model")
                        assert "past Faregate" in found["error"]["message"]
        assert len(fake.refused) == (len(asked) if priced else 0)
        assert (await asyncio.to_thread(house.settled, "acme"))["credits_held_micros"] == 0
        charged = [-entry["amount_nanos"] for entry in await asyncio.to_thread(house.calls, "acme")]
        assert charged == [minutes * 60_000_000 for _, _, minutes in reversed(asked)] * priced
