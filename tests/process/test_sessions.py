"""WebSocket sessions through the real process: turns, money, keys, and every way in which a session ends."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.house import House
from support.sockets import Line, all_of, caller, provider

pytestmark = pytest.mark.process

CANARY = "sk-canary-upstream"
REALTIME = "/openai/v1/realtime?model=gpt-realtime"


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Any]:
    """Start a house in front of an upstream; afterwards it must end well, and have said no secret."""
    houses: list[House] = []

    async def start(origin: str, **settings: Any) -> House:
        house = House(tmp_path, {"openai": {"api_key": CANARY, "upstream": origin}}, settings)
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
    assert all_of is not None
