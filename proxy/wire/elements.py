"""JSON text that is not all there yet: the elements of an array one by one, and what a cut document still says."""

import re
from collections.abc import Iterator

from proxy.wire.sse import EVENT_BYTES_MAX

_TOKEN = re.compile(rb'["\\\[\]{},]')
_CLOSER = {b"{": b"}", b"[": b"]"}


class Nesting:
    """Where one stands in a JSON text, read piece by piece: inside a string or not, below which open brackets."""

    __slots__ = ("_escaped", "closers", "in_string")

    def __init__(self) -> None:
        self.closers: list[bytes] = []
        self.in_string = False
        self._escaped = -1

    def closing(self) -> bytes:
        """Return what closes all that is open, strings aside."""
        return b"".join(reversed(self.closers))

    def tokens(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Read on; yield (position, token) of each bracket and comma outside of strings, once it is accounted for."""
        for match in _TOKEN.finditer(data):
            at, token = match.start(), match[0]
            if at == self._escaped:
                self._escaped = -1
            elif self.in_string:
                if token == b"\\":
                    self._escaped = at + 1
                elif token == b'"':
                    self.in_string = False
            elif token == b'"':
                self.in_string = True
            elif token != b"\\":
                if token in _CLOSER:
                    self.closers.append(_CLOSER[token])
                elif token != b"," and self.closers:
                    self.closers.pop()
                yield at, token
        self._escaped = 0 if self._escaped == len(data) else -1


class ElementSplitter:
    """Bytes of one JSON array in, its elements out. `complete` is true once the array is closed.

    An element beyond EVENT_BYTES_MAX is given out as None: not parsed.
    """

    __slots__ = ("_buffer", "_nesting", "_skipping", "complete")

    def __init__(self) -> None:
        self._nesting = Nesting()
        self._buffer = b""
        self._skipping = False
        self.complete = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """Return the elements that these bytes complete."""
        if self.complete:
            return []
        elements: list[bytes | None] = []
        start = 0
        for at, token in self._nesting.tokens(data):
            depth = len(self._nesting.closers)
            if token in b"[{":
                if depth == 1:
                    self._buffer, start = b"", at + 1
            elif depth <= 1:
                closes = depth == 1 and token != b","
                elements += self._element(self._buffer + data[start : at + 1 if closes else at])
                self._buffer, start = b"", at + 1
                self.complete = not depth
        self._buffer += data[start:]
        if len(self._buffer) > EVENT_BYTES_MAX:
            self._skipping, self._buffer = True, b""
        return elements

    def _element(self, text: bytes) -> list[bytes | None]:
        text = text.strip()
        if self._skipping or len(text) > EVENT_BYTES_MAX:
            self._skipping = False
            return [None]
        return [text] if text else []


def closed(text: bytes) -> Iterator[bytes]:
    """Yield ways to make a whole document of one that was cut: its open string and brackets closed, best first."""
    nesting, safe = Nesting(), 0
    for at, token in nesting.tokens(text):
        if token in b"[{":
            safe = at + 1
        elif token == b",":
            safe = at
    if nesting.in_string:
        # An escape may be cut too. The longest has six characters, so without the last one begun there it is whole.
        escape = text.rfind(b"\\", max(len(text) - 6, 0))
        text = (text if escape < 0 else text[:escape]) + b'"'
    yield text + nesting.closing()
    before = Nesting()
    for _ in before.tokens(text[:safe]):
        pass
    yield text[:safe] + before.closing()
