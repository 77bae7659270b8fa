"""Lines of a stream that carries one JSON document a line."""

from proxy.wire.sse import EVENT_BYTES_MAX


class LineSplitter:
    """Bytes in, lines out, without their ends. A line beyond EVENT_BYTES_MAX is given out as None: not parsed."""

    __slots__ = ("_buffer", "_skipping")

    def __init__(self) -> None:
        self._buffer = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """Return the lines that these bytes complete."""
        *lines, rest = (self._buffer + data).split(b"\n")
        done = [self._line(line) for line in lines]
        if len(rest) > EVENT_BYTES_MAX:
            self._skipping, rest = True, b""
        self._buffer = rest
        return done

    def finish(self) -> list[bytes | None]:
        """Return the last line, if it had no end."""
        rest, self._buffer = self._buffer, b""
        return [self._line(rest)] if rest or self._skipping else []

    def _line(self, line: bytes) -> bytes | None:
        skip = self._skipping or len(line) > EVENT_BYTES_MAX
        self._skipping = False
        return None if skip else line.strip()
