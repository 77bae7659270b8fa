"""Sessions that nobody has recorded: each is held by its provider's own file, and charged at its own rates.

The messages are made up by hand as the providers' documentation shows them.
"""

import base64
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from doubles.acme import TENANT, make_house
from doubles.books import StillClock
from doubles.conversation import Conversation
from doubles.scene import CREDIT, KEY, RealBooks
from msgspec import structs

from proxy.calls.head import WEBSOCKET, Head
from proxy.ledger.bill import read_bill
from proxy.loading.catalogue import load_catalogue
from proxy.providers.integration import Policy

CATALOGUE = load_catalogue()
HOUR = Fraction(10**9, 3600)
"""A USD an hour, in nano-USD a second."""


def sound(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


def chunk(size: int) -> dict[str, Any]:
    return {"message_type": "input_audio_chunk", "audio_base_64": sound(size), "commit": False, "sample_rate": 16000}


def append(size: int) -> dict[str, Any]:
    return {"type": "session.input_audio_buffer.append", "audio": sound(size)}


async def open_up(integration: str, path: str, folder: Path) -> tuple[Conversation, Any]:
    """Begin a session of a provider, and return its scene and the task that carries it."""
    made = CATALOGUE.providers[integration].switch_on("sk-operator", "http://provider", Policy())
    scene = Conversation(RealBooks(folder / "books.db", StillClock()))
    scene.doors = structs.replace(scene.doors, house=make_house(made))
    await scene.open(nanos=100 * CREDIT)
    await scene.books.use_rates(CATALOGUE.card, scene.clock.now())
    opening = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "a2V5"), ("Authorization", f"Bearer {KEY}")]
    return scene, scene.begin(Head(WEBSOCKET, f"/{integration}{path}", "localhost", opening))


@pytest.mark.parametrize(
    ("integration", "path", "said", "usage", "cost"),
    [
        (
            "elevenlabs",
            "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime",
            [chunk(160_000), chunk(160_000)],
            {"audio_seconds": 10},
            10 * Fraction("0.39") * HOUR,
        ),
        (
            "elevenlabs",
            "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=pcm_24000&keyterms=sky&keyterms=blue",
            [chunk(480_000)],
            {"audio_seconds": 10, "keyterm_seconds": 10},
            10 * Fraction("0.468") * HOUR,
        ),
        (
            "elevenlabs",
            "/v1/text-to-speech/voice/stream-input?model_id=eleven_flash_v2_5",
            [{"text": "x" * 100}],
            {"characters": 100},
            Fraction(100 * 90_000),
        ),
        ("xai", "/v1/stt", [bytes(320_000)], {"audio_seconds": 10}, 10 * Fraction("0.2") * HOUR),
        (
            "xai",
            "/v1/stt?encoding=mulaw&sample_rate=8000",
            [bytes(80_000)],
            {"audio_seconds": 10},
            10 * Fraction("0.2") * HOUR,
        ),
        (
            "openai",
            "/v1/realtime/translations?model=gpt-realtime-translate",
            [append(480_000)],
            {"audio_seconds": 10},
            10 * Fraction("0.034") * 60 * HOUR,
        ),
    ],
)
async def test_what_is_sent_is_charged(
    integration: str, path: str, said: list[Any], usage: dict[str, int], cost: Fraction, tmp_path: Path
) -> None:
    scene, task = await open_up(integration, path, tmp_path)
    scene.caller.says(*said)
    await scene.provider.until(len(said))
    assert scene.provider.closed is None
    scene.caller.leaves(1000)
    await task
    [entry] = [entry for entry in await scene.books.entries(TENANT.id, 100) if entry.kind == "call"]
    bill = read_bill(entry.bill)
    assert not bill.unpriced
    assert [part.usage for part in bill.parts] == [usage]
    assert -entry.amount_nanos == round(cost * 12 / 10)
    assert (await scene.money())[1] == 0
    await scene.books.close()


@pytest.mark.parametrize(
    ("integration", "path", "said", "words"),
    [
        (
            "openai",
            "/v1/realtime/translations?model=gpt-realtime-translate",
            {"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}},
            "leave out audio.input.transcription",
        ),
        (
            "xai",
            "/v1/realtime?model=grok-voice-latest",
            {"type": "session.update", "session": {"tools": [{"type": "function"}, {"type": "web_search"}]}},
            "run a function of your own",
        ),
        (
            "elevenlabs",
            "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&transcript_edit=Shorter",
            None,
            "leave out transcript_edit",
        ),
        ("elevenlabs", "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&token=t", None, "pass Faregate by"),
    ],
)
async def test_what_cannot_be_metered_ends_the_session_with_the_reason(
    integration: str, path: str, said: Any, words: str, tmp_path: Path
) -> None:
    scene, task = await open_up(integration, path, tmp_path)
    scene.caller.says(*([said] if said else []))
    code, _ = await scene.caller.until_closed()
    await task
    assert code == 1008
    assert words in scene.caller.told[-1].data.decode()
    assert (await scene.money())[1:3] == (0, 0)
    await scene.books.close()
