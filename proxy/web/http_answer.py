"""Answers as bytes: heads, chunks, and the refusal of a request that no call came of."""

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp.helpers import rfc822_formatted_time

from proxy.errors import Refusal, Refused
from proxy.steps.answer import PLAIN

Headers = Sequence[tuple[str, str]]

SERVER = "faregate"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_CLOSE = "Connection: close\r\n"


def bodiless(method: str, status: int) -> bool:
    """Tell whether an answer has no body, whatever its head says."""
    return method == "HEAD" or status in (204, 304) or status < 200


def whole(status: int, headers: Headers, body: bytes, *, close: bool, silent: bool = False) -> bytes:
    """Return a whole answer. Raises ValueError for a header that would break the head.

    `silent` leaves the body out; the length of it is told all the same, but where HTTP forbids that.
    """
    length = "" if status in (204, 304) or status < 200 else f"Content-Length: {len(body)}\r\n"
    head = _head(status, headers, length + _CLOSE if close else length)
    return head if silent else head + body


def opening(status: int, headers: Headers, *, close: bool, chunked: bool) -> bytes:
    """Return the head of an answer whose body follows. Raises ValueError for a header that would break it.

    A body that is not chunked ends with its connection.
    """
    framing = "Transfer-Encoding: chunked\r\n" if chunked else ""
    return _head(status, headers, framing + _CLOSE if close else framing)


def refusal(code: Refusal, words: str) -> tuple[int, Headers, bytes]:
    """Return status, headers and body that refuse a request of which no provider is known, or none is to be."""
    headers = [("content-type", "application/json"), ("faregate-refusal", code.code)]
    if not code.retryable:
        headers.append(("x-should-retry", "false"))
    return code.status, headers, PLAIN.render(Refused(code, words), "")


def _head(status: int, headers: Headers, framing: str) -> bytes:
    """Return a head. A header goes out byte for byte as aiohttp's parser has read it."""
    lines = list(map(": ".join, headers))
    told = "".join(lines)
    if "\n" in told or "\r" in told or "\0" in told:
        raise ValueError("a header of the answer holds a line break")
    lines.append(f"Date: {rfc822_formatted_time()}\r\nServer: {SERVER}\r\n{framing}\r\n")
    first = STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown\r\n"
    return (first + "\r\n".join(lines)).encode("utf-8", "surrogateescape")
