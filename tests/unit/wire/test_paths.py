"""Paths find what they name, and nothing where a document is otherwise; mistakes in them are named."""

import pytest

from proxy.wire.paths import Each, Every, Member, Where, find_all, join_paths, parse_conditions, parse_path

DOCUMENT = {
    "type": "answer",
    "usage": {"prompt_tokens": 3, "details": None},
    "output": [
        {"type": "message", "content": [{"text": "a"}, {"text": "b"}]},
        {"type": "call", "action": {"type": "search"}, "id": 1},
        {"type": "call", "action": {"type": "open"}, "id": 2},
        "odd",
        None,
    ],
    "enums": [{"modality": 2, "n": 5}, {"modality": True, "n": 7}],
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".", [DOCUMENT]),
        ("usage.prompt_tokens", [3]),
        ("usage.details", []),
        ("usage.details.cached", []),
        ("usage.prompt_tokens.deeper", []),
        ("output[].content[].text", ["a", "b"]),
        ("output[].type", ["message", "call", "call"]),
        ("output[type=message].content[].text", ["a", "b"]),
        ("output[type=call,action.type=search].id", [1]),
        ("output[type=message|call].type", ["message", "call", "call"]),
        ("output[!action].type", ["message"]),
        ("output[action].id", [1, 2]),
        ("output[type!=message].type", ["call", "call"]),
        ("output[type!=message|call].type", []),
        ("output[action.type!=open].id", [1]),
        ("enums[modality!=2].n", []),
        ("[type=answer].usage.prompt_tokens", [3]),
        ("[type=event].usage.prompt_tokens", []),
        ("usage[prompt_tokens=3].prompt_tokens", [3]),
        ("enums[modality=2|IMAGE].n", [5]),
        ("enums[modality=True].n", []),
        ("usage[].prompt_tokens", []),
        ("*.prompt_tokens", [3]),
        ("usage.*", [3]),
        ("output.*", []),
        ("output[].*[].text", ["a", "b"]),
    ],
)
def test_a_path_finds_what_it_names(path: str, found: list[object]) -> None:
    assert find_all(parse_path(path), DOCUMENT) == found


@pytest.mark.parametrize("value", [None, 3, "text", [], [[]], {"usage": 3}, {"output": "text"}])
def test_what_does_not_fit_is_not_found(value: object) -> None:
    for path in ("usage.prompt_tokens", "output[].type", "output[type=call].id", "[type=answer].type"):
        assert find_all(parse_path(path), value) == []


def test_a_path_is_steps() -> None:
    assert parse_path("a.b[]") == (Member("a"), Member("b"), Each())
    assert parse_path("a.*.b") == (Member("a"), Every(), Member("b"))
    assert parse_path("[x=1].a") == (Where(parse_conditions("x=1")), Member("a"))


@pytest.mark.parametrize(
    "path",
    ["", "..", "a..b", "a.", ".a", "a.[x=1]", "a b", "a[", "a]", "a[=1]", "a[x=]", "a[x=1|]", "a[!x=1]", "a[,]", "a*"],
)
def test_a_mistake_is_named(path: str) -> None:
    with pytest.raises(ValueError, match=r"path|condition"):
        parse_path(path)


def test_paths_are_joined_below_a_root() -> None:
    assert join_paths(".", "usage") == "usage"
    assert join_paths("response", "usage") == "response.usage"
    assert join_paths("response", ".") == "response"
    assert join_paths("response", "[type=x].id") == "response[type=x].id"
    assert join_paths("[object=run]", "usage") == "[object=run].usage"
