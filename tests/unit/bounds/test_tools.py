import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, InputUnit, Tool
from proxy.bounds.tools import Use, readings, tools
from proxy.errors import Refused

SPEC = BoundSpec(
    input=(InputUnit("input_tokens"),),
    tools=(
        Tool("tools.*", {"type": "search_*"}, uses="max_uses", uses_default=10, tokens=100),
        Tool("tools.*", {"type": "fetch"}, uses="max_uses", uses_default=2, tokens=900, tokens_at="max_tokens"),
        Tool("tools.*", {"type": "advisor"}, model="model", maximum="max_tokens"),
        Tool("fallbacks", {"": "default"}, passes=0, implied=("other",)),
        Tool("", models=("searcher-*",), tokens=7),
        Tool("models.*", passes=0, model=""),
    ),
    calls="max_tool_calls",
)
STEP = Tool("t")


def find(body: Any, model: str = "m") -> list[Use]:
    return tools(body, Search(json.dumps(body).encode()), SPEC, model)


def test_functions_of_the_caller_are_no_server_tools() -> None:
    assert find({"tools": [{"type": "function", "name": "search_web"}]}) == []
    assert find({}) == []


def test_stated_uses_else_the_default() -> None:
    search, fetch = find({"tools": [{"type": "search_2026", "max_uses": 3}, {"type": "fetch", "max_tokens": 50}]})
    assert (search.uses, search.tokens) == (3, 100)
    assert (fetch.uses, fetch.tokens) == (2, 50)
    assert find({"tools": [{"type": "search_1", "max_uses": None}]})[0].uses == 10


def test_the_request_can_limit_all_tools() -> None:
    assert [use.uses for use in find({"max_tool_calls": 1, "tools": [{"type": "search_1"}, {"type": "fetch"}]})] == [
        1,
        1,
    ]


@pytest.mark.parametrize("value", [0, -1, True, "3", 1.5, 10**10])
def test_absurd_uses_are_refused(value: Any) -> None:
    with pytest.raises(Refused, match="max_uses"):
        find({"tools": [{"type": "fetch", "max_uses": value}]})


def test_models_that_a_tool_calls() -> None:
    (advisor,) = find({"tools": [{"type": "advisor", "model": "big", "max_tokens": 9}]})
    assert (advisor.models, advisor.maximum) == (("big",), 9)
    (fallback,) = find({"fallbacks": "default"})
    assert fallback.models == ("other",)
    assert [use.models for use in find({"models": ["first", "second"]})] == [("first",), ("second",)]


def test_a_rule_for_a_model_needs_nothing_in_the_body() -> None:
    assert [use.tokens for use in find({}, "searcher-1")] == [7]


def test_without_tools_there_is_one_reading() -> None:
    assert readings(70, [], 1000) == (70, 0)
    assert readings(7000, [], 1000) == (1000, 0)
    assert readings(70, [Use(Tool("t", passes=0), 3, 5)], 1000) == (70, 0)


def test_uses_beyond_the_most_passes_come_at_once() -> None:
    # Three of five results in the first further pass: 10, then 10 + 4 x 7 and 10 + 5 x 7.
    assert readings(10, [Use(STEP, 5, 7)], 1000, most=2) == (10 + 38 + 45, 2)
    assert readings(10, [Use(STEP, 5, 7)], 1000, most=0) == (10, 0)


@given(
    st.integers(1, 3000),
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 700)), max_size=4),
    st.integers(1, 2500),
    st.none() | st.integers(0, 12),
)
def test_readings_cover_every_order_of_results(
    start: int, tools: list[tuple[int, int]], cap: int, most: int | None
) -> None:
    total, passes = readings(start, [Use(STEP, uses, tokens) for uses, tokens in tools], cap, most)
    results = [tokens for uses, tokens in tools for _ in range(uses)]
    assert passes == (len(results) if most is None else min(most, len(results)))
    for order in (results, sorted(results), sorted(results, reverse=True)):
        late = 0 if most is None else max(0, len(order) - most)
        here = start + (sum(order[:late]) if passes else 0)
        spent = min(start, cap)
        for tokens in order[late:]:
            here += tokens
            spent += min(here, cap)
        assert spent <= total
    assert total <= (passes + 1) * cap
