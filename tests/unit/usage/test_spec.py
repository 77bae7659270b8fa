"""A spec is data that cannot be wrong once it is loaded."""

from typing import Any

import msgspec
import pytest

from proxy.usage.seen import Seen
from proxy.usage.spec import ReaderSpec


def spec(**fields: Any) -> ReaderSpec:
    return msgspec.convert({"source": "here", **fields}, ReaderSpec)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"modle": ["model"]}, "modle"),
        ({"model": "model"}, "array"),
        ({"model": ["a..b"]}, "'a..b' is not a path"),
        ({"units": {"input_tokens": "a -"}}, "'a -' is not a path"),
        ({"units": {"input_tokens": {"sum": "a", "float": True}}}, "float"),
        ({"counts": {"images": {"distinct": ["data[x"]}}}, "is not a path"),
        ({"counts": {"images": {"distict": ["data"]}}}, "distict"),
        ({"output": ["a[=b]"]}, "is not a condition"),
        ({"answers": [""]}, "empty path"),
        ({"parts": {"at": "p", "model": "m", "units": ["nothing"], "changes": "n"}}, "nothing"),
        ({"inside": "a..b"}, "is not a path"),
        ({"units": {"images": "a"}, "counts": {"images": {"once": ["b"]}}}, "not both"),
    ],
)
def test_mistakes_are_named_when_loaded(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        spec(**fields)
    assert fault in str(caught.value)


def test_a_spec_without_a_source_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"usage": ["usage"]}, ReaderSpec)


def test_roots_stand_before_paths_of_the_answer_only() -> None:
    reader = spec(roots=[".", "response"], model=["model"], usage=["usage"], output=["delta"], end=["over"])
    seen = Seen()
    reader.plan.tree.walk(
        seen, {"response": {"model": "m", "usage": {"n": 1}, "delta": "not output", "over": True}, "delta": "ab"}
    )
    assert (seen.model, seen.usage, seen.output_bytes, seen.end) == ("m", {"n": 1}, 2, False)
    reader.plan.tree.walk(seen, {"model": "n", "over": True})
    assert (seen.model, seen.end) == ("n", True)


def test_a_spec_is_compiled_once() -> None:
    reader = spec(model=["model"])
    assert reader.plan is reader.plan
    assert reader.sums is reader.sums


@pytest.mark.parametrize(("adds", "count"), [(True, 5), (False, 3)])
def test_usage_objects_are_added_up_where_the_spec_says_so(adds: bool, count: int) -> None:
    reader = spec(usage=["usage"], adds=adds)
    seen = Seen()
    for amount in (2, 3):
        reader.plan.tree.walk(seen, {"usage": {"n": amount}})
    assert seen.usage == {"n": count}


def test_what_runs_on_must_be_reported() -> None:
    with pytest.raises(msgspec.ValidationError, match="running names a unit that is no sum"):
        spec(usage=["usage"], units={"input_tokens": "n"}, running=["audio_seconds"])
