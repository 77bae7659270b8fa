"""Encodings are undone in any pieces; what is broken or swells is a state."""

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from proxy.wire import decoding
from proxy.wire.decoding import Decoder

TEXT = b'{"usage":{"prompt_tokens":12,"completion_tokens":3}}' * 40


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def two(pack: Callable[[bytes], bytes]) -> bytes:
    return pack(TEXT[:100]) + pack(TEXT[100:])


PACKED = [
    (None, TEXT),
    ("", TEXT),
    ("identity", TEXT),
    ("gzip", gzip.compress(TEXT)),
    ("X-GZIP", gzip.compress(TEXT)),
    ("gzip", two(gzip.compress)),
    ("gzip", gzip.compress(TEXT) + b"\x00" * 9),
    ("gzip", gzip.compress(TEXT) + b"not a member"),
    ("deflate", zlib.compress(TEXT)),
    ("deflate", raw_deflate(TEXT)),
    ("deflate", zlib.compress(TEXT) + b"more"),
    ("br", brotli.compress(TEXT)),
    ("zstd", zstd(TEXT)),
    ("zstd", two(zstd)),
    ("gzip, br", brotli.compress(gzip.compress(TEXT))),
    ("zstd,identity,gzip", gzip.compress(zstd(TEXT))),
]


def decode(encoding: str | None, data: bytes, piece_bytes: int) -> tuple[bytes, bool]:
    decoder = Decoder(encoding)
    out = b"".join(decoder.feed(data[at : at + piece_bytes]) for at in range(0, len(data), piece_bytes))
    return out + decoder.finish(), decoder.failed


@pytest.mark.parametrize("piece_bytes", [1, 7, 10_000])
@pytest.mark.parametrize(("encoding", "packed"), PACKED, ids=range(len(PACKED)))
def test_every_encoding_is_undone_in_any_pieces(encoding: str | None, packed: bytes, piece_bytes: int) -> None:
    assert decode(encoding, packed, piece_bytes) == (TEXT, False)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate, brotli.compress, zstd], ids=range(5))
def test_sizes_about_that_of_a_piece(pack: Callable[[bytes], bytes]) -> None:
    encoding = {gzip.compress: "gzip", brotli.compress: "br", zstd: "zstd"}.get(pack, "deflate")
    for size in range((1 << 18) - 4, (1 << 18) + 5):
        text = (b"0123456789 and so on. " * 12_000)[:size]
        assert decode(encoding, pack(text), 1 << 20) == (text, False)
        assert decode(encoding, pack(text * 3), 1 << 20) == (text * 3, False)


def test_what_is_there_is_given_out_at_once() -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    first = packer.compress(b"data: 1\n\n") + packer.flush(zlib.Z_SYNC_FLUSH)
    assert Decoder("gzip").feed(first) == b"data: 1\n\n"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_broken_body_is_a_state(encoding: str) -> None:
    decoder = Decoder(encoding)
    for _ in range(3):
        decoder.feed(b"\x1f this is no encoding \xff\xfe" * 20)
    assert decoder.failed
    assert decoder.feed(gzip.compress(TEXT)) == b""


@pytest.mark.parametrize("piece_bytes", [1, 10_000])
def test_what_came_before_the_break_stays(piece_bytes: int) -> None:
    packed = gzip.compress(TEXT[:1_000]) + b"\x1f\x8bbroken"
    assert decode("gzip", packed, piece_bytes) == (TEXT[:1_000], True)


def test_an_unknown_encoding_is_a_state() -> None:
    assert decode("compress", TEXT, 100) == (b"", True)
    assert decode("gzip, nonsense", gzip.compress(TEXT), 100) == (b"", True)


@pytest.mark.parametrize(
    "bomb",
    [
        ("gzip", gzip.compress(bytes(40 << 20))),
        ("br", brotli.compress(bytes(40 << 20), quality=5)),
        ("zstd", zstd(bytes(40 << 20))),
        ("gzip, gzip", gzip.compress(gzip.compress(bytes(40 << 20)))),
    ],
    ids=lambda bomb: bomb[0],
)
def test_a_bomb_is_stopped_early(bomb: tuple[str, bytes]) -> None:
    out, failed = decode(*bomb, piece_bytes=1 << 20)
    assert failed
    assert len(out) < 10 << 20


def test_there_is_a_limit_to_honest_bodies_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "OUTPUT_BYTES_MAX", 500)
    _, failed = decode("gzip", gzip.compress(TEXT), 10_000)
    assert failed
