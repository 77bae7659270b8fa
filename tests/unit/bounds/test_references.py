import json
from typing import Any

from proxy.bounds.references import references
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, InputUnit, Kind, Media, Reference

SPEC = BoundSpec(
    input=(InputUnit("input_tokens"),),
    media=(Media("input.*.content.*", (Kind(by="window"),), {"type": "file"}, id=("file_id",)),),
    references=(
        Reference("response", "previous_response_id", tokens=True),
        Reference("conversation", "conversation"),
        Reference("conversation", "conversation", "id"),
        Reference("item", "input.*", "id", {"type": "item_reference"}),
        Reference("vector_store", "tools.*.vector_store_ids.*"),
    ),
)


def find(body: Any) -> tuple[tuple[str, str], ...]:
    return references(body, Search(json.dumps(body).encode()), SPEC)


def test_every_object_is_named_once() -> None:
    body = {
        "previous_response_id": "resp_1",
        "conversation": {"id": "conv_1"},
        "input": [
            {"type": "item_reference", "id": "msg_1"},
            {"type": "message", "id": "msg_2", "content": [{"type": "file", "file_id": "file_1"}]},
            {"type": "message", "content": [{"type": "file", "file_id": "file_1"}]},
        ],
        "tools": [{"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]}],
    }
    assert find(body) == (
        ("response", "resp_1"),
        ("conversation", "conv_1"),
        ("item", "msg_1"),
        ("vector_store", "vs_1"),
        ("vector_store", "vs_2"),
        ("file", "file_1"),
    )
    assert find({"conversation": "conv_2"}) == (("conversation", "conv_2"),)


def test_what_is_no_id_names_nothing() -> None:
    assert find({"previous_response_id": None, "conversation": 5, "tools": "x", "input": "previous_response_id"}) == ()
    assert find([]) == ()


def test_an_escaped_key_does_not_hide_an_object() -> None:
    raw = b'{"previous_response\\u005fid": "resp_1"}'
    assert references(json.loads(raw), Search(raw), SPEC) == (("response", "resp_1"),)
