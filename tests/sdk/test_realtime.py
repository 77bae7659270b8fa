"""OpenAI's own SDK holds realtime sessions through the real process, on another base URL and another key."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.house import House
from support.sdk import interpreter
from support.sockets import Line, provider

pytestmark = pytest.mark.sdk

SCRIPT = Path(__file__).parent / "scripts" / "realtime_calls.py"
USED = {"total_tokens": 110, "input_tokens": 100, "output_tokens": 10}


async def talk(line: Line) -> None:
    """Answer each request with a response of the same size."""
    await line.say({"type": "session.created", "event_id": "e", "session": {"type": "realtime"}})
    while (asked := await line.hear()) is not None:
        if asked["type"] == "response.create":
            response = {"id": "resp_1", "object": "realtime.response"}
            await line.say({"type": "response.created", "event_id": "e", "response": response})
            await line.say({"type": "response.done", "event_id": "e", "response": {**response, "usage": USED}})


async def test_the_official_sdk_holds_sessions(tmp_path: Path) -> None:
    python = interpreter("media")
    async with provider(talk, protocols=("realtime",)) as fake:
        house = House(tmp_path, {"openai": {"api_key": "sk-canary", "upstream": fake.origin}})
        await asyncio.to_thread(house.start)
        try:
            keys = [await asyncio.to_thread(house.tenant, *who) for who in (("rich", "10"), ("poor", "0.01"))]
            said = await asyncio.to_thread(
                subprocess.run,
                [python, SCRIPT, house.edge, *keys],
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
            entries = await asyncio.to_thread(house.calls, "rich")
        finally:
            await asyncio.to_thread(house.stop)
    found: dict[str, Any] = {each["name"]: each for each in map(json.loads, said.stdout.splitlines())}
    assert found["async"]["tokens"] == found["sync"]["tokens"] == 110
    assert [entry["call"]["usage"] for entry in entries] == [{"input_tokens": 100, "output_tokens": 10}] * 2
    assert found["no money"]["events"] == ["balance_exhausted"]
    assert found["no money"]["raised"] == "ConnectionClosedError"
    assert "balance_exhausted" in found["no money"]["words"]
    assert found["wrong key"]["raised"] == "InvalidStatus"
    assert "401" in found["wrong key"]["words"]
