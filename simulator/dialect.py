"""What providers' answers look like: bytes of the documented shapes, from how many tokens there are."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

WORD = "word "


class Tokens(Struct, frozen=True):
    """What a provider has used. `cached` is part of the prompt, and no part of `fresh`."""

    fresh: int = 0
    cached: int = 0
    output: int = 0

    @property
    def units(self) -> dict[str, int]:
        """The same in the meters of a rate card; nothing of what there is none of."""
        named = {"input_tokens": self.fresh, "cache_read_tokens": self.cached, "output_tokens": self.output}
        return {unit: amount for unit, amount in named.items() if amount}


class Said(Struct, frozen=True):
    """What an answer says of usage: how often, and with which lie."""

    times: int = 1
    absurd: bool = False


def event(document: Mapping[str, Any], name: str = "") -> bytes:
    """Return one server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(document)}\n\n".encode()


def chat(answer_id: str, model: str, tokens: Tokens, said: Said) -> bytes:
    """Return an answer of chat completions."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": WORD * tokens.output}}
    document: dict[str, Any] = {"id": answer_id, "object": "chat.completion", "model": model, "choices": [choice]}
    if said.times:
        document["usage"] = _chat_usage(tokens, said)
    return json.dumps(document).encode()


def chat_events(answer_id: str, model: str, tokens: Tokens, said: Said, *, with_usage: bool) -> list[bytes]:
    """Return a stream of chat completions; `with_usage` if the request asked for it."""
    head = {"id": answer_id, "object": "chat.completion.chunk", "model": model}
    unused = {"usage": None} if with_usage else {}
    events = [
        event({**head, **unused, "choices": [{"index": 0, "delta": {"content": WORD}, "finish_reason": None}]})
        for _ in range(tokens.output)
    ]
    events.append(event({**head, **unused, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    if with_usage:
        events += [event({**head, "choices": [], "usage": _chat_usage(tokens, said)})] * said.times
    return [*events, b"data: [DONE]\n\n"]


def _chat_usage(tokens: Tokens, said: Said) -> dict[str, Any]:
    prompt = tokens.fresh + tokens.cached
    return {
        "prompt_tokens": prompt,
        "completion_tokens": -7 if said.absurd else tokens.output,
        "total_tokens": prompt + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def message_events(answer_id: str, model: str, tokens: Tokens, said: Said) -> list[bytes]:
    """Return a stream of messages, whose usage is cumulative."""
    begun = {
        "id": answer_id, "type": "message", "role": "assistant", "content": [], "model": model,
        "usage": _message_usage(tokens, 1),
    }  # fmt: skip
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    word = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": WORD}}
    output = 10**13 if said.absurd else tokens.output
    last = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": output}}
    if not said.times:
        del begun["usage"], last["usage"]
    documents: Sequence[Mapping[str, Any]] = [
        {"type": "message_start", "message": begun},
        block,
        *([word] * tokens.output),
        {"type": "content_block_stop", "index": 0},
        *([last] * max(said.times, 1)),
        {"type": "message_stop"},
    ]
    return [event(document, document["type"]) for document in documents]


def _message_usage(tokens: Tokens, output: int) -> dict[str, int]:
    return {
        "input_tokens": tokens.fresh,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": tokens.cached,
        "output_tokens": output,
    }


def response(answer_id: str, model: str, status: str, tokens: Tokens | None) -> bytes:
    """Return a background response; `tokens` once it is over and has used some."""
    usage = None
    if tokens is not None:
        prompt = tokens.fresh + tokens.cached
        usage = {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": tokens.cached},
            "output_tokens": tokens.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + tokens.output,
        }
    text = {"type": "output_text", "text": WORD * (tokens.output if tokens is not None else 0)}
    document = {
        "id": answer_id, "object": "response", "background": True, "status": status, "model": model, "usage": usage,
        "output": [{"type": "message", "content": [text]}] if tokens is not None else [],
    }  # fmt: skip
    return json.dumps(document).encode()
