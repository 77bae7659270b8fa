"""The work of every benchmark: one chat request, its whole answer, and its stream, in the shape of OpenAI's API.

Sizes: a request body of 673 bytes, an answer of 890 bytes, chunks of about 300 bytes. Every chunk carries the moment
when it was written, in the field where the provider puts random padding, so that the load can tell how long it took.
"""

import json

PATH = "/v1/chat/completions"
HOST = "openai-proxy.localhost"
PROVIDER_KEY = "sk-bench"

BODY_BYTES = 673
ANSWER_BYTES = 890

INPUT_TOKENS, OUTPUT_TOKENS = 141, 97
# gpt-4o-mini: 0.15 and 0.60 USD per million tokens, that is 150 and 600 nano-USD each; 20 % is the default margin.
PRICE_NANOS = (INPUT_TOKENS * 150 + OUTPUT_TOKENS * 600) * 120 // 100
CREDIT_USD = 100_000

STAMP_MARK = b'"obfuscation":"'
STAMP_DIGITS = 20

_MODEL = "gpt-4o-mini-2024-07-18"
_ID = "chatcmpl-C4xPq7mT2vKdR9sWbYhLzJfNgAu3E"
_PROSE = (
    "A metering proxy stands between an application and its provider. It reads what a call used, works out what that "
    "costs, and writes it down before the last byte of the answer goes out. "
)
_USAGE = {
    "prompt_tokens": INPUT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
# The twelve headers of an answer, besides the one that frames its body.
_ANSWER_HEADERS = (
    ("date", "Sat, 21 Nov 2026 08:00:00 GMT"),
    ("access-control-expose-headers", "X-Request-ID"),
    ("openai-organization", "org-bench"),
    ("openai-processing-ms", "412"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "30000"),
    ("x-ratelimit-limit-tokens", "150000000"),
    ("x-ratelimit-remaining-requests", "29999"),
    ("x-ratelimit-remaining-tokens", "149999837"),
    ("x-request-id", "req_5d1c9a3b7e2f4860a1b2c3d4e5f60718"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
)


def request(key: str, port: int, *, stream: bool = False, usage: bool = True) -> bytes:
    """Return the request, head and body, as an SDK would write it. `usage` asks for the stream's usage chunk."""
    body = _request_body(stream=stream, usage=usage)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {HOST}:{port}\r\nAccept: application/json\r\n"
        f"Accept-Encoding: gzip, deflate\r\nContent-Type: application/json\r\nUser-Agent: OpenAI/Python 3.52.0\r\n"
        f"X-Stainless-Lang: python\r\nX-Stainless-Package-Version: 3.52.0\r\nX-Stainless-OS: Linux\r\n"
        f"X-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\nX-Stainless-Retry-Count: 0\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _request_body(*, stream: bool, usage: bool) -> bytes:
    asked: dict[str, object] = {"model": _MODEL, "temperature": 0.7, "messages": []}
    if stream:
        asked["stream"] = True
    if stream and usage:
        asked["stream_options"] = {"include_usage": True}

    def written(prose: str) -> bytes:
        asked["messages"] = [
            {"role": "system", "content": "You are a careful clerk who answers in plain sentences."},
            {"role": "user", "content": prose},
        ]
        return json.dumps(asked, separators=(",", ":")).encode()

    return written(_filler(BODY_BYTES - len(written(""))))


def answer() -> bytes:
    """Return the whole JSON answer, head and body."""
    body = answer_body()
    return _head("application/json", f"content-length: {len(body)}") + body


def answer_body() -> bytes:
    """Return the JSON answer's body."""

    def written(prose: str) -> bytes:
        message: dict[str, object] = {"role": "assistant", "content": prose, "refusal": None, "annotations": []}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        told = {
            "id": _ID,
            "object": "chat.completion",
            "created": 1795248000,
            "model": _MODEL,
            "choices": [choice],
            "usage": _USAGE,
            "service_tier": "default",
            "system_fingerprint": "fp_1fda375fa1",
        }
        return json.dumps(told, separators=(",", ":")).encode()

    return written(_filler(ANSWER_BYTES - len(written(""))))


def stream_head() -> bytes:
    """Return the head of a stream; its chunks are framed by `framed`."""
    return _head("text/event-stream; charset=utf-8", "transfer-encoding: chunked")


def chunk(*, usage: bool) -> tuple[bytes, bytes]:
    """Return one content chunk, framed, in two halves: between them goes a stamp of `STAMP_DIGITS` digits."""
    choice = {"index": 0, "delta": {"content": " ledger"}, "logprobs": None, "finish_reason": None}
    whole = framed(_event([choice], usage=usage, padding="0" * STAMP_DIGITS))
    before, after = whole.split(STAMP_MARK)
    return before + STAMP_MARK, after[STAMP_DIGITS:]


def stream_end(*, usage: bool) -> bytes:
    """Return what ends a stream, framed: the finish chunk, the usage chunk if it was asked for, and the end mark."""
    finish: dict[str, object] = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    pieces = [_event([finish], usage=usage)]
    if usage:
        pieces.append(_event([], usage=True, counted=_USAGE))
    pieces.append(b"data: [DONE]\n\n")
    return b"".join(map(framed, pieces)) + b"0\r\n\r\n"


def framed(data: bytes) -> bytes:
    """Return data as one chunk of HTTP's chunked coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _event(
    choices: list[dict[str, object]], *, usage: bool, counted: dict[str, object] | None = None, padding: str = ""
) -> bytes:
    told: dict[str, object] = {"id": _ID, "object": "chat.completion.chunk", "created": 1795248000, "model": _MODEL}
    told |= {"system_fingerprint": "fp_1fda375fa1", "choices": choices}
    if usage:
        told["usage"] = counted
    if padding:
        told["obfuscation"] = padding
    return b"data: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"


def _head(content_type: str, framing: str) -> bytes:
    headers = (("content-type", content_type), *_ANSWER_HEADERS)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 200 OK\r\n{lines}{framing}\r\n\r\n".encode()


def _filler(size: int) -> str:
    return (_PROSE * (size // len(_PROSE) + 1))[:size]
