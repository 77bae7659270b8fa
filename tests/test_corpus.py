"""Every recorded answer of a supported provider reads as the corpus says, to the last token.

What is left out is named in `tests/corpus/*.yaml` with its reason and its number, so that nothing is skipped silently.
"""

from collections import Counter
from typing import Any

import pytest
from doubles.recordings import (
    PROVIDERS,
    TABLE,
    bound_named,
    is_read,
    names_its_model,
    needs_corpus,
    others,
    read,
    recordings,
    route_of,
    spec_of,
    told,
    units_of,
)

from proxy.usage.certainty import Certainty

WAITING = {
    "aleph-alpha",
    "azure-openai",
    "bedrock",
    "cerebras",
    "cohere",
    "crusoe",
    "deepgram",
    "deepseek",
    "gpustack",
    "groq",
    "heroku",
    "huggingface",
    "litellm-proxy",
    "mistral",
    "ollama",
    "openrouter",
    "perplexity",
    "portkey",
    "pydantic-gateway",
    "replicate",
    "sagemaker",
    "serper",
    "snowflake",
    "tavily",
    "together",
    "vertex",
    "vllm",
    "voyage",
    "watsonx",
    "writer",
    "xai",
    "zai",
}
"""Providers of the corpus that no file of ours knows yet."""

ALL = recordings()
READ = [(name, recording) for name, recording in ALL if is_read(recording)]
each_answer = pytest.mark.parametrize(("name", "recording"), READ, ids=[name for name, _ in READ])

pytestmark = needs_corpus


@each_answer
def test_a_recorded_answer_reads_exactly(name: str, recording: dict[str, Any]) -> None:
    reading = read(recording)

    if recording["billable"] is not False and names_its_model(name, recording):
        assert reading.model == recording["expected"]["model"]
    reported = reading.reported or recording["billable"] is not True
    assert dict(reading.usage if reported else told(recording)) == units_of(name, recording)
    assert reading.other_models == recording.get("expected_other_models", {})
    assert not reading.invalid
    assert not reading.unparsed
    if recording["billable"] is True:
        assert reading.certainty is Certainty.EXACT or not reading.reported
    else:
        assert not reading.reported
        assert reading.usage == {}


@each_answer
def test_the_end_of_a_recorded_answer_is_seen(name: str, recording: dict[str, Any]) -> None:
    reading = read(recording)
    assert reading.complete
    assert reading.failed is (recording["response"]["status"] >= 400 or "mid-stream-error" in name)


def test_tiers_that_change_the_price_are_read() -> None:
    tiers = Counter(read(recording).tier for _, recording in READ)
    assert set(tiers) >= {None, "flex", "priority", "batch"}


def test_answers_without_usage_still_show_their_output() -> None:
    """Of what is not reported there is text to estimate from: but for embeddings, and streams that failed at once."""
    for name, recording in READ:
        if recording["billable"] == "unknown" and "embed" not in recording["endpoint"].lower():
            reading = read(recording)
            assert reading.failed or reading.certainty is Certainty.ESTIMATED, name


def test_nothing_is_left_out_silently() -> None:
    assert others() == WAITING - set(TABLE)
    for provider, table in TABLE.items():
        left_out = Counter(
            recording["endpoint"]
            for _, recording in ALL
            if recording["provider"] == provider and not is_read(recording)
        )
        assert left_out == table.free | {where: each.count for where, each in table.not_read.items()}
        assert not set(table.differs) - {name for name, _ in ALL}
    for name, recording in ALL:
        if recording["endpoint"] in TABLE[recording["provider"]].free:
            assert units_of(name, recording) == {}, name


def test_a_recorded_request_finds_the_route_that_reads_and_bounds_it() -> None:
    for name, recording in READ:
        table = TABLE[recording["provider"]]
        if not recording["request"] or "path" not in recording["request"]:
            continue
        route = route_of(recording)
        if recording["endpoint"] in table.no_route:
            assert route is None, f"{name}: there is a route now; take it out of no_route"
            continue
        assert route is not None, f"{name}: no route for {recording['request']['path']}"
        endpoint, _ = route
        assert endpoint.reader == spec_of(recording) or endpoint.free, name
        if endpoint.bound is not None and not endpoint.free:
            bound = table.bounds.get(recording["endpoint"])
            assert bound is not None, f"{name}: name its bound in tests/corpus"
            assert endpoint.bound == bound_named(recording["provider"], bound), name


def test_how_many_recordings_are_read() -> None:
    counted = Counter(recording["provider"] for _, recording in READ)
    assert counted == {provider: table.read for provider, table in TABLE.items() if table.read}


def test_every_table_is_of_a_provider() -> None:
    assert set(TABLE) <= set(PROVIDERS)
