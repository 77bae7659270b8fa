"""Chats through Faregate with OpenAI's, Groq's and Mistral's own SDKs. Reads where and with which keys from stdin."""

import json
import sys
from collections.abc import Callable
from typing import Any

from groq import Groq
from mistralai.client import Mistral
from openai import AzureOpenAI, OpenAI

TOLD = json.load(sys.stdin)
EDGE, KEY, POOR = TOLD["edge"], TOLD["key"], TOLD["poor"]
QUESTION = [{"role": "user", "content": "Why is the sky blue?"}]


def refused(call: Callable[[], Any]) -> list[Any]:
    """Return the name of the SDK's error, its status, and whether it repeats our words."""
    try:
        call()
    except Exception as error:  # noqa: BLE001  # which one it is, is what is asked
        return [type(error).__name__, getattr(error, "status_code", None), "balance" in str(error).lower()]
    return ["nothing", None, False]


def of(path: str, key: str = KEY) -> OpenAI:
    """Return OpenAI's client at an integration."""
    return OpenAI(base_url=f"{EDGE}/{path}", api_key=key)


def text(answer: Any) -> str:
    """Return what was answered."""
    return str(answer.choices[0].message.content)


def azure() -> AzureOpenAI:
    """Return OpenAI's client for Azure."""
    return AzureOpenAI(azure_endpoint=f"{EDGE}/azure-openai", api_key=KEY, api_version="2024-10-21")


def streamed(model: str) -> str:
    """Return the pieces that Azure's stream brings, whose first chunk has no choices."""
    stream = azure().chat.completions.create(model=model, messages=QUESTION, stream=True)
    return "".join(part.choices[0].delta.content or "" for part in stream if part.choices)


groq = Groq(base_url=f"{EDGE}/groq", api_key=KEY)
mistral = Mistral(server_url=f"{EDGE}/mistral", api_key=KEY)
poor_mistral = Mistral(server_url=f"{EDGE}/mistral", api_key=POOR)
mistral_pieces = mistral.chat.stream(model="mistral-small-latest", messages=QUESTION)
sys.stdout.write(
    json.dumps(
        {
            "xai": text(of("xai/v1").chat.completions.create(model="grok-4.7", messages=QUESTION)),
            "openrouter": text(
                of("openrouter/api/v1").chat.completions.create(model="brand/new-model", messages=QUESTION)
            ),
            "azure": text(azure().chat.completions.create(model="our-mini", messages=QUESTION)),
            "azure stream": streamed("nobody-said"),
            "copy": text(of("copycat/v1").chat.completions.create(model="cat-1", messages=QUESTION)),
            "groq": text(groq.chat.completions.create(model="openai/gpt-oss-20b", messages=QUESTION)),
            "mistral": text(mistral.chat.complete(model="mistral-small-latest", messages=QUESTION)),
            "mistral stream": "".join(str(part.data.choices[0].delta.content or "") for part in mistral_pieces),
            "groq 402": refused(
                lambda: Groq(base_url=f"{EDGE}/groq", api_key=POOR).chat.completions.create(
                    model="openai/gpt-oss-20b", messages=QUESTION
                )
            ),
            "mistral 402": refused(lambda: poor_mistral.chat.complete(model="mistral-small-latest", messages=QUESTION)),
            "openrouter 402": refused(
                lambda: of("openrouter/api/v1", POOR).chat.completions.create(model="x/y", messages=QUESTION)
            ),
            "copy 404": refused(lambda: of("copycat/v1").chat.completions.create(model="cat-2", messages=QUESTION)),
        }
    )
)
