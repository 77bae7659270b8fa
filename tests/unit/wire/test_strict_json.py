"""What the strict reader refuses is what two parsers could read in two ways."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.strict_json import DEPTH_MAX, parse_object


class Pairs(list[tuple[str, Any]]):
    """An object as it may be written: its keys can come twice."""


def written(value: Any, blank: str, ascii_only: bool) -> str:
    """Write JSON with blanks around every mark."""
    if isinstance(value, Pairs):
        members = (f"{json.dumps(k, ensure_ascii=ascii_only)}{blank}:{written(v, blank, ascii_only)}" for k, v in value)
        return "{" + blank + ",".join(members) + blank + "}"
    if isinstance(value, list):
        return "[" + ",".join(blank + written(each, blank, ascii_only) for each in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def again(value: Any) -> bool:
    """Tell whether some object has a key twice."""
    if isinstance(value, Pairs):
        return len(dict(value)) < len(value) or any(again(each) for _, each in value)
    return isinstance(value, list) and any(again(each) for each in value)


def test_returns_what_json_means() -> None:
    body = b' {"a": [1, -2.5e3, true, null], "\\u0062": {"c": "\\ud83d\\ude42"}} \n'
    assert parse_object(body) == {"a": [1, -2500.0, True, None], "b": {"c": "🙂"}}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "the body is not valid JSON (character 0)"),
        (b'{"a":1', "the body is not valid JSON (character 6)"),
        (b"{'a':1}", "the body is not valid JSON (character 1)"),
        (b'{"a":1,}', "the body is not valid JSON"),
        (b'{"a":01}', "the body is not valid JSON"),
        (b'{"a":1}{"a":2}', "the body is not valid JSON (character 7)"),
        (b'{"a":1} x', "the body is not valid JSON (character 8)"),
        (b'{"a":"\n"}', "the body is not valid JSON"),
        (b"[]", "the body must be a JSON object"),
        (b'"text"', "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
        (b'{"a":1,"a":2}', "an object of the body has the same key twice"),
        (b'{"a":1,"\\u0061":2}', "an object of the body has the same key twice"),
        (b'{"x":[{"a":1,"b":0,"a":1}]}', "an object of the body has the same key twice"),
        (b'{"a":NaN}', "the body holds NaN, which is not JSON"),
        (b'{"a":Infinity}', "the body holds Infinity, which is not JSON"),
        (b'{"a":-Infinity}', "the body holds -Infinity, which is not JSON"),
        (b"\xef\xbb\xbf{}", "the body is not valid JSON (character 0)"),
        ('{"a":1}'.encode("utf-16"), "the body is not UTF-8"),
        (b'{"a":"\xff"}', "the body is not UTF-8 (byte 6)"),
        (b'{"a":"\xed\xa0\x80"}', "the body is not UTF-8 (byte 6)"),
        (b'{"a":%s}' % (b"9" * 5_000), "the body holds an integer of thousands of digits"),
        (b'{"a":-1e999}', "the body holds a number that is larger than any float"),
    ],
)
def test_refuses_in_words_for_the_caller(body: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(fault)}"):
        parse_object(body)


def test_a_refusal_never_echoes_the_body() -> None:
    secret = b"sk-very-secret"
    for body in (
        b'{"k":"%s",}' % secret,
        b'{"%s":1,"%s":2}' % (secret, secret),
        b'{"k":%s}' % secret,
        b'"%s"' % secret,
        secret,
        b'{"k":"%s\xff"}' % secret,
    ):
        with pytest.raises(ValueError, match=r"^(the|an object of the) body ") as caught:
            parse_object(body)
        assert secret.decode() not in str(caught.value)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_has_a_limit(opening: bytes, closing: bytes) -> None:
    def nested(levels: int) -> bytes:
        inner = b"0" if opening.startswith(b"{") else b""
        return b'{"x":' + opening * (levels - 1) + inner + closing * (levels - 1) + b"}"

    parse_object(nested(DEPTH_MAX))
    with pytest.raises(ValueError, match=f"nested deeper than {DEPTH_MAX} levels"):
        parse_object(nested(DEPTH_MAX + 1))
    with pytest.raises(ValueError, match="nested"):
        parse_object(nested(200_000))


def test_brackets_inside_strings_are_no_nesting() -> None:
    assert parse_object(b'{"a":"%s"}' % (b"[{" * 500)) == {"a": "[{" * 500}
    assert parse_object(b'{"a":"\\"%s"}' % (b"[" * 500)) == {"a": '"' + "[" * 500}


def test_many_shallow_objects_are_fine() -> None:
    assert len(parse_object(b'{"m":[%s]}' % b",".join([b"{}"] * 1_000))["m"]) == 1_000


def test_strings_without_an_end_are_judged_in_one_pass() -> None:
    """The hostile case: many quotes, each of which could begin a string that never ends."""
    with pytest.raises(ValueError, match="not valid JSON"):
        parse_object(b'{"a":[' + b"{}," * (DEPTH_MAX + 1) + b'"' + b'\\"' * 400_000)


def test_colons_in_text_are_no_keys() -> None:
    for body in (b'{"a":"b\\":c","d":"\\" :"}', b'{"a" :1,"b"\n:[{"c":"x: y"}]}', b'{"":"", "x":{"":":"}}'):
        assert parse_object(body) == json.loads(body)


@pytest.mark.parametrize("body", [b'{"a":1,"a" :2}', b'{"a":"\\":","b" :1,"b"\t:2}', b'{"a"\n:1,"a"\r:2,"c":"\\" :"}'])
def test_no_blank_hides_a_second_key(body: bytes) -> None:
    with pytest.raises(ValueError, match="the same key twice"):
        parse_object(body)


TEXTS = st.text(st.sampled_from('a":,\\ \n{}[]é'), max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(TEXTS, inner), max_size=3).map(Pairs),
    max_leaves=12,
)


@given(
    st.lists(st.tuples(TEXTS, VALUES), max_size=4).map(Pairs), st.sampled_from(["", " ", "\n", "\t "]), st.booleans()
)
def test_the_quick_way_and_the_slow_one_agree(value: Pairs, blank: str, ascii_only: bool) -> None:
    """Objects are drawn as pairs, so that keys may come twice; blanks stand wherever JSON lets them."""
    body = written(value, blank, ascii_only).encode()
    if again(value):
        with pytest.raises(ValueError, match="the same key twice"):
            parse_object(body)
    else:
        assert parse_object(body) == json.loads(body)
