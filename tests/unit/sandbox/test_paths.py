from typing import Any

import pytest

from proxy.sandbox.paths import pick, pick_all, pick_first

BODY = {"a": {"b": 1, "n": None}, "xs": [{"y": 1}, {"y": 2}, 3], "s": "text"}


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.b", [1]), ("a.n", [None]), ("a.c", []), ("xs.*.y", [1, 2]), ("s.*", []), ("s.x", []), ("xs.y", [])],
)
def test_every_value_at_a_path(path: str, found: list[Any]) -> None:
    assert list(pick_all(BODY, path)) == found
    assert pick(BODY, path) == (found[0] if found else None)


def test_the_first_that_is_not_null() -> None:
    assert pick_first(BODY, ["a.n", "nowhere", "a.b", "s"]) == 1
    assert pick_first(BODY, []) is None
    assert pick([1], "a") is None
