"""Undoes content encodings on a copy of an answer, never on what is relayed.

A broken or hostile body is a state (`failed`), not an exception: what was decoded before stays good. The output is
made in small pieces and has a limit, so a few kilobytes cannot become gigabytes.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import brotli  # type: ignore[import-untyped]  # it ships no types
import zstandard

OUTPUT_BYTES_MAX = 64 << 20
"""More than this is not decoded of one answer."""

RATIO_MAX = 200
RATIO_FREE_BYTES = 1 << 20
"""Output beyond RATIO_MAX times the input is a bomb, once there is more of it than RATIO_FREE_BYTES."""

_PIECE = 1 << 18
_ZSTD_WINDOW_MAX = 1 << 27
_ZSTD_SLICE = 256
"""One block of zstd is at least 4 bytes and at most 128 KB decoded, so a slice is at most 8 MB."""


class _Broken(Exception):
    """The body is not what its encoding says, or is too large."""


class _Stage(Protocol):
    """One encoding: pieces of output for pieces of input."""

    def feed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Decode, making no more at a time than is asked for."""


class _Budget:
    """How much may still come out, for what has come in."""

    __slots__ = ("_came", "_made")

    def __init__(self) -> None:
        self._came = 0
        self._made = 0

    def take(self, size: int) -> None:
        """Count input."""
        self._came += size

    def spend(self, size: int) -> None:
        """Count output. Raises _Broken beyond the limits."""
        self._made += size
        if self._made > OUTPUT_BYTES_MAX:
            raise _Broken
        if self._made > RATIO_FREE_BYTES and self._made > RATIO_MAX * self._came:
            raise _Broken


class _Zlib:
    """Gzip of any number of members, or deflate with or without its zlib header."""

    def __init__(self, budget: _Budget, gzip: bool) -> None:
        self._budget = budget
        self._gzip = gzip
        self._stream: zlib._Decompress | None = None
        self._began = False
        self._waiting = b""
        self._over = False

    def feed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Decode. What follows the end without being another gzip member is padding and ignored."""
        for data in pieces:
            rest = self._waiting + data
            self._waiting = b""
            full = False
            while (rest or full) and not self._over:
                if self._stream is None:
                    rest = self._start(rest)
                    continue
                made = self._stream.decompress(rest, _PIECE)
                self._budget.spend(len(made))
                yield made
                # A full piece may leave output behind although all of the input is taken.
                rest, full = self._stream.unconsumed_tail, len(made) == _PIECE
                if self._stream.eof:
                    rest, full, self._stream = self._stream.unused_data, False, None
                    self._over = not self._gzip

    def _start(self, data: bytes) -> bytes:
        """Begin a member and return what there is of it: nothing while too little has come to tell what it is."""
        if self._gzip and self._began:
            data = data.lstrip(b"\x00")
            self._over = data[:1] not in (b"", b"\x1f")
            if not data or self._over:
                return b""
        if not self._gzip and len(data) < 2:
            self._waiting = data
            return b""
        wbits = zlib.MAX_WBITS | 16
        if not self._gzip:
            zlib_header = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            wbits = zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS
        self._stream = zlib.decompressobj(wbits)
        self._began = True
        return data


class _Brotli:
    """Brotli: one stream."""

    def __init__(self, budget: _Budget) -> None:
        self._budget = budget
        self._stream = brotli.Decompressor()

    def feed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Decode. What follows the end is ignored."""
        for data in pieces:
            if self._stream.is_finished():
                return
            made = self._stream.process(data, output_buffer_limit=_PIECE)
            while made:
                self._budget.spend(len(made))
                yield made
                if self._stream.is_finished():
                    return
                made = self._stream.process(b"", output_buffer_limit=_PIECE)


class _Zstd:
    """Zstd of any number of frames."""

    def __init__(self, budget: _Budget) -> None:
        self._budget = budget
        self._stream = _zstd_frame()

    def feed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Decode."""
        for data in pieces:
            at = 0
            while at < len(data):
                if self._stream.eof:
                    self._stream = _zstd_frame()
                made = self._stream.decompress(data[at : at + _ZSTD_SLICE])
                at = min(at + _ZSTD_SLICE, len(data)) - len(self._stream.unused_data)
                self._budget.spend(len(made))
                yield made


def _zstd_frame() -> "zstandard.ZstdDecompressionObj":
    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_MAX).decompressobj()


def _stage(name: str, budget: _Budget) -> _Stage | None:
    match name:
        case "gzip" | "x-gzip":
            return _Zlib(budget, gzip=True)
        case "deflate":
            return _Zlib(budget, gzip=False)
        case "br":
            return _Brotli(budget)
        case "zstd":
            return _Zstd(budget)
        case _:
            return None


class Decoder:
    """Decodes what a `content-encoding` header names, stacked ones included (the last one listed is undone first).

    `failed` tells that the encoding is unknown, the body is broken, or it grew beyond the limits.
    """

    def __init__(self, encoding: str | None) -> None:
        names = [name.strip().lower() for name in (encoding or "").split(",")]
        self._budget = _Budget()
        stages = [_stage(name, self._budget) for name in reversed(names) if name not in ("", "identity")]
        self._stages = [stage for stage in stages if stage is not None]
        self.failed = len(self._stages) < len(stages)

    def feed(self, data: bytes) -> bytes:
        """Return what these bytes decode to; nothing once it has failed."""
        if self.failed:
            return b""
        if not self._stages:
            return data
        self._budget.take(len(data))
        made: list[bytes] = []
        flow: Iterator[bytes] = iter((data,))
        for stage in self._stages:
            flow = stage.feed(flow)
        try:
            made.extend(flow)
        except (_Broken, zlib.error, brotli.error, zstandard.ZstdError):
            self.failed = True
        return b"".join(made)

    def finish(self) -> bytes:
        """Return what is left at the end: nothing, as every codec gives out all it can at once."""
        return b""
