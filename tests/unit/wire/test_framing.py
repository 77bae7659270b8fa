"""What was asked decides how a body is cut, then its type, and its first bytes have the last word."""

import pytest

from proxy.wire.framing import Framing, framing_of, sniff, textual


@pytest.mark.parametrize(
    ("content_type", "streamed", "framing"),
    [
        ("application/json", False, Framing.JSON),
        ("application/json; charset=UTF-8", True, Framing.SSE),
        ("text/event-stream; charset=utf-8", False, Framing.SSE),
        ("TEXT/EVENT-STREAM", True, Framing.SSE),
        ("application/x-ndjson", True, Framing.NDJSON),
        ("application/x-jsonl", False, Framing.NDJSON),
        (None, False, Framing.JSON),
        (None, True, Framing.SSE),
        ("", False, Framing.JSON),
        ("text/plain", False, Framing.JSON),
        ("text/html", False, Framing.NONE),
        ("audio/mpeg", False, Framing.NONE),
        ("application/octet-stream", False, Framing.NONE),
        ("application/octet-stream", True, Framing.SSE),
        ("application/vnd.amazon.eventstream", True, Framing.FRAMES),
        ("application/vnd.amazon.eventstream", False, Framing.FRAMES),
    ],
)
def test_the_framing_of_an_answer(content_type: str | None, streamed: bool, framing: Framing) -> None:
    assert framing_of(content_type, streamed) is framing


def test_what_an_endpoint_declares_wins() -> None:
    assert framing_of("application/octet-stream", False, Framing.NDJSON) is Framing.NDJSON


@pytest.mark.parametrize(
    ("expected", "head", "framing"),
    [
        (Framing.JSON, b"", None),
        (Framing.JSON, b" \r\n\t", None),
        (Framing.JSON, b"\xef\xbb\xbf", None),
        (Framing.JSON, b'  {"a"', Framing.JSON),
        (Framing.JSON, b"[1", Framing.JSON),
        (Framing.JSON, b"data: {}", Framing.SSE),
        (Framing.JSON, b": hello", Framing.SSE),
        (Framing.JSON, b"event: x", Framing.SSE),
        (Framing.JSON, b"<html>", Framing.NONE),
        (Framing.SSE, b"data: {}", Framing.SSE),
        (Framing.SSE, b"\xef\xbb\xbfdata: {}", Framing.SSE),
        (Framing.SSE, b'{"error":{}}', Framing.JSON),
        (Framing.FRAMES, b"\0\0\1\2", Framing.FRAMES),
        (Framing.FRAMES, b'{"message"', Framing.JSON),
        (Framing.FRAMES, b"data", Framing.FRAMES),
        (Framing.SSE, b'[{"candidates"', Framing.JSON_ARRAY),
        (Framing.SSE, b"<!doctype html>", Framing.NONE),
        (Framing.NDJSON, b'{"a":1}', Framing.NDJSON),
        (Framing.JSON_ARRAY, b"[", Framing.JSON_ARRAY),
        (Framing.JSON_ARRAY, b'{"error"', Framing.JSON),
        (Framing.NONE, b'{"a":1}', Framing.JSON),
    ],
)
def test_first_bytes_have_the_last_word(expected: Framing, head: bytes, framing: Framing | None) -> None:
    assert sniff(expected, head) is framing


@pytest.mark.parametrize(
    ("content_type", "streamed", "framing"),
    [
        ("audio/mpeg", False, Framing.NONE),
        ("audio/mpeg", True, Framing.NONE),
        ("text/plain; charset=utf-8", False, Framing.NONE),
        ("application/x-subrip", False, Framing.NONE),
        ("application/json", False, Framing.JSON),
        ("application/problem+json", False, Framing.JSON),
        ("text/event-stream", False, Framing.SSE),
        (None, False, Framing.JSON),
    ],
)
def test_a_route_that_answers_sound_or_text(content_type: str | None, streamed: bool, framing: Framing) -> None:
    assert framing_of(content_type, streamed, binary=True) is framing


@pytest.mark.parametrize(
    ("content_type", "text"),
    [("text/vtt", True), ("text/plain; charset=utf-8", True), ("application/x-subrip", True), ("audio/mpeg", False)],
)
def test_subtitles_are_text(content_type: str, text: bool) -> None:
    assert textual(content_type) is text
