"""Recorded answers of real providers, and the readers that the shipped provider files give to them.

The recordings are not part of the repository: they are read from the folder that FAREGATE_CORPUS names, or from
`../shared/corpus` beside the checkout.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from proxy.loading.shipped import shipped
from proxy.loading.yaml import convert, read_yaml
from proxy.usage.reader import Reader
from proxy.usage.reading import Reading
from proxy.usage.spec import ReaderSpec
from proxy.wire.framing import Framing, framing_of

CORPUS = Path(os.environ.get("FAREGATE_CORPUS") or Path(__file__).resolve().parents[3] / "shared" / "corpus")
PROVIDERS = ("openai", "anthropic", "gemini")

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason=f"no recorded exchanges at {CORPUS}: set FAREGATE_CORPUS to the folder that has them"
)

READERS = {
    ("openai", "chat/completions"): "chat",
    ("openai", "completions"): "completions",
    ("openai", "responses"): "responses",
    ("openai", "responses/get"): "responses",
    ("openai", "responses/compact"): "compaction",
    ("openai", "embeddings"): "embeddings",
    ("openai", "images/generations"): "images",
    ("openai", "images/edits"): "images",
    ("openai", "audio/transcriptions"): "transcriptions",
    ("openai", "threads/runs"): "runs",
    ("openai", "threads/runs/get"): "runs",
    ("openai", "batches"): "batch",
    ("openai", "batch-results"): "batch_results",
    ("anthropic", "messages"): "messages",
    ("anthropic", "complete"): "complete",
    ("anthropic", "messages/batches/results"): "batch_results",
    ("gemini", "generateContent"): "generate",
    ("gemini", "streamGenerateContent"): "generate",
    ("gemini", "batchEmbedContents"): "embed",
    ("gemini", "cachedContents"): "cached_content",
    ("gemini", "chat/completions"): "chat",
    ("gemini", "interactions"): "interactions",
    ("gemini", "batches/get"): "batch",
}
"""Which reader the provider's file gives to which endpoint of the corpus."""

Recording = dict[str, Any]


def load_specs(provider: str) -> dict[str, ReaderSpec]:
    """Return the readers of a provider's shipped file."""
    path = shipped("config") / "providers" / f"{provider}.yaml"
    return convert(read_yaml(path)["readers"], dict[str, ReaderSpec], path)


SPECS = {provider: load_specs(provider) for provider in PROVIDERS}


def recordings() -> list[tuple[str, Recording]]:
    """Return (name, recording) of every exchange with the three providers; none where there is no corpus."""
    if not CORPUS.is_dir():
        return []
    paths = sorted(path for provider in PROVIDERS for path in CORPUS.glob(f"{provider}-*.json"))
    return [(path.stem, json.loads(path.read_bytes())) for path in paths]


def key(recording: Recording) -> tuple[str, str]:
    """Return (provider, endpoint)."""
    return recording["provider"], recording["endpoint"]


def body(recording: Recording) -> bytes:
    """Return the answer's bytes."""
    response = recording["response"]
    text = response.get("body_text")
    return text.encode() if text is not None else base64.b64decode(response["body_b64"])


def spec_of(recording: Recording) -> ReaderSpec:
    """Return the reader that the recording's endpoint has."""
    return SPECS[recording["provider"]][READERS[key(recording)]]


def reader_of(recording: Recording, encoding: str | None = None) -> Reader:
    """Return a reader with the framing that the route or the content type says."""
    declared = Framing.NDJSON if recording["framing"] == "ndjson" else None
    content_type = recording["response"]["headers"].get("content-type")
    return Reader(spec_of(recording), framing_of(content_type, bool(recording["streaming"]), declared), encoding)


def read(recording: Recording) -> Reading:
    """Read the answer in one piece."""
    reader = reader_of(recording)
    reader.feed(body(recording))
    return reader.finish()


def units_of(recording: Recording) -> dict[str, Any]:
    """Return what the corpus says was used."""
    return {unit: amount for unit, amount in recording["expected"].items() if unit != "model"}
