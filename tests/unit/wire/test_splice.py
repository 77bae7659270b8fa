"""One member is set in the text; every other byte stays. `tests/properties/test_splice.py` says so for any JSON."""

import json

import pytest

from proxy.wire.splice import splice

USAGE = ("stream_options", "include_usage")


@pytest.mark.parametrize(
    ("body", "path", "value", "spliced"),
    [
        # Inserted at the head of its object.
        (b"{}", ("a",), b"1", b'{"a":1}'),
        (b"{ }", ("a",), b"1", b'{"a":1 }'),
        (b'{"b":2}', ("a",), b"1", b'{"a":1,"b":2}'),
        (b'\n{\n  "b": 2\n}\n', ("a",), b"1", b'\n{"a":1,\n  "b": 2\n}\n'),
        (b'{"stream":true}', USAGE, b"true", b'{"stream_options":{"include_usage":true},"stream":true}'),
        (b'{"stream_options":{}}', USAGE, b"true", b'{"stream_options":{"include_usage":true}}'),
        (
            b'{"stream_options" : { "chunk":1 } }',
            USAGE,
            b"true",
            b'{"stream_options" : {"include_usage":true, "chunk":1 } }',
        ),
        # Replaced where it stands, whatever stood there.
        (b'{"a":0,"b":2}', ("a",), b"1", b'{"a":1,"b":2}'),
        (b'{"b":2 , "a" :\t-1.5e-3 }', ("a",), b"1", b'{"b":2 , "a" :\t1 }'),
        (b'{"a":"x\\"},{[","b":2}', ("a",), b"1", b'{"a":1,"b":2}'),
        (b'{"a":[{"a":"]"},[]],"b":2}', ("a",), b"1", b'{"a":1,"b":2}'),
        (b'{"a":null}', ("a",), b"1", b'{"a":1}'),
        (
            b'{"stream_options":{"include_usage":false}}',
            USAGE,
            b"true",
            b'{"stream_options":{"include_usage":true}}',
        ),
        (b'{"stream_options":null,"b":2}', USAGE, b"true", b'{"stream_options":{"include_usage":true},"b":2}'),
        # A key is compared as the parser reads it, not as it is spelled.
        (b'{"\\u0061":0}', ("a",), b"1", b'{"\\u0061":1}'),
        (b'{"a\\"b":0,"a":2}', ("a",), b"1", b'{"a\\"b":0,"a":1}'),
        # The same name inside a string, a nested object or a list is another member.
        (
            b'{"s":"\\"a\\":0","o":{"a":0},"l":[{"a":0}]}',
            ("a",),
            b"1",
            b'{"a":1,"s":"\\"a\\":0","o":{"a":0},"l":[{"a":0}]}',
        ),
        # Text beyond ASCII is bytes like any others.
        ('{"k":"żółć 🙂"}'.encode(), ("a",), b"1", '{"a":1,"k":"żółć 🙂"}'.encode()),
    ],
)
def test_sets_one_member_and_keeps_every_other_byte(
    body: bytes, path: tuple[str, ...], value: bytes, spliced: bytes
) -> None:
    assert splice(body, path, value) == spliced
    json.loads(spliced)


def test_makes_every_object_that_is_missing_on_the_way() -> None:
    assert splice(b'{"a":{}}', ("a", "b", "c", "d"), b"7") == b'{"a":{"b":{"c":{"d":7}}}}'


@pytest.mark.parametrize("value", [b'"text"', b"[]", b"5", b"true"])
def test_refuses_a_way_through_something_that_is_no_object(value: bytes) -> None:
    with pytest.raises(ValueError, match="stream_options is not an object"):
        splice(b'{"stream_options":%s}' % value, USAGE, b"true")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"", b"  ", b"null"])
def test_refuses_a_text_that_is_no_object(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        splice(body, ("a",), b"1")


@pytest.mark.parametrize("body", [b'{"b":[1,2', b'{"b":"no end', b'{"b":', b'{"b'])
def test_refuses_a_text_that_ends_too_early(body: bytes) -> None:
    with pytest.raises(ValueError, match="JSON"):
        splice(body, ("a",), b"1")


def test_a_long_body_is_not_taken_apart_byte_by_byte() -> None:
    """A megabyte of escapes in front of the member costs one pass, not a recursion."""
    body = b'{"prompt":"%s","nested":%s%s,"a":0}' % (b"\\n" * 500_000, b"[" * 150, b"]" * 150)
    assert splice(body, ("a",), b"1") == body.replace(b'"a":0', b'"a":1')
