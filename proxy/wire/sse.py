"""Server-sent events, cut from a stream at any chunk boundary, with every byte accounted for.

Read as https://html.spec.whatwg.org/multipage/server-sent-events.html says (LF, CRLF or a lone CR; comments;
several `data` lines; an optional space; a byte order mark), with one difference: what stands after the last blank
line is given out by `finish`, because some providers leave that line out.
"""

import re

from msgspec import Struct

EVENT_BYTES_MAX = 1 << 20
"""A longer event is passed on in pieces and not parsed: a copy of it must not fill the memory."""

_EOL = rb"(?:\r\n|\n|\r(?=[^\n]))"
_BLANK_LINE = re.compile(_EOL + _EOL)
_BOM = b"\xef\xbb\xbf"
_LONGEST_END = 4


class RawEvent(Struct, frozen=True, gc=False):
    """One event. `raw` is all of its bytes with the blank line; `parsed` is false for a piece of a too long one."""

    raw: bytes
    data: bytes = b""
    name: str = ""
    parsed: bool = True


class SseSplitter:
    """Bytes in, events out; `b"".join(event.raw ...)` over everything given out is the input, byte for byte."""

    __slots__ = ("_buffer", "_first", "_return_seen", "_scan", "_skipping")

    def __init__(self) -> None:
        self._buffer = b""
        self._scan = 0
        self._skipping = False
        self._first = True
        self._return_seen = False

    def feed(self, data: bytes) -> list[RawEvent]:
        """Return the events that these bytes complete."""
        buffer = self._buffer + data if self._buffer else data
        self._return_seen = self._return_seen or b"\r" in data
        events: list[RawEvent] = []
        start, end = 0, self._end(buffer, self._scan)
        while end:
            events.append(self._event(buffer[start:end]))
            start, end = end, self._end(buffer, end)
        self._buffer = buffer = buffer[start:] if start else buffer
        if len(buffer) > EVENT_BYTES_MAX:
            self._skipping = True
            events.append(RawEvent(buffer[:-_LONGEST_END], parsed=False))
            self._buffer = buffer = buffer[-_LONGEST_END:]
        # The end of line that may still become a blank line is looked at again.
        self._scan = max(len(buffer) - _LONGEST_END + 1, 0)
        return events

    def finish(self) -> list[RawEvent]:
        """Return what is left when no more bytes come."""
        rest, self._buffer, self._scan = self._buffer, b"", 0
        return [self._event(rest)] if rest else []

    def _end(self, buffer: bytes, scan: int) -> int:
        """Return where the first event ends, 0 if it does not yet."""
        if not self._return_seen:
            at = buffer.find(b"\n\n", scan)
            return at + 2 if at >= 0 else 0
        match = _BLANK_LINE.search(buffer, scan)
        return match.end() if match else 0

    def _event(self, raw: bytes) -> RawEvent:
        if self._skipping or len(raw) > EVENT_BYTES_MAX:
            self._skipping = False
            return RawEvent(raw, parsed=False)
        text = raw
        if self._first:
            self._first = False
            text = raw.removeprefix(_BOM)
        # The usual event is one data line and a blank one; only others are taken apart.
        if text.startswith(b"data:") and text.find(b"\n") == len(text) - 2 and not self._return_seen:
            return RawEvent(raw, text[6:-2] if text.startswith(b"data: ") else text[5:-2])
        return _parse(raw, text)


def _parse(raw: bytes, text: bytes) -> RawEvent:
    """Take an event apart line by line."""
    name, data = "", []
    for line in text.splitlines():
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return RawEvent(raw, b"\n".join(data), name)
