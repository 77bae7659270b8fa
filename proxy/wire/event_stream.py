"""AWS event streams: binary frames, cut from a stream at any chunk boundary, with both checksums checked.

A frame is the length of all of it and of its headers (4 bytes each) and their CRC-32; the headers; the payload; and the
CRC-32 of everything before (https://smithy.io/2.0/aws/amazon-eventstream.html). Each frame is given out as one JSON
document: `{"EVENT-TYPE": payload}`, and `{"exception": {"TYPE": payload}}` for one that says that the stream failed.
"""

import struct
from base64 import b64encode
from collections.abc import Iterator, Mapping
from json import dumps
from zlib import crc32

from proxy.wire.sse import EVENT_BYTES_MAX

PRELUDE_BYTES = 12
CHECKSUM_BYTES = 4
FRAME_BYTES_MIN = PRELUDE_BYTES + CHECKSUM_BYTES
FRAME_BYTES_MAX = 1 << 24
"""No service sends a longer frame (16 MB of payload, 128 KB of headers); more is no event stream."""

_PRELUDE = struct.Struct(">III")
_WORD = struct.Struct(">I")
_STRING = 7
_JSON = "application/json"
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type, where they are fixed: booleans, integers, a time, a UUID."""


class FrameSplitter:
    """Bytes in, JSON documents out. A frame beyond EVENT_BYTES_MAX is given out as None: checked, but not kept.

    After a checksum that is wrong nothing can be found any more: one None, and `broken`.
    """

    __slots__ = ("_buffer", "_crc", "_left", "broken")

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0
        self._crc = 0
        self.broken = False

    @property
    def between(self) -> bool:
        """Whether all that came are whole frames."""
        return not (self._buffer or self._left or self.broken)

    def feed(self, data: bytes) -> list[bytes | None]:
        """Return the documents of the frames that these bytes complete."""
        return [] if self.broken else self._split(self._buffer + data if self._buffer else data)

    def _split(self, buffer: bytes) -> list[bytes | None]:
        documents: list[bytes | None] = []
        at, end = 0, self._step(buffer, 0, documents)
        while end > at and not self.broken:
            at, end = end, self._step(buffer, end, documents)
        self._buffer = b"" if self.broken else buffer[at:]
        return documents

    def _step(self, buffer: bytes, at: int, documents: list[bytes | None]) -> int:
        """Take what can be taken from here on; return where the rest begins."""
        if self._left:
            return self._skip(buffer, at, documents)
        size = self._size(buffer, at, documents)
        if size > EVENT_BYTES_MAX:
            self._left, self._crc = size, 0
            return self._skip(buffer, at, documents)
        if not size or len(buffer) - at < size:
            return at
        documents.append(self._frame(buffer[at : at + size]))
        return at + size

    def _size(self, buffer: bytes, at: int, documents: list[bytes | None]) -> int:
        """Return the bytes of the frame that begins here, 0 if that cannot be told yet."""
        if len(buffer) - at < PRELUDE_BYTES:
            return 0
        size, headers, checksum = _PRELUDE.unpack_from(buffer, at)
        right = crc32(buffer[at : at + PRELUDE_BYTES - CHECKSUM_BYTES]) == checksum
        if not right or not FRAME_BYTES_MIN + headers <= size <= FRAME_BYTES_MAX:
            self.broken = True
            documents.append(None)
            return 0
        return int(size)

    def _skip(self, buffer: bytes, at: int, documents: list[bytes | None]) -> int:
        """Check a frame that is too long to be kept, as it comes; return where the rest begins."""
        summed = max(0, min(self._left - CHECKSUM_BYTES, len(buffer) - at))
        self._crc = crc32(buffer[at : at + summed], self._crc)
        self._left -= summed
        at += summed
        if self._left == CHECKSUM_BYTES and len(buffer) - at >= CHECKSUM_BYTES:
            self.broken = _WORD.unpack_from(buffer, at)[0] != self._crc
            self._left = 0
            documents.append(None)
            at += CHECKSUM_BYTES
        return at

    def _frame(self, frame: bytes) -> bytes | None:
        """Return a frame's document; None if its checksum or its headers are wrong."""
        if _WORD.unpack_from(frame, len(frame) - CHECKSUM_BYTES)[0] != crc32(frame[:-CHECKSUM_BYTES]):
            self.broken = True
            return None
        start = PRELUDE_BYTES + _WORD.unpack_from(frame, 4)[0]
        try:
            headers = dict(_headers(frame[PRELUDE_BYTES:start]))
        except (struct.error, IndexError, KeyError):
            return None
        return _document(headers, frame[start:-CHECKSUM_BYTES])


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the headers that are text. Raises struct.error, IndexError or KeyError for what is none."""
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        name, kind = data[at + 1 : end].decode("utf-8", "replace"), data[end]
        size, start = _SIZES.get(kind, 0), end + 1
        if kind not in _SIZES:
            size, start = struct.unpack_from(">H", data, start)[0], start + 2
        at = start + size
        if at > len(data):
            raise IndexError("a header ends beyond its frame")
        if kind == _STRING:
            yield name, data[start:at].decode("utf-8", "replace")


def _document(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return a frame as one JSON text; a payload that is no JSON object is given as base64, an empty one as `true`."""
    kind = headers.get(":message-type", "event")
    name = headers.get(f":{kind}-type") or headers.get(":error-code") or kind
    value = b'"' + b64encode(payload) + b'"' if payload else b"true"
    if payload.lstrip()[:1] == b"{" and headers.get(":content-type", _JSON) == _JSON:
        value = payload
    document = b"{" + dumps(name).encode() + b":" + value + b"}"
    return document if kind == "event" else b'{"exception":' + document + b"}"


def write_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one frame with these headers, all of them text."""
    block = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    head = struct.pack(">II", FRAME_BYTES_MIN + len(block) + len(payload), len(block))
    frame = head + _WORD.pack(crc32(head)) + block + payload
    return frame + _WORD.pack(crc32(frame))


def _header(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + bytes([_STRING]) + len(value).to_bytes(2, "big") + value
