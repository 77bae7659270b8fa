"""How the body of an answer is cut into JSON documents."""

from enum import StrEnum
from functools import lru_cache


class Framing(StrEnum):
    """One document; server-sent events; one document a line; one array whose elements come one by one; AWS frames;
    none.
    """

    JSON = "json"
    SSE = "sse"
    NDJSON = "ndjson"
    JSON_ARRAY = "json_array"
    FRAMES = "frames"
    NONE = "none"


_LINES = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonl",
        "application/stream+json",
    }
)
_FRAMES = "application/vnd.amazon.eventstream"
_MEDIA = ("audio/", "image/", "video/", "font/", "multipart/")
_EVENT_FIELDS = b"deir:"
"""First bytes of an event stream: `data`, `event`, `id`, `retry`, a comment. None of them can begin JSON."""

_BLANK = b" \t\r\n\xef\xbb\xbf"


@lru_cache(maxsize=1024)  # a memo of a pure function: providers have a few content types each
def framing_of(
    content_type: str | None, streamed: bool, declared: Framing | None = None, *, binary: bool = False
) -> Framing:
    """Choose the framing by what was asked (`declared` by the endpoint, `streamed`), then by the content type.

    Content types lie (errors as octet-stream, streams without a type), so `sniff` has the last word. With `binary`
    the route also answers sound or plain text, and what has such a type is cut into no documents.
    """
    if declared is not None:
        return declared
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return Framing.SSE
    if kind in _LINES:
        return Framing.NDJSON
    if kind == _FRAMES:
        return Framing.FRAMES
    if binary and kind and not kind.endswith("json"):
        return Framing.NONE
    if streamed:
        return Framing.SSE
    if kind == "text/html" or kind == "application/octet-stream" or kind.startswith(_MEDIA):
        return Framing.NONE
    return Framing.JSON


def textual(content_type: str | None) -> bool:
    """Tell whether bytes of this type are text that somebody reads: a transcript, or subtitles."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind == "application/x-subrip"


def unblank(head: bytes) -> bytes:
    """Return a body without the blanks, and the byte order mark, that it begins with."""
    return head.lstrip(_BLANK)


def sniff(expected: Framing, head: bytes) -> Framing | None:
    """Correct a framing by the first bytes of the body; None while these are only blanks.

    JSON where events or frames were due is an answer that was not streamed; an array instead of events is streamed by
    its elements. JSON under the name of something else is JSON.
    Markup is an error page of something in between and is not read at all.
    """
    first = unblank(head)[:1]
    if not first:
        return None
    if first == b"{" and expected is Framing.JSON:
        return expected
    if expected is Framing.NONE or first == b"<":
        return Framing.JSON if first in b"{[" else Framing.NONE
    if expected is Framing.FRAMES:
        return Framing.JSON if first in b"{[" else expected
    if expected is Framing.SSE and first == b"{":
        return Framing.JSON
    if expected is Framing.SSE and first == b"[":
        return Framing.JSON_ARRAY
    if expected is not Framing.SSE and first in _EVENT_FIELDS:
        return Framing.SSE
    if expected is Framing.JSON_ARRAY and first == b"{":
        return Framing.JSON
    return expected
