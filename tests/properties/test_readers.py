"""However an answer's bytes are cut, compressed, repeated or broken: the same is read, or less is; nothing raises."""

import gzip
import json
import zlib
from itertools import pairwise
from typing import Any

import brotli
import pytest
import zstandard
from doubles.recordings import SPECS, body, is_read, needs_corpus, read, reader_of, recordings, spec_of
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.usage.reader import Reader
from proxy.usage.reading import Reading
from proxy.usage.spec import ReaderSpec
from proxy.wire.framing import Framing

READ = [(name, recording) for name, recording in recordings() if is_read(recording)]
STREAMS = [(name, recording) for name, recording in READ if recording["framing"] == "sse"]
SOME_JSON = [(name, recording) for name, recording in READ if recording["framing"] == "json"][::9]
each_stream = pytest.mark.parametrize(("name", "recording"), STREAMS, ids=[name for name, _ in STREAMS])

MEASURED = {(provider, name): spec for provider, specs in SPECS.items() for name, spec in specs.items() if spec.usage}
A_FIFTH = max(settings.default.max_examples // 5, 1)
"""Of the profile's examples, where every recorded stream gets its own."""

ENCODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}

# Totals of these streams do go down: a compaction leaves the top level, a tool begins the count anew, an
# experimental model corrected its prompt by two tokens.
NOT_MONOTONIC = (
    "compaction",
    "usage-not-monotonic",
    "result-body-only-server-tool-code-01",
    "gemini-streamgeneratecontent-stream-01",
)


def in_pieces(reader: Reader, data: bytes, cuts: list[int]) -> Reading:
    edges = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(edges):
        reader.feed(data[start:end])
    return reader.finish(whole=True)


@needs_corpus
@each_stream
@settings(max_examples=A_FIFTH)
@given(data=st.data())
def test_any_split_of_a_recorded_stream_reads_the_same(name: str, recording: dict[str, Any], data: Any) -> None:
    answer = body(recording)
    cuts = data.draw(st.lists(st.integers(0, len(answer)), max_size=12))
    assert in_pieces(reader_of(recording), answer, cuts) == read(recording)


@needs_corpus
def test_recorded_streams_read_the_same_byte_by_byte() -> None:
    for name, recording in STREAMS[::4]:
        answer = body(recording)[:40_000]
        whole = reader_of(recording)
        whole.feed(answer)
        assert in_pieces(reader_of(recording), answer, list(range(len(answer)))) == whole.finish(whole=True), name


@needs_corpus
@pytest.mark.parametrize("encoding", ENCODERS)
@given(data=st.data())
def test_any_split_of_a_compressed_answer_reads_the_same(encoding: str, data: Any) -> None:
    _, recording = data.draw(st.sampled_from(STREAMS + SOME_JSON))
    packed = ENCODERS[encoding](body(recording))
    cuts = data.draw(st.lists(st.integers(0, len(packed)), max_size=6))
    assert in_pieces(reader_of(recording, encoding), packed, cuts) == read(recording)


@needs_corpus
@each_stream
def test_a_snapshot_never_says_more_than_the_end(name: str, recording: dict[str, Any]) -> None:
    answer, end = body(recording), read(recording)
    reader = reader_of(recording)
    output = 0
    for at in range(0, len(answer), max(len(answer) // 40, 1)):
        reader.feed(answer[at : at + max(len(answer) // 40, 1)])
        seen = reader.snapshot()
        assert output <= seen.output_bytes <= end.output_bytes
        assert set(seen.object_ids) <= set(end.object_ids)
        output = seen.output_bytes
        if not any(odd in name for odd in NOT_MONOTONIC):
            for unit, amount in seen.usage.items():
                assert amount <= end.usage[unit]


@needs_corpus
@each_stream
def test_a_stream_cut_before_its_end_is_never_exact_with_less_than_the_end(
    name: str, recording: dict[str, Any]
) -> None:
    """Whatever is said to be exact of a cut stream is what the whole stream says."""
    answer, end = body(recording), read(recording)
    for at in range(0, len(answer), max(len(answer) // 60, 1)):
        reader = reader_of(recording)
        reader.feed(answer[:at])
        seen = reader.finish()
        if seen.certainty == "exact" and "result-body-only-server-tool-code-01" not in name:
            assert (seen.usage, seen.other_models) == (end.usage, end.other_models)


@given(st.sampled_from(sorted(MEASURED)), st.sampled_from(Framing), st.lists(st.binary(max_size=200), max_size=5))
def test_no_bytes_raise(which: tuple[str, str], framing: Framing, pieces: list[bytes]) -> None:
    reader = Reader(MEASURED[which], framing)
    for piece in pieces:
        reader.feed(piece)
        reader.snapshot()
    assert not reader.finish().reported


@given(st.sampled_from([*ENCODERS, "br, gzip", "nonsense"]), st.lists(st.binary(max_size=100), max_size=5))
def test_no_encoded_bytes_raise(encoding: str, pieces: list[bytes]) -> None:
    reader = Reader(SPECS["openai"]["chat"], Framing.JSON, encoding)
    for piece in pieces:
        reader.feed(piece)
    assert not reader.finish().reported


def member_names(spec: ReaderSpec) -> list[str]:
    """Return every name that a spec's documents may have, so that made-up documents get somewhere."""
    names: set[str] = set()

    def gather(shape: Any) -> None:
        for name, below in shape.members.items():
            names.add(name)
            gather(below)

    gather(spec.plan.shape)
    text = " ".join(each.sum for each in spec.sums.values())
    return sorted(names | set(text.replace(".", " ").replace("|", " ").split()) - {"+", "-"})


NAMES = {which: member_names(spec) for which, spec in MEASURED.items()}


@given(st.data())
def test_no_document_raises(data: Any) -> None:
    which = data.draw(st.sampled_from(sorted(MEASURED)))
    scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
    names = st.sampled_from(NAMES[which])
    documents = st.recursive(
        scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=4), max_leaves=20
    )
    reader = Reader(MEASURED[which], Framing.NDJSON)
    for document in data.draw(st.lists(documents, max_size=4)):
        reader.feed(json.dumps(document).encode() + b"\n")
        reading = reader.snapshot()
        assert all(amount > 0 for amount in reading.usage.values())
    assert not (reader.finish().invalid and reader.finish().usage)


def chat_usage(prompt: int, cached: int, audio: int, output: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt + cached + audio,
        "completion_tokens": output,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": audio},
    }


COUNTS = st.integers(0, 10**9)


@given(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS), st.integers(1, 3))
def test_stream_and_no_stream_of_one_chat_read_alike(counts: tuple[int, int, int, int], repeats: int) -> None:
    usage = chat_usage(*counts)
    whole = Reader(SPECS["openai"]["chat"], Framing.JSON)
    whole.feed(json.dumps({"model": "m", "choices": [{"message": {"content": "hi"}}], "usage": usage}).encode())
    stream = Reader(SPECS["openai"]["chat"], Framing.SSE)
    chunks = [{"model": "m", "choices": [{"delta": {"content": "hi"}}], "usage": None}]
    chunks += [{"model": "m", "choices": [], "usage": usage}] * repeats
    for chunk in chunks:
        stream.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    stream.feed(b"data: [DONE]\n\n")
    assert whole.finish() == stream.finish()


@given(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS))
def test_stream_and_no_stream_of_one_message_read_alike(counts: tuple[int, int, int, int]) -> None:
    fresh, cached, written, output = counts
    usage = {"input_tokens": fresh, "cache_read_input_tokens": cached, "cache_creation_input_tokens": written}
    message = {"model": "m", "content": [{"type": "text", "text": "hi"}], "usage": {**usage, "output_tokens": output}}
    whole = Reader(SPECS["anthropic"]["messages"], Framing.JSON)
    whole.feed(json.dumps(message).encode())
    stream = Reader(SPECS["anthropic"]["messages"], Framing.SSE)
    for event in (
        {"type": "message_start", "message": {**message, "content": [], "usage": {**usage, "output_tokens": 0}}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": output}},
        {"type": "message_stop"},
    ):
        stream.feed(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
    one, other = whole.finish(), stream.finish()
    assert (one.usage, one.model, one.certainty) == (other.usage, other.model, other.certainty)


def test_specs_of_recordings_are_the_shipped_ones() -> None:
    for _, recording in STREAMS[:1]:
        assert spec_of(recording) in SPECS[recording["provider"]].values()
