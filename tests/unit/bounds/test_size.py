import json
from typing import Any

import pytest

from proxy.bounds.search import Search
from proxy.bounds.size import Size, any_units, measure
from proxy.bounds.spec import BoundSpec, Counted, InputUnit, Kind, Media, Output, OutputUnit, Reference
from proxy.errors import Refused

SPEC = BoundSpec(
    input=(InputUnit("input_tokens"),),
    overhead=100,
    lists=(Counted("messages", each=8), Counted("tools", each=10, any=500)),
    inputs="prompts",
    media=(Media("parts.*", (Kind(by="item", tokens=900, unit="sound"),), data=("sound",)),),
    references=(Reference("answer", "previous", tokens=True), Reference("store", "store")),
)


def size(body: Any, known: dict[str, int | None] | None = None) -> tuple[Size, int]:
    raw = json.dumps(body, ensure_ascii=False).encode()
    return measure(body, Search(raw), SPEC, "m", known or {}), len(raw)


def test_a_byte_is_a_token_and_lists_add_theirs() -> None:
    found, raw = size({"messages": [{"content": "héllo 你好"}] * 3, "tools": [{}]})
    assert found == Size(raw + 100 + 3 * 8 + 10 + 500)
    assert size({"tools": []})[0].text == 100 + len(b'{"tools": []}')


def test_a_text_that_is_read_with_each_element_counts_as_often() -> None:
    spec = BoundSpec(input=SPEC.input, lists=(Counted("documents", each=2, along="query"),))
    body = {"query": "häuser", "documents": ["a", "b", "c"]}
    raw = json.dumps(body, ensure_ascii=False).encode()
    assert measure(body, Search(raw), spec, "m", {}).text == len(raw) + 3 * (2 + len("häuser".encode()))
    body["query"] = 7
    with pytest.raises(Refused, match="query"):
        measure(body, Search(raw), spec, "m", {})
    output = Output(units=(OutputUnit("output_tokens"),))
    assert not BoundSpec(input=SPEC.input, output=output, lists=spec.lists).can_be_plain


WRAPPED = BoundSpec(
    input=SPEC.input,
    overhead=40,
    preambles={"wordy-*": 500},
    wrapping='{"say":[]}',
    aside=("model", "heat"),
    lists=(
        Counted("tools", each=1, any=1, models=("bare-*",)),
        Counted("tools", each=10, any=500),
        Counted("say", each=5, text=True, wrapping='{"text":""},'),
    ),
)


def test_json_around_the_text_and_settings_are_no_text() -> None:
    body = {"model": "m", "heat": 1, "say": [{"text": "hello"}, {"text": "there"}]}
    raw = json.dumps(body, separators=(",", ":")).encode()
    assert measure(body, Search(raw), WRAPPED, "m", {}).text == 40 + 2 * 5 + len("hellothere") - 1
    text = {"say": "hello"}
    raw = json.dumps(text, separators=(",", ":")).encode()
    assert measure(text, Search(raw), WRAPPED, "m", {}).text == 40 + 5 + len(raw) - len(WRAPPED.wrapping)


def test_models_differ_in_what_they_are_read_with() -> None:
    assert WRAPPED.beyond("wordy-1").fixed - WRAPPED.beyond("m").fixed == 460
    with_tools = {"tools": [{}, {}]}
    raw = b'{"tools":[{},{}]}'
    plain = measure(with_tools, Search(raw), WRAPPED, "m", {}).text
    assert plain - measure(with_tools, Search(raw), WRAPPED, "bare-1", {}).text == 520 - 3


def test_there_is_a_token_at_least() -> None:
    assert measure({}, Search(b"{}"), BoundSpec(wrapping="x" * 99), "m", {}).text == 1


def test_models_are_not_remembered_for_ever() -> None:
    for number in range(2_500):
        WRAPPED.beyond(f"wordy-{number}")
    assert len(WRAPPED.__dict__["_beyond"]) <= 1_000


def test_media_are_not_text() -> None:
    found, raw = size({"parts": [{"sound": "A" * 4000}]})
    assert found == Size(raw + 100 - 4000, {("sound",): 900})
    assert found.tokens(10**6) == raw + 100 - 4000 + 900


def test_named_objects_count_as_known_else_as_the_window() -> None:
    found, raw = size({"previous": "r1", "store": "s1"}, {"r1": 777})
    assert (found.media, found.unknown) == ({any_units(SPEC): 777}, 0)
    found, raw = size({"previous": "r1"}, {"r1": None})
    assert (found.media, found.unknown) == ({}, 1)
    assert found.tokens(5000) == raw + 100 + 5000


def test_every_element_of_a_list_of_inputs_has_a_window() -> None:
    assert size({"prompts": ["a", "b", "c"]})[0].windows == 3
    assert size({"prompts": "a"})[0].windows == 1
    assert size({})[0].windows == 1


@pytest.mark.parametrize("messages", ["text", 5, {"a": 1}, True])
def test_lists_must_be_lists(messages: Any) -> None:
    with pytest.raises(Refused, match="messages"):
        size({"messages": messages})
