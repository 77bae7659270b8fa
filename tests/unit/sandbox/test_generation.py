from typing import Any

import pytest

from proxy.sandbox.generation import Draft, generate, split
from proxy.sandbox.prompt import Asked
from proxy.sandbox.prose import tokens_of
from proxy.sandbox.shapes import ForcedTool, Output, Reasoning, Tools
from proxy.sandbox.steering import PLAIN, Steering

ASKED = Asked(b"", 5, "What is a glacier made of?")
TOOLS = Tools(at=("tools.*",), schema=("schema",), must=(ForcedTool("choice", "must"),), named=("named",))
OUTPUT = Output(
    finish={},
    tokens_max=("max", "limit"),
    choices="n",
    schema=("form",),
    tools=TOOLS,
    reasoning=Reasoning("think", (10, 20)),
)


def one(body: dict[str, Any], model: str = "m", steering: Steering = PLAIN, seed: int = 1) -> Draft:
    (draft,) = generate(OUTPUT, body, ASKED, model, steering, seed)
    return draft


def test_a_usual_answer() -> None:
    draft = one({})
    assert (draft.end, draft.tool, draft.reasoning) == ("stop", "", 0)
    assert draft.visible == tokens_of(draft.text) >= 40
    assert draft == one({})
    assert draft.text != one({}, seed=2).text


@pytest.mark.parametrize("limit", [1, 5, 30])
def test_the_maximum_cuts(limit: int) -> None:
    draft = one({"max": None, "limit": limit})
    assert (draft.visible, draft.end) == (limit, "length")
    assert tokens_of(draft.text) <= limit


def test_thinking_comes_first_and_counts() -> None:
    assert 10 <= one({}, "thinker").reasoning <= 20
    starved = one({"max": 4}, "thinker")
    assert (starved.reasoning, starved.visible, starved.text, starved.end) == (4, 0, "", "length")
    assert one({}, steering=Steering(reasoning_tokens=77)).reasoning == 77


@pytest.mark.parametrize("tokens", [0, 1, 13, 500, 3000])
def test_exactly_as_many_as_steered(tokens: int) -> None:
    draft = one({}, steering=Steering(output_tokens=tokens))
    assert (draft.visible, draft.end) == (tokens, "stop")
    assert abs(tokens_of(draft.text) - tokens) <= 1
    assert one({"max": 7}, steering=Steering(output_tokens=8)).end == "length"


@pytest.mark.parametrize(("n", "count"), [(None, 1), (3, 3), (0, 1), ("4", 1), (10**6, 128)])
def test_several_answers_differ(n: Any, count: int) -> None:
    drafts = generate(OUTPUT, {"n": n, "max": 40}, ASKED, "m", PLAIN, 1)
    assert [draft.index for draft in drafts] == list(range(count))
    assert len({draft.text for draft in drafts}) > count // 2


def test_a_tool_that_must_be_called() -> None:
    tools = [{"name": "a", "schema": {"properties": {"x": {"const": 1}}}}, {"name": "b", "schema": {}}]
    first = one({"tools": tools, "choice": "must"})
    assert (first.tool, first.text, first.end) == ("a", '{"x":1}', "tool")
    assert one({"tools": tools, "choice": "must", "named": "b"}).tool == "b"
    assert one({"tools": tools, "choice": "auto"}).tool == ""
    assert one({"tools": [], "choice": "must"}).tool == ""
    assert one({"tools": tools, "choice": "must", "max": 1}).end == "length"


def test_an_answer_of_a_schema() -> None:
    draft = one({"form": {"type": "object", "properties": {"y": {"const": "z"}}}})
    assert (draft.text, draft.end) == ('{"y":"z"}', "stop")


def test_pieces() -> None:
    draft = one({"max": 30})
    assert "".join(split(draft, 3, None)) == draft.text
    assert len(split(draft, 3, 17)) == 17
    assert split(Draft(0, "", 0, 0, "stop"), 1, None) == ("",)
    assert "".join(split(Draft(0, '{"a":"bcdefgh"}', 4, 0, "tool", "t"), 1, None)) == '{"a":"bcdefgh"}'
    assert one({}, steering=Steering(chunks=400)).visible >= 400
