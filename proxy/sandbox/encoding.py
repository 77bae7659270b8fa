"""Compresses an answer as it goes out: every `feed` can be decoded at once, as streaming providers do it."""

import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]  # ships no stubs
import zstandard
from msgspec import Struct

ENCODINGS = ("gzip", "deflate", "br", "zstd")


class Encoder(Struct, frozen=True):
    """`feed` returns bytes that decode to all that was fed so far; `finish` returns the end mark."""

    feed: Callable[[bytes], bytes]
    finish: Callable[[], bytes]


def encoder(name: str) -> Encoder:
    """Return an encoder for a content coding; an empty name is identity. Raises ValueError for an unknown one."""
    match name:
        case "" | "identity":
            return Encoder(bytes, bytes)
        case "gzip":
            return _zlib(31)
        case "deflate":
            return _zlib(15)
        case "br":
            compressor = brotli.Compressor(quality=4)
            return Encoder(lambda data: compressor.process(data) + compressor.flush(), compressor.finish)
        case "zstd":
            packer = zstandard.ZstdCompressor().compressobj()
            flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
            return Encoder(lambda data: packer.compress(data) + packer.flush(flush), packer.flush)
        case _:
            raise ValueError(f"the encoding {name!r} is none of {', '.join(ENCODINGS)}")


def _zlib(window: int) -> Encoder:
    packer = zlib.compressobj(wbits=window)
    return Encoder(lambda data: packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH), packer.flush)
