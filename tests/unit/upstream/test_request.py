"""A request's bytes, exactly; and nothing that breaks out of its line."""

import re

import pytest
from doubles.acme import SECRET, make_integration
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proxy.errors import BadConfig, Refusal, Refused
from proxy.providers.integration import KeyOut
from proxy.upstream.door import Outbound
from proxy.upstream.request import Origin, head_of, origin_of, stem_of

ACME = make_integration(origin="https://api.acme.test")
STEM = stem_of(ACME, origin_of(ACME.origin))
POST = Outbound("acme", "POST", "/v1/chat", [("X-One", "1"), ("x-two", "2")], b"{}")


def test_a_head_is_written_in_order_our_key_after_the_callers_headers() -> None:
    assert head_of(POST, STEM) == (
        b"POST /v1/chat HTTP/1.1\r\nHost: api.acme.test\r\nX-One: 1\r\nx-two: 2\r\n"
        b"authorization: Bearer " + SECRET.encode() + b"\r\nContent-Length: 2\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("POST", b"", [b"0"]),
        ("PUT", b"", [b"0"]),
        ("PATCH", b"", [b"0"]),
        ("GET", b"", []),
        ("DELETE", b"", []),
        ("HEAD", b"", []),
        ("GET", b"abc", [b"3"]),
        ("DELETE", b"abc", [b"3"]),
    ],
)
def test_the_length_is_said_where_a_body_is_or_could_be(method: str, body: bytes, length: list[bytes]) -> None:
    head = head_of(structs.replace(POST, method=method, body=body), STEM)
    assert re.findall(rb"Content-Length: (\d+)\r\n", head) == length


def test_what_only_we_set_is_not_taken_from_the_caller() -> None:
    stem = stem_of(structs.replace(ACME, key_out=KeyOut("X-Goog", "{key}")), origin_of(ACME.origin))
    names = ["Host", "content-length", "Transfer-Encoding", "x-goog"]
    head = head_of(structs.replace(POST, headers=[(name, "evil") for name in names]), stem)
    assert b"evil" not in head
    assert head.count(b"X-Goog: ") == head.count(b"Host: ") == head.count(b"Content-Length: ") == 1


def test_bytes_that_are_no_text_go_out_as_they_came() -> None:
    raw = b"caf\xc3\xa9 \xff\x80"
    head = head_of(structs.replace(POST, headers=[("x", raw.decode("utf-8", "surrogateescape"))]), STEM)
    assert b"x: " + raw + b"\r\n" in head


@pytest.mark.parametrize(
    ("origin", "parts", "host"),
    [
        ("https://a.test", Origin(True, "a.test", 443), "a.test"),
        ("http://a.test", Origin(False, "a.test", 80), "a.test"),
        ("https://a.test:443", Origin(True, "a.test", 443), "a.test"),
        ("http://a.test:443", Origin(False, "a.test", 443), "a.test:443"),
        ("http://[::1]:8080", Origin(False, "::1", 8080), "[::1]:8080"),
        ("https://[::1]", Origin(True, "::1", 443), "[::1]"),
    ],
)
def test_origins(origin: str, parts: Origin, host: str) -> None:
    assert origin_of(origin) == parts
    assert str(parts) == host


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": [("x", "a\r\ny: b")]},
        {"headers": [("x", "a\rb")]},
        {"headers": [("x", "a\0b")]},
        {"headers": [("x\ny", "a")]},
        {"headers": [("x: y", "a")]},
        {"headers": [("", "a")]},
        {"headers": [("x", "\ud800")]},
        {"method": "GET /other"},
        {"method": ""},
        {"target": "/a b"},
        {"target": "/a\r\nx: y"},
        {"target": "http://other.test/"},
        {"target": ""},
    ],
)
def test_what_would_break_out_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Refused) as caught:
        head_of(structs.replace(POST, **changes), STEM)
    assert caught.value.refusal is Refusal.MALFORMED_REQUEST


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=6)), max_size=4))
def test_a_head_has_the_lines_that_it_was_given_and_no_more(headers: list[tuple[str, str]]) -> None:
    try:
        head = head_of(structs.replace(POST, headers=headers), STEM)
    except Refused:
        return
    lines = re.split(rb"[\r\n]+", head.removesuffix(b"\r\n\r\n"))
    assert len(lines) == len(headers) + 4
    assert lines[2:-2] == [f"{name}: {value}".encode() for name, value in headers]


@pytest.mark.parametrize("key", ["a\nb", "a\r\nx: y", "a\0"])
def test_a_key_that_breaks_its_line_is_bad_configuration(key: str) -> None:
    acme = make_integration(api_key=key)
    with pytest.raises(BadConfig) as caught:
        stem_of(acme, origin_of(acme.origin))
    assert key not in str(caught.value)
