"""Every recorded answer of the first three providers reads as the corpus says, to the last token.

The recordings are not part of the repository: they are read from the folder that FAREGATE_CORPUS names, or from
`../shared/corpus` beside the checkout. What is left out is named here with its reason and its number, so that nothing
is skipped silently.
"""

import base64
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from proxy.loading.shipped import shipped
from proxy.loading.yaml import convert, read_yaml
from proxy.usage.certainty import Certainty
from proxy.usage.reader import Reader
from proxy.usage.reading import Reading
from proxy.usage.spec import ReaderSpec
from proxy.wire.framing import Framing, framing_of

REPOSITORY = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("FAREGATE_CORPUS") or REPOSITORY.parent / "shared" / "corpus")
PROVIDERS = ("openai", "anthropic", "gemini")

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

NOT_READ = {
    ("openai", "realtime (websocket)"): (10, "frames of a WebSocket session, not an HTTP answer"),
    ("gemini", "realtime (websocket)"): (6, "frames of a WebSocket session, not an HTTP answer"),
    ("openai", "audio/speech"): (1, "audio bytes: its characters are in the request"),
    ("gemini", "predictLongRunning"): (1, "work that finishes later: its seconds are in the request"),
}
"""Billable recordings that no reader of answers can read, with how many there are, and why."""

FREE = {
    ("openai", "assistants"): 2,
    ("openai", "conversations"): 2,
    ("openai", "files"): 2,
    ("openai", "files/content"): 1,
    ("openai", "models"): 1,
    ("openai", "moderations"): 1,
    ("openai", "realtime/calls"): 1,
    ("openai", "realtime/client_secrets"): 1,
    ("openai", "responses/input_tokens"): 1,
    ("openai", "threads"): 2,
    ("openai", "vector_stores"): 2,
    ("anthropic", "files"): 2,
    ("anthropic", "messages/batches"): 2,
    ("anthropic", "messages/count_tokens"): 2,
    ("gemini", "batches"): 1,
    ("gemini", "cachedContents/delete"): 1,
    ("gemini", "cachedContents/get"): 1,
    ("gemini", "cachedContents/patch"): 1,
    ("gemini", "countTokens"): 2,
    ("gemini", "files"): 3,
}
"""Endpoints that cost nothing and have no reader."""

FRAMINGS = {"ndjson": Framing.NDJSON, "json": Framing.JSON, "sse": Framing.SSE}

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no recorded exchanges at {CORPUS}: set FAREGATE_CORPUS")


def load_specs(provider: str) -> dict[str, ReaderSpec]:
    """Return the readers of a provider's shipped file."""
    path = Path(os.environ.get("READERS_DRAFT", shipped("config") / "providers")) / f"{provider}.yaml"
    return convert(read_yaml(path)["readers"], dict[str, ReaderSpec], path)


SPECS = {provider: load_specs(provider) for provider in PROVIDERS}


def recordings() -> list[tuple[str, dict[str, Any]]]:
    """Return (name, recording) of the three providers."""
    if not CORPUS.is_dir():
        return []
    paths = sorted(path for provider in PROVIDERS for path in CORPUS.glob(f"{provider}-*.json"))
    return [(path.stem, json.loads(path.read_bytes())) for path in paths]


ALL = [(name, each) for name, each in recordings() if each["provider"] in PROVIDERS]


def key(recording: dict[str, Any]) -> tuple[str, str]:
    return recording["provider"], recording["endpoint"]


READ = [(name, each) for name, each in ALL if key(each) in READERS]


def body(recording: dict[str, Any]) -> bytes:
    """Return the answer's bytes."""
    response = recording["response"]
    text = response.get("body_text")
    return text.encode() if text is not None else base64.b64decode(response["body_b64"])


def reader_of(recording: dict[str, Any], encoding: str | None = None) -> Reader:
    """Return the reader that the recording's endpoint has, with the framing that its answer has."""
    provider, endpoint = key(recording)
    spec = SPECS[provider][READERS[provider, endpoint]]
    declared = Framing.NDJSON if spec.answers and recording["framing"] == "ndjson" else None
    content_type = recording["response"]["headers"].get("content-type")
    return Reader(spec, framing_of(content_type, bool(recording["streaming"]), declared), encoding)


def read(recording: dict[str, Any]) -> Reading:
    reader = reader_of(recording)
    reader.feed(body(recording))
    return reader.finish()


def units_of(recording: dict[str, Any]) -> dict[str, Any]:
    return {unit: amount for unit, amount in recording["expected"].items() if unit != "model"}


def names_its_model(recording: dict[str, Any]) -> bool:
    """Whether the answer says which model made it; else only the request does."""
    return f'"{recording["expected"].get("model")}"' in body(recording).decode()


@pytest.mark.parametrize(("name", "recording"), READ, ids=[name for name, _ in READ])
def test_a_recorded_answer_reads_exactly(name: str, recording: dict[str, Any]) -> None:
    reading = read(recording)

    if recording["billable"] is not False and names_its_model(recording):
        assert reading.model == recording["expected"]["model"]
    assert dict(reading.usage) == units_of(recording)
    assert reading.other_models == recording.get("expected_other_models", {})
    assert not reading.invalid
    assert not reading.unparsed
    if recording["billable"] is True:
        assert reading.reported
        assert reading.certainty is Certainty.EXACT
    else:
        assert not reading.reported
        assert reading.usage == {}


@pytest.mark.parametrize(("name", "recording"), READ, ids=[name for name, _ in READ])
def test_the_end_of_a_recorded_answer_is_seen(name: str, recording: dict[str, Any]) -> None:
    reading = read(recording)
    assert reading.complete
    assert reading.failed is (recording["response"]["status"] >= 400 or "mid-stream-error" in name)


def test_tiers_that_change_the_price_are_read() -> None:
    tiers = Counter(read(recording).tier for _, recording in READ)
    assert set(tiers) == {None, "flex", "priority", "batch"}


def test_answers_without_usage_still_show_their_output() -> None:
    without = [(name, read(recording)) for name, recording in READ if recording["billable"] == "unknown"]
    with_text = [name for name, reading in without if reading.certainty is Certainty.ESTIMATED]
    assert len(without) == 14
    # Two embeddings without usage and one stream that failed at once have no text to estimate from.
    assert len(with_text) == 11


def test_nothing_is_left_out_silently() -> None:
    found = Counter(key(recording) for _, recording in ALL)
    left_out = {where: count for where, count in found.items() if where not in READERS}
    assert left_out == FREE | {where: count for where, (count, _) in NOT_READ.items()}
    for name, recording in ALL:
        if key(recording) in FREE:
            assert units_of(recording) == {}, name


def test_how_many_recordings_are_read() -> None:
    assert Counter(recording["provider"] for _, recording in READ) == {"openai": 137, "anthropic": 88, "gemini": 70}
