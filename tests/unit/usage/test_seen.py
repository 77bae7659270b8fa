"""Facts gather: a later field replaces an earlier one, a missing one keeps it, nothing is added up."""

from typing import Any

import pytest

from proxy.usage.seen import Seen, is_there, overlay


def seen_usage(*objects: Any, falls: dict[str, str] | None = None, changes: dict[str, str] | None = None) -> Seen:
    seen = Seen()
    for each in objects:
        seen.see_usage(each, falls or {}, changes or {})
    return seen


def test_usage_is_overlaid_field_by_field() -> None:
    start = {"input": 10, "output": 1, "cache": {"m5": 4, "h1": 0}, "tier": "x"}
    delta = {"output": 9, "cache": {"m5": 6}, "tier": None, "list": [1]}
    assert seen_usage(start, delta).usage == {
        "input": 10,
        "output": 9,
        "cache": {"m5": 6, "h1": 0},
        "tier": "x",
        "list": [1],
    }


def test_what_was_handed_in_is_not_kept_as_it_is() -> None:
    first: dict[str, Any] = {"n": 1}
    target: dict[str, Any] = {}
    overlay(target, first)
    overlay(target, {"n": 2})
    assert first == {"n": 1}


@pytest.mark.parametrize(("count", "kept"), [(277, True), (300, True), (8, False), (None, True)])
def test_a_detail_goes_when_its_count_falls(count: int | None, kept: bool) -> None:
    details = [{"modality": "IMAGE", "n": 258}]
    seen = seen_usage({"count": 277, "details": details}, {"count": count}, falls={"details": "count"})
    assert ("details" in seen.usage) is kept


@pytest.mark.parametrize(("count", "kept"), [(5, True), (None, True), (9, False), (4, False)])
def test_passes_go_when_their_count_changes(count: int | None, kept: bool) -> None:
    seen = seen_usage({"output": 5, "passes": [{}]}, {"output": count}, changes={"passes": "output"})
    assert ("passes" in seen.usage) is kept


def test_a_detail_that_comes_along_replaces_the_old() -> None:
    seen = seen_usage({"n": 9, "d": [9]}, {"n": 2, "d": [2]}, falls={"d": "n"}, changes={"d": "n"})
    assert seen.usage == {"n": 2, "d": [2]}


@pytest.mark.parametrize("value", ["12", 3, [], [1], True])
def test_usage_that_is_no_object_is_absurd(value: Any) -> None:
    assert seen_usage(value).absurd
    assert not seen_usage(value).reported


def test_names_and_ids_are_text() -> None:
    seen = Seen()
    for value in ("", 3, None, ["m"], "m"):
        seen.see_model(value)
        seen.see_object("response", value)
        seen.see_tier(0, value)
    assert seen.model == "m"
    assert list(seen.object_ids) == [("response", "m")]
    assert seen.tiers == {0: "m"}


def test_items_count_once_each() -> None:
    seen = Seen()
    for value in ("a", "b", "a", "", 1, True, None, ["c"]):
        seen.see_item("searches", value)
    assert list(seen.distinct["searches"]) == ["a", "b", 1]


def test_a_list_counts_its_longest() -> None:
    seen = Seen()
    for value in ([1], [1, 2, 3], [1, 2], "text"):
        seen.see_size("images", value)
    assert seen.sizes == {"images": 3}


@pytest.mark.parametrize(
    ("value", "size"),
    [("abc", 3), ("äö", 4), ("\N{GRINNING FACE}", 4), ("\ud800", 3), ("", 0), ({"a": 1}, 7), ([1, 2], 5), (3, 1)],
)
def test_output_is_measured_in_bytes(value: Any, size: int) -> None:
    seen = Seen()
    seen.see_output(value)
    assert seen.output_bytes == size


@pytest.mark.parametrize(("value", "there"), [(0, True), ("x", True), ({"a": 1}, True), (True, True), (1.5, True)])
def test_what_says_something(value: Any, there: bool) -> None:
    assert is_there(value) is there


@pytest.mark.parametrize("value", [False, "", [], {}])
def test_what_says_nothing(value: Any) -> None:
    assert not is_there(value)
    seen = Seen()
    seen.see_end(value)
    seen.see_final(value)
    seen.see_failure(value)
    seen.see_once("unit", value)
    assert [seen.end, seen.final, seen.failed, seen.sizes] == [False, False, False, {}]


def test_a_field_from_elsewhere_joins_the_usage_object_in_either_order() -> None:
    for first in (True, False):
        seen = Seen()
        if first:
            seen.see_field("seconds", 3)
        seen.see_usage({"tokens": 1}, {}, {})
        if not first:
            seen.see_field("seconds", 3)
        seen.see_field("seconds", None)
        assert seen.usage == {"tokens": 1, "seconds": 3}


@pytest.mark.parametrize(("value", "size"), [("aGVsbG8=", 5), ("aGVsbG8h", 6), ("", 0), (3, 0)])
def test_packed_output_counts_what_it_unpacks_to(value: Any, size: int) -> None:
    seen = Seen()
    seen.see_packed_output(value)
    assert seen.output_bytes == size


def test_usage_of_several_calls_is_added_up() -> None:
    seen = Seen()
    seen.add_usage({"in": 3, "out": 1, "tier": "x", "none": None})
    seen.add_usage({"in": 4, "tier": "y"})
    assert (seen.usage, seen.reported, seen.absurd) == ({"in": 7, "out": 1, "tier": "y"}, True, False)
    seen.add_usage([])
    assert seen.absurd
