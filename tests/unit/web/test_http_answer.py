"""Heads and whole answers as bytes."""

import json
import re

import pytest

from proxy.errors import Refusal
from proxy.web.http_answer import bodiless, opening, refusal, whole

DATE = re.compile(rb"Date: [^\r]+ GMT\r\n")


def dateless(answer: bytes) -> bytes:
    answer, dates = DATE.subn(b"", answer)
    assert dates == 1
    return answer


def test_a_whole_answer() -> None:
    assert dateless(whole(200, [("X-A", "1"), ("x-a", "2")], b"body", close=False)) == (
        b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nServer: faregate\r\nContent-Length: 4\r\n\r\nbody"
    )
    assert dateless(whole(529, [], b"", close=True)) == (
        b"HTTP/1.1 529 Unknown\r\nServer: faregate\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )


def test_the_length_of_a_body_that_is_left_out() -> None:
    assert dateless(whole(200, [], b"body", close=False, silent=True)).endswith(b"\r\nContent-Length: 4\r\n\r\n")
    for status in (204, 304):
        assert b"Content-Length" not in whole(status, [], b"", close=False, silent=True)


@pytest.mark.parametrize(
    ("close", "chunked", "framing"),
    [
        (False, True, b"Transfer-Encoding: chunked\r\n"),
        (True, True, b"Transfer-Encoding: chunked\r\nConnection: close\r\n"),
        (True, False, b"Connection: close\r\n"),
        (False, False, b""),
    ],
)
def test_the_head_of_a_body_that_follows(close: bool, chunked: bool, framing: bytes) -> None:
    head = dateless(opening(200, [("a", "b")], close=close, chunked=chunked))
    assert head == b"HTTP/1.1 200 OK\r\na: b\r\nServer: faregate\r\n" + framing + b"\r\n"


@pytest.mark.parametrize("header", [("a", "b\r\nc: d"), ("a", "b\nc: d"), ("a\r", "b"), ("a", "\0"), ("a\nb", "c")])
def test_a_header_that_would_break_the_head(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="a header of the answer holds a line break"):
        whole(200, [("x", "y"), header], b"", close=False)
    with pytest.raises(ValueError, match="a header of the answer holds a line break"):
        opening(200, [header], close=False, chunked=True)


def test_a_header_goes_out_byte_for_byte_as_it_was_read() -> None:
    for raw in (b"\xe9", b"\xc3\xa9", b"\xff\xfe"):
        read = raw.decode("utf-8", "surrogateescape")  # what aiohttp's parser does
        assert b"\r\na: " + raw + b"\r\n" in whole(200, [("a", read)], b"", close=False)


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [("GET", 200, False), ("HEAD", 200, True), ("POST", 204, True), ("GET", 304, True), ("GET", 103, True)],
)
def test_which_answers_have_no_body(method: str, status: int, expected: bool) -> None:
    assert bodiless(method, status) is expected


def test_a_refusal_of_no_provider() -> None:
    status, headers, body = refusal(Refusal.MALFORMED_REQUEST, "No.")
    assert (status, dict(headers)) == (
        400,
        {"content-type": "application/json", "faregate-refusal": "malformed_request", "x-should-retry": "false"},
    )
    assert json.loads(body)["error"] == {
        "message": "No.",
        "type": "invalid_request_error",
        "param": None,
        "code": "malformed_request",
    }
    assert "x-should-retry" not in dict(refusal(Refusal.REQUEST_TIMEOUT, "Late.")[1])
