"""What a recorded answer says is read whatever way it is written, and other numbers are read as these."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from doubles.mutants import Change, headers, mutant
from doubles.recordings import Recording, is_read, needs_corpus, read, reader_of, recordings, spec_of
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from properties.test_readers import ENCODERS

from proxy.usage.reading import Reading
from proxy.usage.spec import ReaderSpec

LONGEST = 60_000
"""Longer answers say nothing that shorter ones do not."""

BY_PROVIDER: dict[str, list[tuple[str, Recording]]] = defaultdict(list)
for _name, _recording in recordings():
    if is_read(_recording) and len(str(_recording["response"])) < LONGEST:
        BY_PROVIDER[_recording["provider"]].append((_name, _recording))

pytestmark = needs_corpus
each_provider = pytest.mark.parametrize("provider", sorted(BY_PROVIDER))
A_QUARTER = max(settings.default.max_examples // 4, 1)

CHANGES = st.builds(
    Change,
    seed=st.integers(0, 2**32),
    shuffled=st.booleans(),
    strange_members=st.booleans(),
    strange_events=st.booleans(),
    spaced=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n"]),
)


def read_mutant(recording: Recording, change: Change, encoding: str | None, data: st.DataObject) -> Reading:
    """Read a changed copy, compressed or not, in pieces of any size."""
    answer = mutant(recording, change)
    packed = ENCODERS[encoding](answer) if encoding else answer
    told = {**recording, "response": {**recording["response"], "headers": headers(recording, change)}}
    reader = reader_of(told, encoding)
    edges = [0, *sorted(data.draw(st.lists(st.integers(0, len(packed)), max_size=8))), len(packed)]
    for start, end in pairwise(edges):
        reader.feed(packed[start:end])
    return reader.finish(whole=True)


@each_provider
@settings(max_examples=A_QUARTER)
@given(data=st.data(), change=CHANGES, encoding=st.sampled_from([None, *ENCODERS]))
def test_the_same_in_other_words_reads_the_same(
    provider: str, data: st.DataObject, change: Change, encoding: str | None
) -> None:
    name, recording = data.draw(st.sampled_from(BY_PROVIDER[provider]))
    before, after = read(recording), read_mutant(recording, change, encoding, data)
    if change.strange_members:  # one in the arguments of a function is output like any other
        assert after.output_bytes >= before.output_bytes, name
        after = structs.replace(after, output_bytes=before.output_bytes)
    assert sorted(after.object_ids) == sorted(before.object_ids), name
    assert structs.replace(after, object_ids=before.object_ids) == before, name


@each_provider
@settings(max_examples=A_QUARTER)
@given(data=st.data(), change=CHANGES, factor=st.integers(2, 50))
def test_other_numbers_are_read_as_they_are(provider: str, data: st.DataObject, change: Change, factor: int) -> None:
    name, recording = data.draw(st.sampled_from(BY_PROVIDER[provider]))
    before = read(recording)
    after = read_mutant(recording, structs.replace(change, factor=factor), None, data)
    spec = spec_of(recording)
    assert after.reported == before.reported, name
    assert (after.model, after.tier, after.complete, after.failed) == (
        before.model,
        before.tier,
        before.complete,
        before.failed,
    ), name
    assert summed(after.usage, spec) == summed(before.usage, spec, factor), name
    others = {model: summed(usage, spec, factor) for model, usage in before.other_models.items()}
    assert {model: summed(usage, spec) for model, usage in after.other_models.items()} == others, name


def test_a_changed_copy_is_another_text() -> None:
    """Or the properties above would hold of anything."""
    for framing in ("json", "sse", "ndjson", "aws-eventstream"):
        recording = next(r for each in BY_PROVIDER.values() for _, r in each if r["framing"] == framing)
        told = [Change(seed=1, **{each: True}) for each in ("shuffled", "strange_members", "spaced")]
        told += [Change(factor=3), Change(seed=1, strange_events=True), Change(line_end="\r\n")]
        texts = {mutant(recording, change) for change in told}
        assert len(texts) >= (4 if framing in ("json", "aws-eventstream") else 6), framing


def summed(usage: Mapping[str, Any], spec: ReaderSpec, factor: int = 1) -> dict[str, Any]:
    """Return the units that are plain sums of whole numbers, times a factor: not those counted, or multiplied."""
    return {
        unit: quantity * factor
        for unit, quantity in usage.items()
        if unit in spec.sums and spec.sums[unit].plain and not spec.sums[unit].decimal
    }
