import gzip
import zlib

import brotli
import pytest
import zstandard

from proxy.sandbox.encoding import ENCODINGS, encoder

PARTS = [b"data: one\n\n", b"data: two\n\n" * 50, b""]


def decode(name: str, data: bytes) -> bytes:
    match name:
        case "gzip":
            return gzip.decompress(data)
        case "deflate":
            return zlib.decompress(data)
        case "br":
            return bytes(brotli.decompress(data))
        case _:
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)


@pytest.mark.parametrize("name", ENCODINGS)
def test_what_went_in_comes_out(name: str) -> None:
    packer = encoder(name)
    data = b"".join(packer.feed(part) for part in PARTS) + packer.finish()
    assert decode(name, data) == b"".join(PARTS)


@pytest.mark.parametrize("name", ENCODINGS)
def test_each_part_can_be_read_at_once(name: str) -> None:
    packer = encoder(name)
    sent = packer.feed(PARTS[0])
    if name == "br":
        assert brotli.Decompressor().process(sent) == PARTS[0]
    elif name == "zstd":
        assert zstandard.ZstdDecompressor().decompressobj().decompress(sent) == PARTS[0]
    else:
        assert zlib.decompressobj(47).decompress(sent) == PARTS[0]


def test_identity_and_the_unknown() -> None:
    packer = encoder("")
    assert packer.feed(b"x") + packer.finish() == b"x"
    with pytest.raises(ValueError, match="'lzw' is none of gzip"):
        encoder("lzw")
