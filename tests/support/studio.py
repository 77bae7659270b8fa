"""Providers of sound, text of sound, and pictures, as scripts: each path answers as its documentation says.

What is answered depends on the request as it does there: a format, a stream, the length of the text.
"""

import contextlib
import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping

from support.upstream import STREAM_END, STREAM_HEAD, Seen, Upstream, chunk, upstream

SOUND = b"ID3\x04" + bytes(range(256)) * 40
TEXT = "Why is the sky blue?"
SUBTITLES = b"1\n00:00:00,000 --> 00:00:02,500\nWhy is the sky blue?\n\n"
PICTURE = {"b64_json": "aVZCT1J3MEtHZ28="}
TOKENS = {
    "type": "tokens",
    "input_tokens": 25,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 25},
    "output_tokens": 6,
}
DRAWN = {
    "input_tokens": 30,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 20},
    "output_tokens": 272,
    "output_tokens_details": {"text_tokens": 0, "image_tokens": 272},
    "total_tokens": 302,
}
HEARD = {
    "metadata": {"request_id": "r", "sha256": "s", "created": "2026-11-21T00:00:00Z", "duration": 2.5, "channels": 1,
                 "models": ["m"], "model_info": {"m": {"name": "general-nova-3"}}},
    "results": {"channels": [{"alternatives": [{"transcript": TEXT, "confidence": 0.99, "words": []}]}]},
}  # fmt: skip
SCRIBED = {
    "language_code": "eng", "language_probability": 0.99, "text": TEXT, "audio_duration_secs": 2.5,
    "words": [{"text": TEXT, "start": 0.0, "end": 2.4, "type": "word", "logprob": -0.1}],
}  # fmt: skip


@contextlib.contextmanager
def studio() -> Iterator[Upstream]:
    """Run all of them at one origin."""
    with upstream(_answer) as providers:
        yield providers


def _answer(connection: socket.socket, seen: Seen) -> None:
    path = seen.line.split()[1].partition("?")[0]
    answer = next((make for pattern, make in ROUTES.items() if re.fullmatch(pattern, path)), None)
    connection.sendall(
        _whole(b"no such route", {"content-type": "text/plain"}, "404 Not Found") if answer is None else answer(seen)
    )


def _whole(body: bytes, headers: Mapping[str, str], status: str = "200 OK") -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"content-length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _json(document: object) -> bytes:
    return _whole(json.dumps(document).encode(), {"content-type": "application/json"})


def _events(*documents: object, end: bytes = b"") -> bytes:
    told = b"".join(b"data: " + json.dumps(document).encode() + b"\n\n" for document in documents)
    return STREAM_HEAD + chunk(told + end) + STREAM_END


def _sound(headers: Mapping[str, str]) -> bytes:
    return _whole(SOUND, {"content-type": "audio/mpeg", **headers})


def _field(seen: Seen, name: str) -> str:
    found = re.search(rb'name="' + name.encode() + rb'"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)', seen.body)
    return found[1].decode() if found else ""


def _speech(seen: Seen) -> bytes:
    if json.loads(seen.body).get("stream_format") != "sse":
        return _sound({})
    usage = {"input_tokens": 7, "output_tokens": 40, "total_tokens": 47}
    return _events({"type": "speech.audio.delta", "audio": "SUQz"}, {"type": "speech.audio.done", "usage": usage})


def _transcription(seen: Seen) -> bytes:
    shape, model = _field(seen, "response_format"), _field(seen, "model")
    if shape in ("text", "srt", "vtt"):
        return _whole(SUBTITLES, {"content-type": "text/plain; charset=utf-8"})
    if _field(seen, "stream") == "true":
        done = {"type": "transcript.text.done", "text": TEXT, "usage": TOKENS}
        return _events({"type": "transcript.text.delta", "delta": TEXT}, done, end=b"data: [DONE]\n\n")
    usage = {"type": "duration", "seconds": 3} if model == "whisper-1" else TOKENS
    more = (
        {"task": "transcribe", "language": "english", "duration": 2.5, "segments": []}
        if shape == "verbose_json"
        else {}
    )
    return _json({**more, "text": TEXT, "usage": usage})


def _pictures(seen: Seen) -> bytes:
    body = json.loads(seen.body) if seen.body.startswith(b"{") else {"model": _field(seen, "model")}
    drawn = {"created": 1, "data": [PICTURE] * body.get("n", 1)}
    return _json(
        drawn if body.get("model", "").startswith("dall-e") else {**drawn, "usage": DRAWN, "size": "1024x1024"}
    )


def _spoken(header: str, each: float) -> Callable[[Seen], bytes]:
    def make(seen: Seen) -> bytes:
        return _sound({header: str(int(len(json.loads(seen.body)["text"]) * each))})

    return make


def _timed(seen: Seen) -> bytes:
    head = STREAM_HEAD.replace(b"text/event-stream", b"application/json\r\nCharacter-Cost: 9")
    line = json.dumps({"audio_base64": "SUQz", "alignment": None}).encode() + b"\n\n"
    return head + chunk(line) + chunk(line) + STREAM_END


def _told(seen: Seen) -> bytes:
    done = {"type": "done", "done": True, "status_code": 200}
    return _events({"type": "chunk", "data": "AAAA", "done": False, "status_code": 206, "step_time": 1.0}, done)


ROUTES: Mapping[str, Callable[[Seen], bytes]] = {
    "/v1/audio/speech": _speech,
    "/v1/audio/(transcriptions|translations)": _transcription,
    "/v1/images/.*": _pictures,
    "/v1/text-to-speech/[^/]+(/stream)?": _spoken("character-cost", 0.5),
    "/v1/text-to-speech/.*/stream/with-timestamps": _timed,
    "/v1/transcribe(/live)?": lambda _: _json(
        {"text": TEXT, "words": [], "confidence": 0.9, "audio_duration_ms": 2500}
    ),
    "/v1/speech-to-text": lambda _: _json(SCRIBED),
    "/v1/voice-changer/.*|/v1/sound-generation|/v1/music|/tts/bytes": lambda _: _sound({}),
    "/v1/listen": lambda _: _json(HEARD),
    "/v1/speak": _spoken("dg-char-count", 1),
    "/tts/sse": _told,
}
