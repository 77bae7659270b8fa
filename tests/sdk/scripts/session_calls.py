"""Holds sessions with every SDK that has them: with money, without, with a wrong key.

All of them speak through `websockets`, so what each has sent and got is noted there, message by message.
"""

import asyncio
from hashlib import sha256

import websockets.asyncio.connection
import websockets.sync.connection
from cartesia import Cartesia
from deepgram import DeepgramClient, DeepgramClientEnvironment
from elevenlabs import ElevenLabs
from google import genai
from openai import AsyncAzureOpenAI, AsyncOpenAI, OpenAI
from report import Report

REPORT = Report()
EDGE = REPORT.told["edge"]
RICH, POOR, BRIEF = (REPORT.told[name] for name in ("rich", "poor", "brief"))
SECURE = "wss" + EDGE.removeprefix("https")
TAPE = {"sent": [], "got": []}
SOUND = bytes(32_000)
LINE = "Air scatters blue light more than red. "


def tap(kind, name, side):
    """Note what goes through a method of a connection."""
    method = getattr(kind, name)

    def keep(message):
        data = message.encode() if isinstance(message, str) else bytes(message)
        TAPE[side].append(sha256(data).hexdigest())
        return message

    async def later(self, *given, **named):
        if side == "sent":
            keep(given[0])
        found = await method(self, *given, **named)
        return found if side == "sent" else keep(found)

    def at_once(self, *given, **named):
        if side == "sent":
            keep(given[0])
        found = method(self, *given, **named)
        return found if side == "sent" else keep(found)

    setattr(kind, name, later if asyncio.iscoroutinefunction(method) else at_once)


for each in (websockets.asyncio.connection.Connection, websockets.sync.connection.Connection):
    tap(each, "send", "sent")
    tap(each, "recv", "got")


def hold(name, talk, *given):
    """Hold a session; keep what it came to, or its error, and its messages."""
    for side in TAPE.values():
        side.clear()
    events, raised, words = [], [], ""
    try:
        held = talk(events.append, *given)
        if asyncio.iscoroutine(held):
            asyncio.run(held)
    except Exception as error:  # noqa: BLE001  # which error it is, is the finding
        raised, words = [one.__name__ for one in type(error).__mro__], f"{error} {getattr(error, 'body', '')}"
    tape = {side: list(messages) for side, messages in TAPE.items()}
    REPORT.note(name, {"events": events, "raised": raised, "words": words, **tape})


async def realtime(see, client, model, turns=1):
    async with client.realtime.connect(model=model) as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        for _ in range(turns):
            await connection.response.create()
            async for event in connection:
                see(event.error.code if event.type == "error" else event.type)
                if event.type == "response.done":
                    break


def realtime_at_once(see, client):
    with client.realtime.connect(model="gpt-realtime") as connection:
        connection.response.create()
        for event in connection:
            see(event.error.code if event.type == "error" else event.type)
            if event.type == "response.done":
                return


def responses(see, client):
    with client.responses.connect() as connection:
        for _ in range(2):
            connection.response.create(model="gpt-5-mini", input="Why?", max_output_tokens=100)
            for event in connection:
                see(event.error.code if event.type == "error" else event.type)
                if event.type == "response.completed":
                    break


async def live(see, key):
    client = genai.Client(api_key=key, http_options={"base_url": f"{EDGE}/gemini"})
    config = {"response_modalities": ["AUDIO"]}
    async with client.aio.live.connect(model="gemini-2.5-flash-native-audio-latest", config=config) as session:
        for _ in range(2):
            await session.send_client_content(turns={"role": "user", "parts": [{"text": "Why?"}]}, turn_complete=True)
            async for message in session.receive():
                see(message.usage_metadata.response_token_count if message.usage_metadata else "sound")


def listen(see, key):
    places = dict.fromkeys(("base", "production", "agent", "agent_rest"), f"{SECURE}/deepgram")
    client = DeepgramClient(api_key=key, environment=DeepgramClientEnvironment(**places))
    with client.listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16000) as connection:
        for _ in range(70):
            connection.send_media(SOUND)
        connection.send_close_stream()
        for message in connection:
            see(message.type)


def speak(see, key):
    client = ElevenLabs(api_key=key, base_url=f"{EDGE}/elevenlabs")
    text = iter([LINE] * 60)
    for sound in client.text_to_speech.convert_realtime("voice", text=text, model_id="eleven_flash_v2_5"):
        see(len(sound))


def pronounce(see, key):
    client = Cartesia(api_key=key, base_url=f"{EDGE}/cartesia")
    with client.tts.websocket_connect() as connection:
        talk = connection.context(
            model_id="sonic-3",
            voice={"mode": "id", "id": "voice"},
            output_format={"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24000},
        )
        for part in (LINE, LINE):
            talk.push(part)
        talk.no_more_inputs()
        for message in talk.receive():
            see(message.type)


def openai(kind, key, integration="openai"):
    return kind(base_url=f"{EDGE}/{integration}/v1", api_key=key)


def azure(key):
    return AsyncAzureOpenAI(azure_endpoint=f"{EDGE}/azure-openai", api_key=key, api_version="2025-04-01-preview")


hold("realtime", realtime, openai(AsyncOpenAI, RICH), "gpt-realtime", 2)
hold("realtime at once", realtime_at_once, openai(OpenAI, RICH))
hold("azure", realtime, azure(RICH), "talks")
hold("xai", realtime, openai(AsyncOpenAI, RICH, "xai"), "grok-voice-latest", 2)
hold("responses", responses, openai(OpenAI, RICH))
hold("live", live, RICH)
hold("listen", listen, RICH)
hold("speak", speak, RICH)
hold("pronounce", pronounce, RICH)
hold("out of money", realtime, openai(AsyncOpenAI, BRIEF), "gpt-realtime-1.5", 9)
hold("no money: realtime", realtime, openai(AsyncOpenAI, POOR), "gpt-realtime")
hold("no money: responses", responses, openai(OpenAI, POOR))
hold("no money: live", live, POOR)
hold("no money: listen", listen, POOR)
hold("no money: speak", speak, POOR)
hold("no money: pronounce", pronounce, POOR)
hold("wrong key: realtime", realtime, openai(AsyncOpenAI, "fg-nobody"), "gpt-realtime")
hold("wrong key: listen", listen, "fg-nobody")
REPORT.tell()
