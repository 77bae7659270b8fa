from typing import Any

import pytest

from proxy.bounds.fields import kind, length, whole, words
from proxy.errors import Refusal, Refused

SECRET = "my secret prompt"


@pytest.mark.parametrize("value", [-1, 0, True, False, 1.0, 1e3, "5", SECRET, [1], {"a": 1}, 10**9 + 1, 10**30])
def test_whole_refuses_what_is_no_sensible_count(value: Any) -> None:
    with pytest.raises(Refused) as refused:
        whole({"max_tokens": value}, "max_tokens")
    assert refused.value.refusal is Refusal.MALFORMED_REQUEST
    assert "max_tokens" in refused.value.message
    assert kind(value) in refused.value.message
    assert "send an integer from 1 to 1000000000" in refused.value.message
    assert SECRET not in refused.value.message


@pytest.mark.parametrize("body", [{}, {"n": None}, [], "text", None])
def test_absent_and_null_are_the_same(body: Any) -> None:
    assert whole(body, "n") is None
    assert words(body, "n") == []
    assert length(body, "n") == 0


def test_whole_accepts_the_whole_range() -> None:
    assert whole({"n": 1}, "n") == 1
    assert whole({"n": 10**9}, "n") == 10**9
    assert whole({"n": 0}, "n", least=0) == 0
    assert whole({"n": 128}, "n", most=128) == 128
    with pytest.raises(Refused):
        whole({"n": 129}, "n", most=128)


def test_two_spellings_are_both_read() -> None:
    body = {"config": {"maxTokens": 3}, "settings": {"max_tokens": 9}}
    assert whole(body, "config|settings.maxTokens|max_tokens") == 9
    body["settings"]["max_tokens"] = -1
    with pytest.raises(Refused, match=r"config\.maxTokens"):
        whole(body, "config|settings.maxTokens|max_tokens")


def test_words_and_length_refuse_other_kinds() -> None:
    assert words({"model": "m"}, "model") == ["m"]
    with pytest.raises(Refused, match="model holds a value of kind integer"):
        words({"model": 7}, "model")
    assert length({"input": "text"}, "input", text=True) == 1
    assert length({"input": ["a", "b"]}, "input", text=True) == 2
    with pytest.raises(Refused, match="kind string") as refused:
        length({"messages": SECRET}, "messages")
    assert SECRET not in refused.value.message


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (True, "boolean"),
        (1, "integer"),
        (1.5, "fraction"),
        ("", "string"),
        ([], "list"),
        ({}, "object"),
        (None, "null"),
    ],
)
def test_kind_names_json_kinds(value: Any, name: str) -> None:
    assert kind(value) == name
