"""Calls of Cohere's, Tavily's and Ollama's own SDKs through Faregate. Reads where and with which keys from stdin."""

import json
import sys
from collections.abc import Callable
from typing import Any

import cohere
import ollama
from tavily import TavilyClient

TOLD = json.load(sys.stdin)
EDGE, KEY, POOR = TOLD["edge"], TOLD["key"], TOLD["poor"]
QUESTION = [{"role": "user", "content": "Name a sea."}]


def refused(call: Callable[[], Any]) -> list[Any]:
    """Return the name of the SDK's error, its status if it knows one, and whether it repeats our words."""
    try:
        call()
    except Exception as error:  # noqa: BLE001  # which one it is, is what is asked
        status = getattr(error, "status_code", None)
        return [type(error).__name__, status, "balance" in str(error).lower()]
    return ["nothing", None, False]


def cohere_calls() -> dict[str, Any]:
    """Chat, streamed and not, in both versions; embeddings, reranking, tokens; a wallet without money."""
    new, old = (kind(base_url=f"{EDGE}/cohere", api_key=KEY) for kind in (cohere.ClientV2, cohere.Client))
    poor = cohere.ClientV2(base_url=f"{EDGE}/cohere", api_key=POOR)
    model = "command-r-08-2024"
    answer = new.chat(model="command-a-reasoning-08-2025", messages=QUESTION)
    pieces = [
        event.delta.message.content.text
        for event in new.chat_stream(model=model, messages=QUESTION)
        if event.type == "content-delta"
    ]
    lines = [
        event.text
        for event in old.chat_stream(model=model, message="Name a sea.")
        if event.event_type == "text-generation"
    ]
    return {
        "chat": answer.message.content[-1].text,
        "chat stream": "".join(pieces),
        "chat v1 stream": "".join(lines),
        "embed": new.embed(
            model="embed-v4.0", input_type="image", images=["data:image/png;base64,AAAA"], embedding_types=["float"]
        ).embeddings.float_,
        "rerank": [one.index for one in new.rerank(model="rerank-v3.5", query="sea", documents=["a"] * 101).results],
        "402": refused(lambda: poor.chat(model=model, messages=QUESTION)),
    }


def tavily_calls() -> dict[str, Any]:
    """A search, which did not ask for its credits; a wallet without money."""
    client, poor = (TavilyClient(api_base_url=f"{EDGE}/tavily", api_key=key) for key in (KEY, POOR))
    return {
        "search": client.search("sea", search_depth="advanced")["results"][0]["title"],
        "402": refused(lambda: poor.search("sea")),
    }


def ollama_calls() -> dict[str, Any]:
    """Chat as lines, a whole answer, embeddings, a list of models."""
    client = ollama.Client(host=f"{EDGE}/ollama", headers={"Authorization": f"Bearer {KEY}"})
    pieces = [part.message.content for part in client.chat(model="llama3.2", messages=QUESTION, stream=True)]
    return {
        "chat stream": "".join(pieces),
        "generate": client.generate(model="llama3.2", prompt="Name a sea.").response,
        "embed": len(client.embed(model="nomic-embed-text", input=["a", "b"]).embeddings),
        "wrong key": refused(
            lambda: ollama.Client(host=f"{EDGE}/ollama", headers={"Authorization": "Bearer fg-no"}).list()
        ),
    }


sys.stdout.write(json.dumps({"cohere": cohere_calls(), "tavily": tavily_calls(), "ollama": ollama_calls()}))
