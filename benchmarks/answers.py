"""Reads one HTTP answer from bytes as they come; counts its payload and tells when it is over."""

import re

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:\s*chunked", re.IGNORECASE)


class BadAnswer(Exception):
    """What came is not the answer that was expected."""


class AnswerReader:
    """One answer with a Content-Length or in chunks. Raises BadAnswer unless its status is 200."""

    __slots__ = ("_buffer", "_chunked", "_in_body", "_left", "done", "payload")

    def __init__(self) -> None:
        self.payload = 0
        self.done = False
        self._in_body = False
        self._chunked = False
        self._left = 0
        self._buffer = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        if not self._in_body:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = data
                return
            self._read_head(data[: end + 2], data)
            data = data[end + 4 :]
        if self._chunked:
            self._read_chunks(data)
        else:
            self.payload += len(data)
            self._left -= len(data)
            self.done = self._left <= 0
            if self._left < 0:
                raise BadAnswer("bytes follow the answer")

    def _read_head(self, head: bytes, data: bytes) -> None:
        if head[:13] != b"HTTP/1.1 200 ":
            raise BadAnswer(data[:2000].decode("latin-1"))
        length = _LENGTH.search(head)
        self._chunked = length is None
        self._left = int(length[1]) if length is not None else 0
        if self._chunked and not _CHUNKED.search(head):
            raise BadAnswer("the answer has no framing")
        self._in_body = True

    def _read_chunks(self, data: bytes) -> None:
        """Count whole chunks; keep what is not whole yet."""
        at = 0
        while at < len(data):
            line = data.find(b"\r\n", at)
            if line < 0:
                break
            size = int(data[at:line], 16)
            end = line + 2 + size + 2
            if end > len(data):
                break
            self.payload += size
            at = end
            if size == 0:
                self.done = True
                if at != len(data):
                    raise BadAnswer("bytes follow the answer")
                return
        self._buffer = data[at:]
