"""A tree hands each value to the sinks of its path, once, however many paths share a beginning."""

from typing import Any

from proxy.wire.paths import find_all, parse_path
from proxy.wire.tree import Tree

Found = list[tuple[str, Any]]

PATHS = (
    "model",
    "choices[].delta.content",
    "choices[].delta.tool_calls[].arguments",
    "choices[].index",
    "choices",
    "[type=event].model",
    "items[kind=a].id",
    "items[kind=a].name",
    "items[kind=b].id",
    "items[].id",
    "*.model",
    "choices[].*.content",
)
DOCUMENT = {
    "type": "event",
    "model": "m",
    "choices": [
        {"index": 0, "delta": {"content": "x", "tool_calls": [{"arguments": "{}"}, None]}},
        {"index": 1, "delta": None},
    ],
    "items": [{"kind": "a", "id": 1, "name": "n"}, {"kind": "b", "id": 2}, "odd"],
    "other": {"model": "not this"},
}


def tree_of(*paths: str) -> Tree[Found]:
    tree: Tree[Found] = Tree()
    for path in paths:

        def sink(found: Found, value: Any, path: str = path) -> None:
            found.append((path, value))

        tree.add(parse_path(path), sink)
    return tree


def test_a_walk_finds_what_each_path_finds() -> None:
    found: Found = []
    tree_of(*PATHS).walk(found, DOCUMENT)
    for path in PATHS:
        assert [value for name, value in found if name == path] == find_all(parse_path(path), DOCUMENT)


def test_nulls_and_other_shapes_are_passed_over() -> None:
    found: Found = []
    for document in (None, 3, "x", [], [1], {"choices": 3, "items": {}, "model": None}):
        tree_of("model", "choices[].index", "items[kind=a].id").walk(found, document)
    assert found == []


def test_two_sinks_of_one_path_both_get_it() -> None:
    found: Found = []
    tree_of("model", "model").walk(found, {"model": "m"})
    assert found == [("model", "m"), ("model", "m")]


def test_the_document_itself_can_be_taken() -> None:
    found: Found = []
    tree_of(".", "[type=x]").walk(found, {"type": "x"})
    assert found == [(".", {"type": "x"}), ("[type=x]", {"type": "x"})]
