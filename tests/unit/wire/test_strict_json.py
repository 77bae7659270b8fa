"""What the strict reader refuses is what two parsers could read in two ways."""

import re

import pytest

from proxy.wire.strict_json import DEPTH_MAX, parse_object


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
