"""Every recorded answer of the first three providers reads as the corpus says, to the last token.

What is left out is named here with its reason and its number, so that nothing is skipped silently.
"""

from collections import Counter
from typing import Any

import pytest
from doubles.recordings import READERS, body, key, needs_corpus, read, recordings, units_of

from proxy.usage.certainty import Certainty

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

ALL = recordings()
READ = [(name, recording) for name, recording in ALL if key(recording) in READERS]
each_answer = pytest.mark.parametrize(("name", "recording"), READ, ids=[name for name, _ in READ])

pytestmark = needs_corpus


def names_its_model(recording: dict[str, Any]) -> bool:
    """Whether the answer says which model made it; else only the request does."""
    return f'"{recording["expected"].get("model")}"' in body(recording).decode()


@each_answer
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


@each_answer
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
