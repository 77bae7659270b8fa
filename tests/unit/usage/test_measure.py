"""Facts become disjoint units, or nothing where they cannot be true."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from proxy.usage.measure import add_up, grown, measure
from proxy.usage.reading import Reading
from proxy.usage.seen import Seen
from proxy.usage.spec import ReaderSpec, Sum

CHAT = {
    "source": "here",
    "model": ["model"],
    "usage": ["usage"],
    "units": {
        "input_tokens": "prompt - cached",
        "cache_read_tokens": "cached",
        "output_tokens": "output",
        "audio_seconds": {"sum": "seconds", "decimal": True},
    },
}
PASSES = {
    **CHAT,
    "parts": {"at": "passes", "model": "model", "units": ["input_tokens", "output_tokens"], "changes": "output"},
}


def reading(fields: dict[str, Any], *documents: dict[str, Any], complete: bool = True) -> Reading:
    spec = msgspec.convert(fields, ReaderSpec)
    seen = Seen()
    for document in documents:
        spec.plan.tree.walk(seen, document)
    return measure(spec, seen, complete, unparsed=False)


def test_units_are_disjoint_and_not_zero() -> None:
    found = reading(CHAT, {"model": "m", "usage": {"prompt": 10, "cached": 4, "output": 0, "total": 99}})
    assert found.usage == {"input_tokens": 6, "cache_read_tokens": 4}
    assert (found.model, found.reported, found.final, found.invalid) == ("m", True, True, False)


def test_seconds_may_be_a_fraction() -> None:
    assert reading(CHAT, {"usage": {"seconds": 3.7}}).usage == {"audio_seconds": Decimal("3.7")}


def test_a_part_that_is_sometimes_counted_twice_is_taken_off_once() -> None:
    spec = ReaderSpec(
        source="s",
        usage=("usage",),
        units={"input_tokens": Sum("prompt - read - written", otherwise="prompt - read"), "output_tokens": "output"},
    )
    assert reading(spec, {"usage": {"prompt": 9, "read": 4, "written": 3}}).usage == {"input_tokens": 2}
    assert reading(spec, {"usage": {"prompt": 9, "read": 7, "written": 7}}).usage == {"input_tokens": 2}
    assert reading(spec, {"usage": {"prompt": 9, "read": 10, "written": 1}}).invalid
    assert reading(spec, {"usage": {"prompt": -9}}).invalid


def test_usage_of_zeros_is_a_report_and_usage_without_counts_is_none() -> None:
    assert reading(CHAT, {"usage": {"prompt": 0, "output": 0}}).reported
    for usage in ({}, {"tier": "x"}, {"prompt": None}):
        assert not reading(CHAT, {"usage": usage}).reported


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt": -1},
        {"prompt": 1.0},
        {"prompt": "12"},
        {"prompt": True},
        {"prompt": 10**18},
        {"prompt": 3, "cached": 4},
        {"prompt": 3, "output": [1]},
        {"prompt": 3, "seconds": float("nan")},
        {"prompt": 3, "seconds": -0.1},
        "12",
        [1],
        7,
    ],
)
def test_absurd_usage_is_not_believed_at_all(usage: Any) -> None:
    found = reading(CHAT, {"model": "m", "usage": usage})
    assert (found.invalid, found.reported, found.usage, found.other_models) == (True, False, {}, {})
    assert found.model == "m"


def test_passes_are_summed_by_their_models() -> None:
    usage = {
        "prompt": 9,
        "output": 9,
        "cached": 2,
        "passes": [
            {"prompt": 100, "output": 1},
            {"prompt": 20, "output": 2, "model": "advisor"},
            {"prompt": 3, "output": 4, "model": "m"},
        ],
    }
    found = reading(PASSES, {"model": "m", "usage": usage})
    assert found.usage == {"input_tokens": 103, "cache_read_tokens": 2, "output_tokens": 5}
    assert found.other_models == {"advisor": {"input_tokens": 20, "output_tokens": 2}}


@pytest.mark.parametrize("passes", [3, "x", [3], [[]], [{"prompt": -1}]])
def test_absurd_passes(passes: Any) -> None:
    assert reading(PASSES, {"usage": {"prompt": 1, "output": 1, "passes": passes}}).invalid


def test_no_passes_leave_the_top_level() -> None:
    assert reading(PASSES, {"usage": {"prompt": 1, "passes": []}}).usage == {"input_tokens": 1}


SEARCHES = {
    **CHAT,
    "counts": {
        "web_searches": {"number": ["n"], "distinct": ["items[kind=search].id"], "except_models": ["old*"]},
        "grounded_requests": {"once": ["items[kind=search].id"], "models": ["old*"]},
        "images": {"length": ["data"], "without_usage": True, "unless": ["image_tokens"]},
    },
}
ITEMS = [{"kind": "search", "id": 1}, {"kind": "search", "id": 2}, {"kind": "open", "id": 3}]


@pytest.mark.parametrize(
    ("document", "usage"),
    [
        ({"model": "new", "items": ITEMS}, {"web_searches": 2}),
        ({"model": "new", "items": ITEMS, "n": 5}, {"web_searches": 5}),
        ({"model": "new", "items": ITEMS, "n": 0}, {"web_searches": 2}),
        ({"model": "old-1", "items": ITEMS}, {"grounded_requests": 1}),
        ({"model": "new", "items": ITEMS[2:]}, {}),
        ({"data": [1, 2]}, {"images": 2}),
        ({"data": [1, 2], "image_tokens": 0}, {"images": 2}),
        ({"data": [1, 2], "image_tokens": 7}, {}),
        ({"data": [1, 2], "usage": {"prompt": 3}}, {"input_tokens": 3}),
    ],
)
def test_what_is_counted(document: dict[str, Any], usage: dict[str, int]) -> None:
    assert reading(SEARCHES, document).usage == usage


GROWING = {**CHAT, "counts": {"pages": {"largest": ["parts[].n"], "without_usage": True}}}


def test_the_largest_of_numbers_that_grow_counts() -> None:
    found = reading(GROWING, {"parts": [{"n": 0}, {"n": 8}]}, {"parts": [{"n": 3}]}, {"parts": [{"m": 9}]})
    assert found.usage == {"pages": 8}
    assert found.reported
    assert not reading(GROWING, {"parts": [{"n": 0}]}).reported


@pytest.mark.parametrize("value", [-1, "8", 1.5, True, [1]])
def test_a_number_that_grows_must_be_one(value: Any) -> None:
    assert reading(GROWING, {"parts": [{"n": 8}, {"n": value}]}).invalid


def test_items_count_once_over_a_stream() -> None:
    found = reading(SEARCHES, {"items": ITEMS[:1]}, {"items": ITEMS}, {"model": "new", "items": ITEMS})
    assert found.usage == {"web_searches": 2}
    assert not found.reported


def test_a_count_that_stands_for_usage_is_a_report() -> None:
    assert reading(SEARCHES, {"data": [1]}).reported
    assert not reading(SEARCHES, {"data": []}).reported


def test_an_absurd_number_of_items() -> None:
    assert reading(SEARCHES, {"n": -1, "usage": {"prompt": 1}}).invalid


@pytest.mark.parametrize(
    ("documents", "region"),
    [
        ([{}], None),
        ([{"usage": {"geo": "us"}}], "us"),
        ([{"usage": {"geo": "global"}}], None),
        ([{"usage": {"geo": "us"}}, {"usage": {}}], "us"),
        ([{"usage": {"geo": 1}}], None),
    ],
)
def test_the_region_that_served(documents: list[dict[str, Any]], region: str | None) -> None:
    spec = {**CHAT, "region": {"at": "usage.geo", "standard": ["global"]}}
    assert reading(spec, *documents).region == region


TIERS = {**CHAT, "tier": {"at": ["usage.speed", "tier"], "standard": ["default", "standard"]}}


@pytest.mark.parametrize(
    ("documents", "tier"),
    [
        ([{}], None),
        ([{"tier": "default"}], None),
        ([{"tier": "flex"}], "flex"),
        ([{"tier": "flex", "usage": {"speed": "standard"}}], "flex"),
        ([{"tier": "flex", "usage": {"speed": "fast"}}], "fast"),
        ([{"tier": "flex"}, {"tier": "default"}], None),
        ([{"tier": "default"}, {"tier": "priority"}, {}], "priority"),
        ([{"tier": 3}], None),
    ],
)
def test_the_tier_that_served(documents: list[dict[str, Any]], tier: str | None) -> None:
    assert reading(TIERS, *documents).tier == tier


@pytest.mark.parametrize(
    ("usage", "per", "cost"),
    [
        ({"cost": 0.00014}, 1, "0.00014"),
        ({"cost": 1}, 1, "1"),
        ({"cost": 0}, 1, "0"),
        ({"cost": 1e-7}, 1, "0.0000001"),
        ({"cost": 37756000}, 10_000_000_000, "0.0037756"),
        ({"prompt": 1}, 1, ""),
    ],
)
def test_the_providers_own_cost(usage: dict[str, Any], per: int, cost: str) -> None:
    assert reading({**CHAT, "cost": {"at": "cost", "per": per}}, {"usage": usage}).reported_cost == cost


def test_an_absurd_cost_makes_usage_absurd() -> None:
    found = reading({**CHAT, "cost": {"at": "cost"}}, {"usage": {"prompt": 1, "cost": -1}})
    assert (found.invalid, found.reported_cost) == (True, "")


def test_usage_is_final_only_when_the_answer_says_so() -> None:
    fields = {**CHAT, "final": ["stop"]}
    start, end = {"usage": {"prompt": 1}}, {"stop": "end_turn", "usage": {"output": 2}}
    assert reading(fields, start, complete=False).certainty == "at_least"
    assert reading(fields, start, end, complete=False).certainty == "exact"
    assert reading(CHAT, start, complete=False).certainty == "exact"


def test_answers_of_a_batch_are_added_by_model() -> None:
    one = Reading(model="a", usage={"input_tokens": 1}, reported=True, tier="batch", output_bytes=2, output_events=1)
    two = Reading(model="b", usage={"input_tokens": 2}, other_models={"a": {"input_tokens": 4}}, reported=True)
    found = add_up([one, one, two, Reading()], complete=True, unparsed=False)
    assert (found.model, found.usage, found.other_models) == ("a", {"input_tokens": 6}, {"b": {"input_tokens": 2}})
    assert (found.tier, found.reported, found.output_bytes, found.output_events) == ("batch", True, 4, 2)


def test_one_absurd_answer_makes_a_batch_absurd() -> None:
    found = add_up([Reading(model="a", usage={"input_tokens": 1}, reported=True), Reading(invalid=True)], True, False)
    assert (found.invalid, found.reported, found.usage) == (True, False, {})


def test_an_empty_batch_is_nothing() -> None:
    assert add_up([], complete=False, unparsed=False) == Reading()


@pytest.mark.parametrize(
    ("fields", "usage", "amount"),
    [
        ({"per": 1000}, {"n": 2500}, Decimal("2.5")),
        ({"per": 1000}, {"n": 2000}, 2),
        ({"by": 1000}, {"n": 0.009}, 9),
        ({"by": 1000}, {"n": 0.0125}, Decimal("12.5")),
        ({"times": "channels"}, {"n": 3.5, "channels": 2}, 7),
        ({"times": "channels"}, {"n": 3.5}, Decimal("3.5")),
        ({"least": 10}, {"n": 3.5}, 10),
        ({"least": 10}, {"n": 12}, 12),
        ({"least": 10, "per": 1000, "times": "channels"}, {"n": 6000, "channels": 2}, 12),
    ],
)
def test_a_sum_in_another_measure(fields: dict[str, Any], usage: dict[str, Any], amount: Any) -> None:
    spec = {"source": "here", "usage": ["usage"], "units": {"audio_seconds": {"sum": "n", "decimal": True, **fields}}}
    assert reading(spec, {"usage": usage}).usage == {"audio_seconds": amount}


def test_a_least_is_not_charged_where_nothing_was_reported() -> None:
    spec = {"source": "here", "usage": ["usage"], "units": {"audio_seconds": {"sum": "n", "least": 10}}}
    assert reading(spec, {"usage": {}}).usage == {}


def test_a_factor_that_is_no_number_is_absurd() -> None:
    spec = {"source": "here", "usage": ["usage"], "units": {"audio_seconds": {"sum": "n", "times": "channels"}}}
    assert reading(spec, {"usage": {"n": 1, "channels": "two"}}).invalid


def test_what_was_counted_is_reported_where_its_provider_states_what_it_costs() -> None:
    spec = {"source": "here", "usage": ["usage"], "counts": {"images": {"length": ["data"]}}, "cost": {"at": "ticks"}}
    found = reading(spec, {"data": [{}, {}], "usage": {"ticks": 3}})
    assert (found.usage, found.reported, found.reported_cost) == ({"images": 2}, True, "3")
    assert not reading(spec, {"data": [{}]}).reported
    assert not reading(spec, {"data": [], "usage": {"ticks": 3}}).reported


def test_what_is_kept_is_measured_by_the_hour() -> None:
    spec = msgspec.convert(
        {
            "source": "here",
            "usage": ["usage"],
            "beside": {"begins": "made", "ends": "gone"},
            "units": {"cache_storage_token_hours": {"sum": "n", "begins": "begins", "ends": "ends"}},
        },
        ReaderSpec,
    )
    seen = Seen()
    spec.plan.tree.walk(seen, {"usage": {"n": 9_600}, "made": "2026-08-19T14:00:00Z", "gone": "2026-08-19T14:05:00Z"})
    assert measure(spec, seen, True, False).usage == {"cache_storage_token_hours": 800}
    seen.usage["ends"] = "never"
    assert measure(spec, seen, True, False).invalid


def test_growth_is_what_is_more_than_before_and_a_smaller_number_has_begun_anew() -> None:
    now = Reading(usage={"audio_seconds": 7, "input_tokens": 3}, reported=True)
    assert grown(now, {"audio_seconds": 5}).usage == {"audio_seconds": 2, "input_tokens": 3}
    assert grown(now, {"audio_seconds": 7}).usage == {"input_tokens": 3}
    assert grown(now, {"audio_seconds": 9, "characters": 1}).usage == now.usage
