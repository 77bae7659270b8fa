"""Only what some path needs is decoded; a document of another shape is refused, never misread."""

import msgspec
import pytest

from proxy.wire.paths import parse_path
from proxy.wire.shape import Shape


def decode(text: bytes, *paths: str) -> object:
    shape = Shape()
    for path in paths:
        shape.require(parse_path(path))
    return shape.decoder().decode(text)


def test_what_no_path_names_is_not_built() -> None:
    text = b'{"model":"m","data":[{"embedding":[0.1,0.2],"index":0}],"usage":{"a":1,"b":{"c":2}}}'
    assert decode(text, "model", "usage") == {"model": "m", "usage": {"a": 1, "b": {"c": 2}}}
    assert decode(text, "data[].index") == {"data": [{"index": 0}]}


def test_a_path_that_ends_early_keeps_the_whole() -> None:
    text = b'{"usage":{"tier":"x","n":1}}'
    assert decode(text, "usage", "usage.tier") == {"usage": {"tier": "x", "n": 1}}
    assert decode(text, "usage.tier", "usage") == {"usage": {"tier": "x", "n": 1}}


def test_what_conditions_ask_is_kept() -> None:
    text = b'{"type":"t","x":1,"out":[{"kind":"a","act":{"type":"s","q":2},"id":"i","big":"b"}]}'
    assert decode(text, "[type=t].out[kind=a,act.type=s].id") == {
        "type": "t",
        "out": [{"kind": "a", "act": {"type": "s"}, "id": "i"}],
    }


@pytest.mark.parametrize("value", [b"3", b'"x"', b"null", b"true", b"1.5", b"[1]", b"[]", b'{"other":1}'])
def test_places_may_hold_anything(value: bytes) -> None:
    text = b'{"a":' + value + b"}"
    expected = msgspec.json.decode(text)
    if value.startswith(b"{"):
        expected = {"a": {}}
    assert decode(text, "a.b[].c") == expected


def test_members_without_known_names_are_all_kept() -> None:
    assert decode(b'{"by":{"x":{"n":1,"m":2}},"c":3}', "by.*.n") == {"by": {"x": {"n": 1, "m": 2}}}


def test_no_paths_keep_everything() -> None:
    assert decode(b'{"a":1}') == {"a": 1}
