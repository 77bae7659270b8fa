"""Leaves ballast out of a copy: the inside of long base64 runs (images, audio), which nobody counts tokens from.

Without this, usage that stands behind a picture would need the picture in memory. A run of 64 KB without a quote,
comma or blank can only stand inside a JSON string, so the document stays a document. What is left out depends on the
bytes alone, not on how they were cut into chunks.
"""

RUN_BYTES_MAX = 64 << 10
"""How much of a run is kept."""

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-"


class Slimmer:
    """Bytes in, the same bytes out with every base64 run cut to RUN_BYTES_MAX."""

    __slots__ = ("_run",)

    def __init__(self) -> None:
        self._run = 0

    def feed(self, data: bytes) -> bytes:
        """Return what is kept of these bytes."""
        if len(data) <= RUN_BYTES_MAX:
            return self._piece(data)
        pieces = range(0, len(data), RUN_BYTES_MAX)
        return b"".join(self._piece(data[at : at + RUN_BYTES_MAX]) for at in pieces)

    def _piece(self, data: bytes) -> bytes:
        """Cut the run that begins a piece; a run inside one is too short, the one at its end goes on."""
        if not self._run and data[-1:] not in _BASE64:
            return data
        if not data.translate(None, _BASE64):
            room = max(RUN_BYTES_MAX - self._run, 0)
            self._run += len(data)
            return data[:room]
        if self._run:
            ahead = len(data) - len(data.lstrip(_BASE64))
            cut = min(max(self._run + ahead - RUN_BYTES_MAX, 0), ahead)
            kept = data[: ahead - cut] + data[ahead:] if cut else data
        else:
            kept = data
        self._run = len(data) - len(data.rstrip(_BASE64))
        return kept
