"""Takes frames that we caused out of an event stream again; every other byte passes as it came.

Whole events are needed to judge one, so an event is passed on when its last byte has come.
"""

from collections.abc import Callable

from proxy.wire.sse import SseSplitter


class FrameRemover:
    """A filter over SSE bytes. `added` is asked about each event's data; those it knows are dropped."""

    def __init__(self, added: Callable[[bytes], bool]) -> None:
        self._added = added
        self._splitter = SseSplitter()

    def feed(self, data: bytes) -> bytes:
        """Return what of these bytes, and of what was waiting, goes on."""
        return b"".join(event.raw for event in self._splitter.feed(data) if not self._added(event.data))

    def finish(self) -> bytes:
        """Return what is left at the end of the stream."""
        return b"".join(event.raw for event in self._splitter.finish() if not self._added(event.data))
