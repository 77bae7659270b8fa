from collections.abc import Callable
from typing import Any

import pytest

from proxy.errors import BadConfig
from proxy.sandbox.shapes import IdForm, Shapes, shapes_from

LEAST: dict[str, Any] = {
    "source": "made up",
    "key": [{"header": "x-key"}],
    "errors": {"body": {"error": "${message}"}, "event": {"data": {"error": "${message}"}}, "otherwise": {}},
    "routes": [{"name": "echo", "method": "POST", "path": "/echo", "answer": {"said": "${model}"}}],
}


def test_the_least_that_works() -> None:
    shapes = shapes_from(LEAST)
    assert shapes.routes[0].answer is not None
    assert shapes.routes[0].answer.fill({"model": "m"}) == b'{"said":"m"}'
    assert shapes.errors.body.fill({"message": "no"}) == b'{"error":"no"}'


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"surce": "x"}, "unknown field `surce`"),
        ({"source": 3}, r"\$.source"),
        ({"ids": {"a": "no length"}}, "must be a prefix and a length"),
        ({"headers": {"a": 5}}, "expected a string"),
        ({"routes": [{**LEAST["routes"][0], "answer": {"$use": "none"}}]}, r"unknown or uses itself.*\$.routes"),
    ],
)
def test_faults_name_their_place(change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadConfig, match=says):
        shapes_from({**LEAST, **change}, "mine.yaml")
    with pytest.raises(BadConfig, match=r"mine\.yaml: "):
        shapes_from([], "mine.yaml")


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
def test_what_ships_loads_and_says_where_it_is_from(load: Callable[[str], Shapes], name: str) -> None:
    shapes = load(name)
    assert "Read 2026" in shapes.source
    names = [route.name for route in shapes.routes]
    assert len(names) == len(set(names))
    assert all(alias != real for alias, real in shapes.aliases.items())


def test_ids() -> None:
    assert IdForm("resp_{6}").make("0123456789") == "resp_012345"
    assert IdForm("{4}").make("0123456789") == "0123"
