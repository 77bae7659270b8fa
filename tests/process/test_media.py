"""Sound, text of sound, and pictures through the real process: each kind of body and answer, and its cost."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from doubles.sound import mp3, wav
from support.caller import Answer, call
from support.desk import Account, Desk
from support.house import House
from support.studio import SOUND, SUBTITLES, studio
from support.upstream import Upstream

pytestmark = pytest.mark.process

OPERATOR = "sk-of-the-operator"
INTEGRATIONS = ("openai", "elevenlabs", "deepgram", "cartesia", "assemblyai")
MARGIN = 1.2


@dataclass(frozen=True)
class Studio:
    """The house between its callers and the studio."""

    house: House
    desk: Desk
    providers: Upstream

    def ask(self, account: Account, path: str, body: bytes, content_type: str = "application/json") -> Answer:
        """Make one call."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {account.key}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return call(self.house.edge, head.encode() + body)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio() as providers:
        chosen = {"api_key": OPERATOR, "upstream": providers.origin}
        house = House(tmp_path_factory.mktemp("media"), dict.fromkeys(INTEGRATIONS, chosen)).start()
        try:
            desk = Desk(house)
            yield Studio(house, desk, providers)
            desk.verify()
        finally:
            status = house.stop()
        assert status == 0, house.log
        assert "Traceback" not in house.log, house.log


FORM_TYPE = "multipart/form-data; boundary=xYz"
WAV = wav(2.5, size=0xFFFFFFFF)
TEXT = "Häuser sind blau."


def form(file: bytes, field: str = "file", **fields: str) -> bytes:
    """Return a form with one file, which comes first, as some SDKs send it."""
    head = f'Content-Disposition: form-data; name="{field}"; filename="a.wav"\r\nContent-Type: audio/wav'
    parts = [head.encode() + b"\r\n\r\n" + file]
    parts += [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()
    ]
    return b"".join(b"--xYz\r\n" + part + b"\r\n" for part in parts) + b"--xYz--\r\n"


def say(**body: Any) -> tuple[bytes, str]:
    """Return a JSON body and its type."""
    return json.dumps(body).encode(), "application/json"


def send(file: bytes, field: str = "file", **fields: str) -> tuple[bytes, str]:
    """Return a form and its type."""
    return form(file, field, **fields), FORM_TYPE


SPEECH, HEAR, TRANSLATE = "/openai/v1/audio/speech", "/openai/v1/audio/transcriptions", "/openai/v1/audio/translations"
DRAW, EDIT, VARY = "/openai/v1/images/generations", "/openai/v1/images/edits", "/openai/v1/images/variations"
SPEAK = "/elevenlabs/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb"
LISTEN = "/deepgram/v1/listen?model=nova-3"
DRAWN = {"input_tokens": 10, "input_image_tokens": 20, "output_image_tokens": 272}
CASES: dict[str, tuple[str, tuple[bytes, str], dict[str, float], str, float]] = {
    "speech": (SPEECH, say(model="tts-1", input=TEXT, voice="alloy"), {"characters": 17}, "exact", 17 * 15e-6),
    "speech in hd": (SPEECH, say(model="tts-1-hd", input=TEXT, voice="a"), {"characters": 17}, "exact", 17 * 30e-6),
    "speech as events": (
        SPEECH,
        say(model="gpt-4o-mini-tts", input=TEXT, voice="alloy", stream_format="sse"),
        {"input_tokens": 7, "output_audio_tokens": 40},
        "exact",
        7 * 0.6e-6 + 40 * 12e-6,
    ),
    "seconds": (HEAR, send(WAV, model="whisper-1"), {"audio_seconds": 3}, "exact", 3 * 0.0001),
    "verbose": (
        HEAR,
        send(WAV, model="whisper-1", response_format="verbose_json"),
        {"audio_seconds": 3},
        "exact",
        3 * 0.0001,
    ),
    "subtitles": (
        HEAR,
        send(WAV, model="whisper-1", response_format="srt"),
        {"audio_seconds": 3},
        "estimated",
        3 * 0.0001,
    ),
    "tokens": (
        HEAR,
        send(WAV, model="gpt-4o-transcribe"),
        {"input_audio_tokens": 25, "output_tokens": 6},
        "exact",
        25 * 6e-6 + 6 * 10e-6,
    ),
    "tokens in a stream": (
        HEAR,
        send(WAV, model="gpt-4o-transcribe", stream="true"),
        {"input_audio_tokens": 25, "output_tokens": 6},
        "exact",
        25 * 6e-6 + 6 * 10e-6,
    ),
    "tokens as text": (
        HEAR,
        send(mp3(191), model="gpt-4o-transcribe", response_format="text"),  # 4.989 s
        {"input_audio_tokens": 50, "output_tokens": 14},
        "estimated",
        50 * 6e-6 + 14 * 10e-6,
    ),
    "translation": (TRANSLATE, send(WAV, model="whisper-1"), {"audio_seconds": 3}, "exact", 3 * 0.0001),
    "pictures by tokens": (
        DRAW,
        say(model="gpt-image-1.5", prompt="a cat"),
        DRAWN,
        "exact",
        50e-6 + 160e-6 + 272 * 32e-6,
    ),
    "pictures by size": (DRAW, say(model="dall-e-3", prompt="a cat", size="1792x1024"), {"images": 1}, "exact", 0.08),
    "pictures by count": (
        DRAW,
        say(model="dall-e-2", prompt="a cat", n=3, size="256x256"),
        {"images": 3},
        "exact",
        0.048,
    ),
    "an edit": (
        EDIT,
        send(b"PNG", "image", model="gpt-image-1.5", prompt="x"),
        DRAWN,
        "exact",
        50e-6 + 160e-6 + 272 * 32e-6,
    ),
    "an edit in JSON": (
        EDIT,
        say(model="gpt-image-1.5", prompt="x", images=[{"image_url": "data:image/png;base64,iVBO"}]),
        DRAWN,
        "exact",
        50e-6 + 160e-6 + 272 * 32e-6,
    ),
    "a variation": (VARY, send(b"PNG", "image", model="dall-e-2", size="512x512"), {"images": 1}, "exact", 0.018),
    "billed characters": (SPEAK, say(text=TEXT, model_id="eleven_flash_v2_5"), {"characters": 8}, "exact", 8 * 0.00018),
    "characters with their times": (
        f"{SPEAK}/stream/with-timestamps",
        say(text=TEXT),
        {"characters": 9},
        "exact",
        9 * 0.00018,
    ),
    "a short recording": (
        "/assemblyai/v1/transcribe/live",
        send(WAV, "audio", config="{}"),
        {"audio_seconds": 2.5},
        "exact",
        2.5 * 0.3 / 3600,
    ),
    "a scribe": (
        "/elevenlabs/v1/speech-to-text",
        send(WAV, model_id="scribe_v2", keyterms="blue"),
        {"audio_seconds": 2.5, "keyterm_seconds": 2.5},
        "exact",
        2.5 * (0.22 + 0.044) / 3600,
    ),
    "a changed voice": (
        "/elevenlabs/v1/voice-changer/x/stream",
        send(WAV, "audio", model_id="eleven_multilingual_sts_v2"),
        {"audio_seconds": 2.5},
        "estimated",
        2.5 * 0.12 / 60,
    ),
    "a waltz": (
        "/elevenlabs/v1/music",
        say(prompt="a slow waltz", music_length_ms=10_500),
        {"audio_seconds": 11},  # whole seconds
        "exact",
        0.055,
    ),
    "a sound": ("/elevenlabs/v1/sound-generation", say(text="a door"), {"requests": 1}, "exact", 0.12),
    "a recording as it is": (LISTEN, (WAV, "audio/wav"), {"audio_seconds": 2.5}, "exact", 2.5 * 0.0043 / 60),
    "a recording elsewhere": (LISTEN, say(url="https://x/a.wav"), {"audio_seconds": 2.5}, "exact", 2.5 * 0.0043 / 60),
    "speakers told apart": (
        f"{LISTEN}&diarize=true&language=multi",
        (WAV, "audio/wav"),
        {"audio_seconds": 2.5, "diarized_seconds": 2.5},
        "exact",
        2.5 * (0.0052 + 0.002) / 60,
    ),
    "counted characters": (
        "/deepgram/v1/speak?model=aura-2-thalia-en",
        say(text=TEXT),
        {"characters": 17},
        "exact",
        17 * 0.03 / 1000,
    ),
    "speech of credits": (
        "/cartesia/tts/bytes",
        say(model_id="sonic-3", transcript=TEXT),
        {"characters": 17},
        "exact",
        17 * 5e-5,
    ),
    "its events": (
        "/cartesia/tts/sse",
        say(model_id="sonic-3", transcript=TEXT),
        {"characters": 17},
        "exact",
        17 * 5e-5,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_call_costs(rig: Studio, case: str) -> None:
    path, (body, content_type), usage, certainty, usd = CASES[case]
    account = rig.desk.account()
    answer = rig.ask(account, path, body, content_type)
    assert answer.status == 200, answer
    assert rig.providers.seen[-1].body == body
    assert account.key not in str(rig.providers.seen[-1].headers)
    rig.desk.last_call(account)
    [entry] = rig.desk.charges(account)
    assert (entry["call"]["usage"], entry["call"]["certainty"]) == (usage, certainty)
    assert entry["call"]["upstream_cost_nanos"] == pytest.approx(usd * 1e9, abs=1)
    assert -entry["amount_nanos"] == pytest.approx(usd * 1e9 * MARGIN, abs=1)
    if answer.headers["content-type"] == "application/json" and "with-timestamps" not in path:
        assert float(answer.headers["faregate-charge-usd"]) * 1e9 == pytest.approx(-entry["amount_nanos"], abs=1e-3)


def test_sound_and_subtitles_go_through_as_they_came(rig: Studio) -> None:
    account = rig.desk.account()
    assert rig.ask(account, SPEECH, *say(model="tts-1", input=TEXT, voice="alloy")).body == SOUND
    assert rig.ask(account, HEAR, *send(WAV, model="whisper-1", response_format="vtt")).body == SUBTITLES


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (SPEECH, say(model="tts-1", input="x" * 3000, voice="alloy"), 402, "balance_exhausted"),
        (HEAR, send(wav(600, rate=8000), model="whisper-1"), 402, "balance_exhausted"),
        (SPEAK, say(text="x" * 3000), 402, "balance_exhausted"),
        (f"{LISTEN}&language=multi", say(url="https://x/a.wav"), 402, "balance_exhausted"),
        (HEAR, send(WAV, model="whisper-9"), 404, "unpriced_model"),
        (HEAR, (form(WAV, model="whisper-1") + form(b"", model="whisper-9"), FORM_TYPE), 200, ""),
        (HEAR, (form(WAV).replace(b"--xYz--", b""), FORM_TYPE), 400, "malformed_request"),
        (HEAR, send(WAV, model="whisper-1", stream="yes"), 400, "malformed_request"),
        (f"{LISTEN}&callback=https://x", (WAV, "audio/wav"), 400, "malformed_request"),
        ("/elevenlabs/v1/speech-to-text", send(WAV, model_id="scribe_v2", webhook="true"), 400, "malformed_request"),
        ("/elevenlabs/v1/music", say(prompt="x"), 400, "malformed_request"),
        ("/elevenlabs/v1/dubbing", say(target_lang="de"), 404, "unpriced_model"),
    ],
)
def test_what_is_not_sent(rig: Studio, path: str, body: tuple[bytes, str], status: int, code: str) -> None:
    account = rig.desk.account("0.01")
    before = len(rig.providers.seen)
    answer = rig.ask(account, path, *body)
    assert (answer.status, answer.headers.get("faregate-refusal", "")) == (status, code), answer
    assert len(rig.providers.seen) - before == (status == 200)
