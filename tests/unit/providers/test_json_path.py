"""Looking into a parsed body by a dotted path, and the conditions that data can state about it."""

from typing import Any

import pytest

from proxy.providers.json_path import look, matches
from proxy.providers.match import Match

BODY = {"a": {"b": {"c": 1}, "n": None}, "list": [], "text": "x", "zero": 0, "no": False, "empty": {}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b.c", 1),
        ("a.b", {"c": 1}),
        ("a.n", None),
        ("a.n.c", None),
        ("a.x.c", None),
        ("text.length", None),
        ("list.0", None),
        ("zero", 0),
        ("no", False),
        ("absent", None),
    ],
)
def test_looks_through_objects_only(path: str, value: Any) -> None:
    assert look(BODY, path) == value


@pytest.mark.parametrize("body", [None, [], "text", 5, True])
def test_a_body_that_is_no_object_holds_nothing(body: Any) -> None:
    assert look(body, "a") is None
    assert not matches(body, Match("a"))


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        # There at all.
        (Match("a.b.c"), True),
        (Match("zero"), True),
        (Match("no"), True),
        (Match("list"), True),
        (Match("a.n"), False),
        (Match("absent"), False),
        # Missing, where that is as good.
        (Match("absent", other_than=True, or_missing=True), True),
        (Match("a.n", other_than=True, or_missing=True), True),
        (Match("no", other_than=True, or_missing=True), True),
        (Match("no", other_than=False, or_missing=True), False),
        # Empty.
        (Match("list", empty=True), True),
        (Match("empty", empty=True), True),
        (Match("a", empty=True), False),
        (Match("a.n", empty=True), False),
        (Match("absent", empty=True), False),
        (Match("zero", empty=True), False),
        # Equal, and of the same kind: 1 is not true, 0 is not false.
        (Match("text", equals="x"), True),
        (Match("text", equals="X"), False),
        (Match("no", equals=False), True),
        (Match("zero", equals=False), False),
        (Match("a.b.c", equals=1), True),
        (Match("a.b.c", equals=True), False),
        (Match("no", equals=0), False),
        (Match("absent", equals=False), False),
    ],
)
def test_conditions(match: Match, holds: bool) -> None:
    assert matches(BODY, match) is holds
