"""Three providers' calls: what is asked, what is answered in one piece and as a stream, what it costs.

Every answer reports 1,000 tokens in and 500 out.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.upstream import STREAM_END, STREAM_HEAD, chunk, json_answer

INPUT, OUTPUT = 1000, 500
WORDS = ("The sky ", "is blue ", "because air ", "scatters short waves ", "more than long ones.")
QUESTION = "Why is the sky blue?"


@dataclass(frozen=True)
class Shape:
    """How one provider's main route looks. `said` is the index of the first event that carries output."""

    name: str
    path: str
    stream_path: str
    model: str
    key_header: str
    body: Callable[[bool, dict[str, Any]], dict[str, Any]]
    answer: dict[str, Any]
    events: tuple[bytes, ...]
    usage_key: str
    end: bytes
    cost_nanos: int

    def ask(self, stream: bool = False, **more: Any) -> bytes:
        """Return the body of a request."""
        return json.dumps(self.body(stream, more)).encode()

    def request(
        self, key: str, body: bytes | None = None, *, stream: bool = False, path: str = "", extra: str = ""
    ) -> bytes:
        """Return the bytes of a request with the key where this provider's SDK puts it."""
        body = self.ask(stream) if body is None else body
        return (
            f"POST {path or (self.stream_path if stream else self.path)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"{self.key_header.format(key)}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{extra}\r\n"
        ).encode() + body

    @property
    def charge_nanos(self) -> int:
        """What the tenant pays for the answer: 20 % more than the provider asks."""
        return self.cost_nanos * 12 // 10

    @property
    def plain(self) -> bytes:
        """The answer's body."""
        return json.dumps(self.answer).encode()

    @property
    def whole(self) -> bytes:
        """The answer as it comes over the wire."""
        return json_answer(self.plain)

    @property
    def stream(self) -> bytes:
        """The body of the stream."""
        return b"".join(self.events)

    @property
    def streamed(self) -> bytes:
        """The stream as it comes over the wire, a chunk for each event."""
        return STREAM_HEAD + b"".join(chunk(event) for event in self.events) + STREAM_END

    @property
    def relayed(self) -> bytes:
        """What of the stream a caller sees who has not asked for usage."""
        return b"".join(event for event in self.events if b'"choices": []' not in event)

    def with_usage(self, usage: Any) -> bytes:
        """The answer's body with other usage; None leaves it out."""
        answer = {name: value for name, value in self.answer.items() if name != self.usage_key}
        return json.dumps(answer if usage is None else {**answer, self.usage_key: usage}).encode()

    def error_of(self, document: Any) -> tuple[str, int | None, str]:
        """Return code, status where the envelope has one, and message of an error in this provider's envelope."""
        error = document["error"]
        if self.name == "anthropic":
            assert document["type"] == "error"
            assert isinstance(document["request_id"], str)
            assert isinstance(error["type"], str)
            return error["code"], None, error["message"]
        if self.name == "gemini":
            assert isinstance(error["status"], str)
            return error["reason"], error["code"], error["message"]
        assert error["param"] is None
        assert isinstance(error["type"], str)
        return error["code"], None, error["message"]


def event(data: Any, name: str = "") -> bytes:
    """Return one event of a stream."""
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(data).encode() + b"\n\n"


def _chat_chunk(**data: Any) -> bytes:
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-5-mini", **data})


def _named(kind: str, **data: Any) -> bytes:
    return event({"type": kind, **data}, kind)


def _gemini_chunk(text: str, **more: Any) -> bytes:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more.pop("candidate", {})}
    return event({"candidates": [candidate], "modelVersion": "gemini-2.5-flash", **more})


CHAT_USAGE = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}

CHAT = Shape(
    name="openai",
    path="/openai/v1/chat/completions",
    stream_path="/openai/v1/chat/completions",
    model="gpt-5-mini",
    key_header="Authorization: Bearer {}",
    body=lambda stream, more: {
        "model": "gpt-5-mini",
        "messages": [{"role": "user", "content": QUESTION}],
        **({"stream": True} if stream else {}),
        **more,
    },
    answer={
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-5-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "".join(WORDS)}, "finish_reason": "stop"}],
        "usage": CHAT_USAGE,
    },
    events=(
        _chat_chunk(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}], usage=None),
        *(_chat_chunk(choices=[{"index": 0, "delta": {"content": word}}], usage=None) for word in WORDS),
        _chat_chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=None),
        _chat_chunk(choices=[], usage=CHAT_USAGE),
        b"data: [DONE]\n\n",
    ),
    usage_key="usage",
    end=b"[DONE]",
    cost_nanos=INPUT * 250 + OUTPUT * 2000,
)

RESPONSE_USAGE = {"input_tokens": INPUT, "output_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
_RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-5-mini",
    "output": [
        {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "".join(WORDS)}]},
    ],
    "usage": RESPONSE_USAGE,
}

RESPONSES = Shape(
    name="openai",
    path="/openai/v1/responses",
    stream_path="/openai/v1/responses",
    model="gpt-5-mini",
    key_header="Authorization: Bearer {}",
    body=lambda stream, more: {
        "model": "gpt-5-mini",
        "input": QUESTION,
        **({"stream": True} if stream else {}),
        **more,
    },
    answer=_RESPONSE,
    events=(
        _named("response.created", response={**_RESPONSE, "status": "in_progress", "output": [], "usage": None}),
        *(_named("response.output_text.delta", item_id="msg_1", delta=word) for word in WORDS),
        _named("response.completed", response=_RESPONSE),
    ),
    usage_key="usage",
    end=b'"response.completed"',
    cost_nanos=INPUT * 250 + OUTPUT * 2000,
)

MESSAGES = Shape(
    name="anthropic",
    path="/anthropic/v1/messages",
    stream_path="/anthropic/v1/messages",
    model="claude-sonnet-5",
    key_header="x-api-key: {}",
    body=lambda stream, more: {
        "model": "claude-sonnet-5",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": QUESTION}],
        **({"stream": True} if stream else {}),
        **more,
    },
    answer={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [{"type": "text", "text": "".join(WORDS)}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": INPUT, "output_tokens": OUTPUT},
    },
    events=(
        _named(
            "message_start",
            message={
                "id": "msg_1",
                "type": "message",
                "model": "claude-sonnet-5",
                "content": [],
                "usage": {"input_tokens": INPUT, "output_tokens": 1},
            },
        ),
        _named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(_named("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in WORDS),
        _named("content_block_stop", index=0),
        _named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": OUTPUT}),
        _named("message_stop"),
    ),
    usage_key="usage",
    end=b"message_stop",
    cost_nanos=INPUT * 2000 + OUTPUT * 10_000,
)

GEMINI_USAGE = {"promptTokenCount": INPUT, "candidatesTokenCount": OUTPUT, "totalTokenCount": INPUT + OUTPUT}

GENERATE = Shape(
    name="gemini",
    path="/gemini/v1beta/models/gemini-2.5-flash:generateContent",
    stream_path="/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
    model="gemini-2.5-flash",
    key_header="x-goog-api-key: {}",
    body=lambda stream, more: {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}], **more},
    answer={
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": "".join(WORDS)}]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": GEMINI_USAGE,
        "modelVersion": "gemini-2.5-flash",
    },
    events=(
        *(_gemini_chunk(word) for word in WORDS[:-1]),
        _gemini_chunk(WORDS[-1], candidate={"finishReason": "STOP"}, usageMetadata=GEMINI_USAGE),
    ),
    usage_key="usageMetadata",
    end=b'"finishReason"',
    cost_nanos=INPUT * 300 + OUTPUT * 2500,
)

SHAPES = (CHAT, RESPONSES, MESSAGES, GENERATE)
PROVIDERS = (CHAT, MESSAGES, GENERATE)
