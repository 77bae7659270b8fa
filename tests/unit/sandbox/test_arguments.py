from typing import Any

import pytest

from proxy.sandbox.arguments import sample
from proxy.sandbox.dice import Dice


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "word"),
        ({"type": ["string", "null"]}, "word"),
        ({"type": "STRING"}, "word"),
        ({"const": 4}, 4),
        ({"type": "integer", "default": 7}, 7),
        ({"enum": ["only"]}, "only"),
        ({"type": "null"}, None),
        ({"type": "integer", "minimum": 3, "maximum": 3}, 3),
        ({"type": "array", "items": {"const": 1}, "minItems": 2}, [1, 1]),
        ({"anyOf": [{"const": "a"}, {"const": "b"}]}, "a"),
        ({"properties": {"a": {"const": 1}, "b": {}}, "required": ["a"]}, {"a": 1}),
        ({"type": "object"}, {}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"const": 5}}}, 5),
        ("nonsense", "word"),
    ],
)
def test_samples_fit(schema: Any, expected: Any) -> None:
    assert sample(schema, "word", Dice(1)) == expected


def test_numbers_stay_in_their_bounds() -> None:
    schema = {"type": "number", "minimum": 2, "maximum": 4}
    assert {sample(schema, "", Dice(seed)) for seed in range(60)} == {2, 3, 4}
    assert {sample({"type": "boolean"}, "", Dice(seed)) for seed in range(60)} == {True, False}


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {"type": "object", "properties": {"child": {"$ref": "#"}}, "required": ["child"]}
    value = sample(schema, "leaf", Dice(1))
    while isinstance(value, dict):
        value = value["child"]
    assert value == "leaf"
