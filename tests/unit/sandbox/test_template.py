import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sandbox.template import Condition, Line, Template

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.text().filter(lambda t: "${" not in t),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text().filter(lambda t: not t.startswith("$")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
def test_content_without_slots_is_itself(content: Any) -> None:
    assert json.loads(Template(content).fill({})) == content


@given(plain)
def test_a_slot_takes_any_value(value: Any) -> None:
    filled = Template({"a": "${x}", "b": ["${x}"]}).fill({"x": value})
    assert json.loads(filled) == {"a": value, "b": [value]}


@pytest.mark.parametrize(
    ("content", "scope", "expected"),
    [
        ("models/${name}", {"name": 'a"b'}, 'models/a"b'),
        ({"a": 1, "b": {"$when": "on", "then": 2}}, {"on": True}, {"a": 1, "b": 2}),
        ({"a": 1, "b": {"$when": "on", "then": 2}}, {}, {"a": 1}),
        ({"a": {"$when": "on !off", "then": 2, "else": 3}}, {"on": 1, "off": 1}, {"a": 3}),
        ({"a": {"$when": "on", "then": {"$when": "x", "then": 1, "else": 2}, "else": 3}}, {"on": 1}, {"a": 2}),
        ([1, {"$when": "on", "then": 2}, 3], {}, [1, 3]),
        ({"$each": "xs", "as": {"n": "${n}", "m": "${m}"}}, {"m": 9, "xs": [{"n": 1}, {"n": 2}]}, None),
        ({"$each": "xs", "as": 1}, {"xs": []}, []),
        ({"$use": "part"}, {"x": 5}, {"deep": 5}),
    ],
)
def test_directives(content: Any, scope: dict[str, Any], expected: Any) -> None:
    fragments = {"part": {"deep": {"$use": "deeper"}}, "deeper": "${x}"}
    if expected is None:
        expected = [{"n": 1, "m": 9}, {"n": 2, "m": 9}]
    assert json.loads(Template(content, fragments).fill(scope)) == expected


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"a": {"$when": "on", "then": 2}, "b": 1}, "may not vanish"),
        ({"$when": "on"}, "neither a name nor a complete directive"),
        ({"$use": "nothing"}, "unknown or uses itself"),
        ({"$use": "loop"}, "unknown or uses itself"),
        ({"$each": "xs", "as": 1, "more": 2}, "neither a name nor a complete directive"),
    ],
)
def test_faults_are_found_when_compiling(content: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Template(content, {"loop": [{"$use": "loop"}]})


def test_a_missing_slot_is_not_silent() -> None:
    with pytest.raises(KeyError, match="x"):
        Template({"a": "${x}"}).fill({})


def test_lines_and_conditions() -> None:
    assert Line("a-${b}-${c.d}").fill({"b": 1, "c.d": "x"}) == "a-1-x"
    assert Condition("").holds({})
    assert Condition("!a").holds({})
    assert not Condition("a b").holds({"a": 1, "b": 0})
