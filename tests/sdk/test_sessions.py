"""Official SDKs hold sessions through the real process and its TLS, on other base URLs and other keys.

The providers are a script: each path talks as its documentation says. Some SDKs insist on wss.
"""

import asyncio
import base64
import json
import subprocess
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import trustme
from support.house import House
from support.sdk import SCRIPT_S, SCRIPTS, interpreter
from support.sockets import Line, Provider, provider

pytestmark = pytest.mark.sdk

CANARY = "sk-canary-of-the-operator"
SOUND = base64.b64encode(bytes(64)).decode()


async def realtime(line: Line) -> None:
    """Answer each request with a response of the same size: a large one if the model is the dearer."""
    out = 1_000 if "1.5" in line.request.raw_path else 10
    await line.say({"type": "session.created", "event_id": "e", "session": {"type": "realtime"}})
    while (asked := await line.hear()) is not None:
        if asked["type"] == "response.create":
            response = {"id": "resp_1", "object": "realtime.response"}
            used = {"total_tokens": 100 + out, "input_tokens": 100, "output_tokens": out}
            used |= {"output_token_details": {"audio_tokens": out, "text_tokens": 0}} if out > 10 else {}
            await line.say({"type": "response.created", "event_id": "e", "response": response})
            await line.say({"type": "response.done", "event_id": "e", "response": {**response, "usage": used}})


async def voice(line: Line) -> None:
    """Tell the seconds of the session so far beside each response."""
    seconds = 0
    while (asked := await line.hear()) is not None:
        if asked["type"] == "response.create":
            seconds += 3
            item = {"id": "i", "role": "user", "type": "message", "content": [{"type": "input_text", "text": "Why?"}]}
            await line.say({"type": "conversation.item.added", "event_id": "e", "item": item})
            await line.say({"type": "response.created", "event_id": "e", "response": {"id": "resp_1", "usage": {}}})
            used = {"input_tokens": 7, "output_tokens": 90, "billable_audio_seconds": seconds}
            await line.say({"type": "response.done", "event_id": "e", "response": {"id": "resp_1"}, "usage": used})


async def responses(line: Line) -> None:
    """Answer requests in events."""
    while await line.hear() is not None:
        response = {"id": f"resp_{len(line.heard)}", "object": "response", "model": "gpt-5-mini", "output": []}
        used = {
            "input_tokens": 30,
            "output_tokens": 7,
            "total_tokens": 37,
            "input_tokens_details": {"cached_tokens": 8},
        }
        await line.say({"type": "response.created", "sequence_number": 0, "response": response})
        await line.say({"type": "response.completed", "sequence_number": 1, "response": {**response, "usage": used}})


async def live(line: Line) -> None:
    """Answer in binary messages, as Gemini does."""
    await line.hear()
    await line.send(json.dumps({"setupComplete": {}}).encode())
    while await line.hear() is not None:
        part = {"inlineData": {"mimeType": "audio/pcm", "data": SOUND}}
        await line.send(json.dumps({"serverContent": {"modelTurn": {"parts": [part]}}}).encode())
        used = {"promptTokenCount": 20, "responseTokenCount": 9, "totalTokenCount": 29}
        used |= {"responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 9}]}
        await line.send(json.dumps({"serverContent": {"turnComplete": True}, "usageMetadata": used}).encode())


async def listen(line: Line) -> None:
    """Hear everything, and tell at the end how long it was."""
    heard = 0
    while isinstance(found := await line.hear(), bytes):
        heard += len(found)
    length = heard / 32_000
    words: dict[str, Any] = {"alternatives": [{"transcript": "Why?", "confidence": 0.9, "words": []}]}
    meant = {"request_id": "r", "model_info": {"name": "n", "version": "v", "arch": "a"}, "model_uuid": "u"}
    await line.say(
        {
            "type": "Results",
            "channel_index": [0, 1],
            "start": 0.0,
            "duration": length,
            "channel": words,
            "metadata": meant,
        }
    )
    await line.say(
        {"type": "Metadata", "transaction_key": "t", "request_id": "r", "sha256": "s", "created": "c",
         "duration": length, "channels": 1}
    )  # fmt: skip


async def speak(line: Line) -> None:
    """Speak once the text is over."""
    while (found := await line.hear()) is not None and found["text"]:
        pass
    await line.say({"audio": SOUND, "isFinal": None}, {"isFinal": True})


async def pronounce(line: Line) -> None:
    """Speak each part as it comes, each of its context."""
    while (found := await line.hear()) is not None:
        told = {"context_id": found["context_id"], "status_code": 206, "done": False}
        await line.say({**told, "type": "chunk", "data": SOUND, "step_time": 1.0})
        if not found.get("continue"):
            await line.say({**told, "type": "done", "done": True, "status_code": 200})


TALKS: dict[str, Callable[[Line], Awaitable[None]]] = {
    "/v1/realtime?model=gpt-": realtime,
    "/openai/realtime?": realtime,
    "/v1/realtime?model=grok-voice-latest": voice,
    "/v1/responses": responses,
    "/ws/google": live,
    "/v1/listen": listen,
    "/v1/text-to-speech": speak,
    "/tts/websocket": pronounce,
}
ORDER = [
    "realtime",
    "realtime at once",
    "azure",
    "xai",
    "responses",
    "live",
    "listen",
    "speak",
    "pronounce",
    "out of money",
]
"""The sessions that reach a provider."""


async def talk(line: Line) -> None:
    """Talk as the provider of a path does."""
    await next(play for path, play in TALKS.items() if line.request.raw_path.startswith(path))(line)


def certify(folder: Path) -> dict[str, str]:
    """Put a certificate of an authority that only the script trusts into a folder."""
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return {"cert": str(folder / "cert.pem"), "key": str(folder / "key.pem")}


async def hold_sessions(python: Path, folder: Path) -> tuple[dict[str, Any], Provider]:
    """Run the script. Returns what it told, with the ledger's entries and each tenant's key, and the provider."""
    async with provider(talk, protocols=("realtime",)) as fake:
        chosen: dict[str, Any] = {"api_key": CANARY, "upstream": fake.origin}
        names = ("openai", "xai", "gemini", "deepgram", "elevenlabs", "cartesia")
        providers = {**dict.fromkeys(names, chosen), "azure-openai": {**chosen, "models": {"talks": "gpt-realtime"}}}
        house = await asyncio.to_thread(House(folder, providers, {"tls": certify(folder)}).start)
        try:
            keys = {who: await asyncio.to_thread(house.tenant, who, usd) for who, usd in TENANTS.items()}
            told = {"edge": house.edge.replace("http", "https"), "operator": house.operator, **keys}
            done = await asyncio.to_thread(
                subprocess.run,
                [str(python), str(SCRIPTS / "session_calls.py")],
                input=json.dumps(told),
                capture_output=True,
                text=True,
                timeout=SCRIPT_S,
                check=False,
                env=house.environment | {"PYTHONWARNINGS": "", "SSL_CERT_FILE": str(folder / "authority.pem")},
            )
            assert done.returncode == 0, done.stderr
            assert (await asyncio.to_thread(house.settled, "rich"))["credits_held_micros"] == 0
            entries = {who: (await asyncio.to_thread(house.calls, who))[::-1] for who in ("rich", "brief")}
            verified = await asyncio.to_thread(house.cli, "ledger", "verify")
            assert verified["ok"] is True
        finally:
            status = await asyncio.to_thread(house.stop)
        assert status == 0, house.log
        assert "Traceback" not in house.log, house.log
        assert CANARY not in house.log + done.stdout
    return {**json.loads(done.stdout), "entries": entries, "keys": keys}, fake


TENANTS = {"rich": "50", "poor": "0", "brief": "0.6"}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Provider]:
    """What the script told, and what the provider was told."""
    python = interpreter("media")
    return asyncio.run(hold_sessions(python, tmp_path_factory.mktemp("house")))


Said = tuple[dict[str, Any], Provider]


def test_every_session_is_charged_to_the_nano(said: Said) -> None:
    text, sound = 100 * 4_000 + 10 * 16_000, 20 * 500 + 9 * 12_000  # nano-USD: gpt-realtime's turn, and Live's
    response = 22 * 250 + 8 * 25 + 7 * 2_000
    letters = 1 + 60 * 39 + 1  # the SDK begins and ends with a blank
    expected = [
        *[("openai", {"input_tokens": 100, "output_tokens": 10}, text)] * 3,
        ("azure-openai", {"input_tokens": 100, "output_tokens": 10}, text),
        *[("xai", {"billable_audio_seconds": 3, "text_messages": 1}, 3 * 4_800_000_000 // 3600 + 4_000_000)] * 2,
        *[("openai", {"input_tokens": 22, "cache_read_tokens": 8, "output_tokens": 7}, response)] * 2,
        *[("gemini", {"input_tokens": 20, "output_audio_tokens": 9}, sound)] * 2,
        ("deepgram", {"audio_seconds": 70}, 70 * 80_000),
        ("elevenlabs", {"characters": letters}, letters * 90_000),
        ("cartesia", {"characters": 2 * 39}, 2 * 39 * 50_000),
    ]
    found = said[0]["entries"]["rich"]
    whole: list[tuple[str, dict[str, Any], int]] = []
    for entry in found:  # what has no turns is cut into calls, which are added up here
        call = entry["call"]
        if call["integration"] in ("deepgram", "elevenlabs") and whole and whole[-1][0] == call["integration"]:
            [(unit, amount)] = call["usage"].items()
            before = whole.pop()
            whole.append((before[0], {unit: before[1][unit] + amount}, before[2] - entry["amount_nanos"]))
        else:
            whole.append((call["integration"], call["usage"], -entry["amount_nanos"]))
    assert whole == [(integration, usage, cost * 12 // 10) for integration, usage, cost in expected]
    assert {entry["call"]["integration"] for entry in found if entry["call"]["certainty"] != "exact"} == set()


def test_messages_are_what_they_were(said: Said) -> None:
    results, lines = said[0]["results"], said[1].lines
    assert len(lines) == len(ORDER)
    for name, line in zip(ORDER, lines, strict=True):
        sent, got = results[name]["sent"], results[name]["got"]
        assert [sha256(data).hexdigest() for data in line.raw][: len(sent)] == sent[: len(line.raw)], name
        assert len(line.raw) >= len(sent) - (name == "out of money"), name
        told = [sha256(data).hexdigest() for data in line.told]
        assert got[: len(told)] == told, name


def test_the_provider_sees_the_operators_key_alone(said: Said) -> None:
    for line in said[1].lines:
        shown = str(line.request.raw_headers) + line.request.raw_path
        assert CANARY in shown
        assert not [key for key in said[0]["keys"].values() if key in shown]


@pytest.mark.parametrize(
    ("name", "raised"),
    [
        ("no money: realtime", "ConnectionClosedError"),
        ("no money: responses", "ConnectionClosedError"),
        (
            "no money: live",
            "Exception",
        ),  # APIError if it is told while it listens, ConnectionClosedError while it speaks
        ("no money: listen", "ConnectionClosedError"),
        ("no money: speak", "ApiError"),
        ("no money: pronounce", "ConnectionClosedError"),
    ],
)
def test_without_money_each_shows_why(said: Said, name: str, raised: str) -> None:
    found = said[0]["results"][name]
    assert raised in found["raised"], found
    assert "balance_exhausted" in found["words"]


def test_a_session_that_runs_out_of_money_has_paid_for_what_it_had(said: Said) -> None:
    found = said[0]["results"]["out of money"]
    answered = found["events"].count("response.done")
    assert answered > 1
    assert found["events"][-1] == "request_too_large_for_balance"
    assert "ConnectionClosedError" in found["raised"]
    assert "more than the balance of" in found["words"]
    assert len(said[0]["entries"]["brief"]) == answered


@pytest.mark.parametrize(
    ("name", "raised"), [("wrong key: realtime", "InvalidStatus"), ("wrong key: listen", "InvalidStatus")]
)
def test_a_wrong_key_is_answered_as_http_has_it(said: Said, name: str, raised: str) -> None:
    found = said[0]["results"][name]
    assert raised in found["raised"]
    assert "401" in found["words"]
