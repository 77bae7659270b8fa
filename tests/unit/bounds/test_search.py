import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, InputUnit, Kind, Media, Reference, Tool

PICTURE = Media("parts.*", (Kind(by="item"),), {"type": "image_url"}, data=("image_url.url",))
SEARCHER = Tool("", models=("searcher-*",))
SERVER = Tool("tools.*")
ANSWER = Reference("answer", "previous")
SPEC = BoundSpec(
    input=(InputUnit("input_tokens"), InputUnit("cache_write", keys=("cache_control", "ttl"))),
    media=(PICTURE,),
    tools=(SERVER, SEARCHER),
    references=(ANSWER,),
)


def test_rules_are_chosen_by_their_marks_with_their_quotes() -> None:
    rules = Search(b'{"cache_control": {"ttl": "1h"}, "tools": [], "text": "say \\"image_url\\" previous"}').rules(SPEC)
    assert rules.text_units == ("input_tokens", "cache_write")
    assert rules.tools == (SERVER, SEARCHER)
    assert rules.media == rules.references == ()
    rules = Search(b'{"cache_control": 1, "type": "image_url", "previous": 1}').rules(SPEC)
    assert rules.text_units == ("input_tokens",)
    assert (rules.media, rules.tools, rules.references) == ((PICTURE,), (SEARCHER,), (ANSWER,))


def test_each_bound_has_its_own_rules() -> None:
    search = Search(b'{"previous": 1}')
    other = BoundSpec(input=(InputUnit("pages"),))
    assert search.rules(SPEC).references == (ANSWER,)
    assert search.rules(other).text_units == ("pages",)
    assert search.rules(SPEC).references == (ANSWER,)


@pytest.mark.parametrize("text", ['{"cache\\u005fcontrol": 1}', '{"\\u0063ache_control": 1}'])
def test_an_escaped_key_cannot_hide(text: str) -> None:
    assert "cache_control" in json.loads(text)
    rules = Search(text.encode()).rules(SPEC)
    assert rules.text_units == ("input_tokens", "cache_write")
    assert (rules.media, rules.tools, rules.references) == (SPEC.media, SPEC.tools, SPEC.references)


@pytest.mark.parametrize("text", ['{"text": "caf\\u00e9 \\u4f60 \\ud83d\\ude00 \\u000a"}', '{"text": "café"}'])
def test_other_escapes_hide_nothing(text: str) -> None:
    search = Search(text.encode())
    assert not search.hides
    assert search.rules(SPEC).media == ()


WORDS = st.sampled_from(["image_url", "tools", "ttl", "cache_control", "previous", 'tools"', '"ttl', "a", "", "\\"])
BODIES = st.recursive(
    WORDS | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=15,
)


@given(BODIES, st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]))
def test_one_pass_finds_what_looking_for_each_mark_does(body: Any, separators: tuple[str, str]) -> None:
    raw = json.dumps(body, separators=separators).encode()
    assert set(SPEC.look(raw)) == {mark for mark in SPEC.marks if mark in raw}
