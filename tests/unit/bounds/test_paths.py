import pytest

from proxy.bounds.paths import compiled, every, first, spelled

BODY = {
    "messages": [{"content": [{"text": "a"}, {"text": "b"}]}, {"content": "plain"}, "odd", None],
    "config": {"max_tokens": 5, "none": None},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("messages.*.content.*.text", ["a", "b"]),
        ("settings|config.maxTokens|max_tokens", [5]),
        ("config.none", []),
        ("config.none|max_tokens", [5]),
        ("config.max_tokens.deeper", []),
        ("messages.content", []),
        ("config.*", []),
        ("nowhere.*.x", []),
    ],
)
def test_every_yields_what_is_there(path: str, found: list[object]) -> None:
    assert list(every(BODY, path)) == found
    assert first(BODY, path) == (found[0] if found else None)


def test_the_empty_path_is_the_body() -> None:
    assert compiled("") == ()
    assert first(BODY, "") is BODY
    assert list(every(BODY, "")) == [BODY]


@pytest.mark.parametrize("body", [None, 1, "text", [], [1]])
def test_bodies_that_are_no_object_have_nothing(body: object) -> None:
    assert first(body, "a.b") is None
    assert list(every(body, "a.*.b")) == []


def test_spelled_follows_the_body_and_then_the_first_spelling() -> None:
    path = "generationConfig|generation_config.maxTokens|max_tokens"
    assert spelled({}, path) == ("generationConfig", "maxTokens")
    assert spelled({"generation_config": {}}, path) == ("generation_config", "maxTokens")
    assert spelled({"generation_config": {"max_tokens": None}}, path) == ("generation_config", "max_tokens")
    assert spelled("no object", "n") == ("n",)
