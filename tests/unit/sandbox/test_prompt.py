from proxy.sandbox.prompt import read_inputs, read_prompt
from proxy.sandbox.shapes import Cache, Prompt

SPEC = Prompt(at=("system", "messages"), members=frozenset({"content", "text"}), media={"image": 100}, whole=("tools",))


def test_texts_are_found_where_the_shape_says() -> None:
    body = {
        "messages": [
            {"role": "user", "content": "one two!"},
            {"role": "user", "content": [{"type": "text", "text": "three"}, {"image": "data:..."}]},
        ],
        "system": "be brief",
        "other": "unseen",
    }
    asked = read_prompt(body, SPEC, None)
    assert asked.text == b"be brief\0one two!\0three"
    assert asked.subject == "three"
    assert asked.tokens == (2 + 3) + (2 + 3) + (2 + 3) + 100


def test_whole_members_count_with_their_json() -> None:
    bare = read_prompt({"messages": "hi"}, SPEC, None)
    tooled = read_prompt({"messages": "hi", "tools": [{"name": "x" * 34}]}, SPEC, None)
    assert tooled.tokens - bare.tokens == 12
    assert read_prompt({}, SPEC, None).tokens == 1


def test_what_may_be_cached() -> None:
    blocks = [{"text": "first", "cache_control": {"ttl": "1h"}}, {"text": "second"}]
    body = {"system": blocks, "messages": "third"}
    marked = Cache(marker="cache_control")
    assert read_prompt(body, SPEC, None).prefix == 0
    assert read_prompt(body, SPEC, Cache()).prefix == len(b"first\0second\0third")
    asked = read_prompt(body, SPEC, marked)
    assert asked.text[: asked.prefix] == b"first"
    assert asked.ttl == "1h"
    assert read_prompt({"messages": "x"}, SPEC, marked).prefix == 0


def test_inputs_are_texts_or_one_list_of_something_else() -> None:
    assert read_inputs({"input": "a"}, ("input",)) == ["a"]
    assert read_inputs({"input": ["a", "b"]}, ("input",)) == ["a", "b"]
    assert read_inputs({"input": [1, 2]}, ("input",)) == ["[1,2]"]
    assert read_inputs({"input": [[1], [2]]}, ("input",)) == ["[1]", "[2]"]
    assert read_inputs({"input": [{"type": "text"}]}, ("input",)) == ['[{"type":"text"}]']
    assert read_inputs({"requests": [{"content": {"a": 1}}, {"content": "x"}]}, ("requests.*.content",)) == [
        '{"a":1}',
        "x",
    ]
