from collections.abc import Callable

import pytest

from proxy.sandbox.generation import Draft
from proxy.sandbox.pace import SystemClock
from proxy.sandbox.reply import Fault
from proxy.sandbox.scopes import Scopes
from proxy.sandbox.shapes import Shapes
from proxy.sandbox.steering import PLAIN, Steering


@pytest.fixture
def scopes(load: Callable[[str], Shapes]) -> Scopes:
    return Scopes(load("openai"), SystemClock())


def test_what_is_known_of_a_request(scopes: Scopes, load: Callable[[str], Shapes]) -> None:
    route = next(route for route in load("openai").routes if route.name == "responses")
    scope = scopes.of_route(route, {}, {"model": "gpt-5", "input": "hi", "top_p": 0.5}, PLAIN)
    assert scope["model"] == "gpt-5-2025-08-07"
    assert (scope["asked.top_p"], scope["asked.temperature"], scope["asked.input"]) == (0.5, 1.0, "hi")
    assert (scope["words"], scope["usage"]) == (True, True)
    again = scopes.of_route(route, {}, {"input": []}, Steering(model="other", drop_usage=True))
    assert (again["model"], again["words"], again["usage"]) == ("other", False, False)
    assert len(scope["response_id"]) == len("resp_") + 50
    assert scope["response_id"] != again["response_id"]


def test_ids_differ_between_sandboxes(load: Callable[[str], Shapes]) -> None:
    first, second = (Scopes(load("openai"), SystemClock()).of_error(400, "")["request_id"] for _ in range(2))
    assert first != second


def test_known_models_are_looked_up(scopes: Scopes, load: Callable[[str], Shapes]) -> None:
    route = next(route for route in load("openai").routes if route.name == "models.get")
    assert scopes.of_route(route, {"model": "gpt-4o"}, {}, PLAIN)["name"] == "gpt-4o"
    with pytest.raises(Fault, match="'gpt-0' does not exist") as fault:
        scopes.of_route(route, {"model": "gpt-0"}, {}, PLAIN)
    assert fault.value.status == 404


def test_choices(scopes: Scopes, load: Callable[[str], Shapes]) -> None:
    route = load("openai").routes[0]
    drafts = [
        Draft(0, "words", 2, 0, "length"),
        Draft(1, '{"a":1}', 2, 0, "tool", "t"),
        Draft(2, '{"a', 1, 0, "length", "t"),
    ]
    scope = scopes.of_choices(route, drafts)
    assert (scope["text"], scope["finish"], scope["cut"], scope["tool_id"]) == ("words", "length", True, "")
    _, called, broken = scope["choices"]
    assert (called["parsed"], called["finish"], called["cut"]) == ({"a": 1}, "tool_calls", False)
    assert called["tool_id"].startswith("call_")
    assert broken["parsed"] == {}


def test_errors_have_their_kind(scopes: Scopes) -> None:
    assert scopes.of_error(429, "slow down")["code"] == "rate_limit_exceeded"
    assert scopes.of_error(418, "tea")["type"] == "invalid_request_error"
