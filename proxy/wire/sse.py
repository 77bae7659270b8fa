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
_USUAL_BLANK_LINE = re.compile(rb"\n\r?\n")
"""The same where no carriage return stands alone, found three times as fast."""

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

    __slots__ = ("_blank_line", "_buffer", "_first", "_scan", "_skipping")

    def __init__(self) -> None:
        self._buffer = b""
        self._scan = 0
        self._skipping = False
        self._first = True
        self._blank_line = _USUAL_BLANK_LINE

    def feed(self, data: bytes) -> list[RawEvent]:
        """Return the events that these bytes complete."""
        buffer = self._buffer + data if self._buffer else data
        if self._blank_line is not _BLANK_LINE and b"\r" in buffer:
            alone = buffer.count(b"\r", 0, -1) - buffer.count(b"\r\n")
            self._blank_line = _BLANK_LINE if alone else _USUAL_BLANK_LINE
        events: list[RawEvent] = []
        start, end = 0, self._end(buffer, self._scan)
        while end:
            events.append(self._event(buffer[start:end]))
            start, end = end, self._end(buffer, end)
        self._buffer = rest = buffer[start:]
        if len(rest) > EVENT_BYTES_MAX:
            self._skipping = True
            events.append(RawEvent(rest[:-_LONGEST_END], parsed=False))
            self._buffer = rest = rest[-_LONGEST_END:]
        # An end of line that may still become a blank line is looked at again.
        self._scan = len(rest) - _LONGEST_END + 1 if len(rest) >= _LONGEST_END else 0
        return events

    def finish(self) -> list[RawEvent]:
        """Return what is left when no more bytes come."""
        rest, self._buffer, self._scan = self._buffer, b"", 0
        return [self._event(rest)] if rest else []

    def _end(self, buffer: bytes, scan: int) -> int:
        """Return where the first event ends, 0 if it does not yet."""
        match = self._blank_line.search(buffer, scan)
        return match.end() if match else 0

    def _event(self, raw: bytes) -> RawEvent:
        if self._skipping or len(raw) > EVENT_BYTES_MAX:
            self._skipping = False
            return RawEvent(raw, parsed=False)
        text = raw
        if self._first:
            self._first = False
            text = raw.removeprefix(_BOM)
        # The usual event is one data line, perhaps below its name; only others are taken apart.
        body = text.rstrip(b"\r\n")
        at, name = 0, ""
        if body.startswith(b"event: "):
            at = body.find(b"\n") + 1
            name = body[7 : max(at - 1, 7)].decode("utf-8", "replace").removesuffix("\r")
        usual = body.startswith(b"data: ", at) and body.find(b"\n", at) < 0
        if usual and (self._blank_line is _USUAL_BLANK_LINE or b"\r" not in body):
            return RawEvent(raw, body[at + 6 :], name)
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
