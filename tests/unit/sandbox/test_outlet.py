import zlib

import pytest

from proxy.sandbox.outlet import CutHere, Outlet
from proxy.sandbox.steering import Steering


class Wire:
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    async def write(self, data: bytes) -> None:
        self.parts.append(data)


async def test_bytes_go_through() -> None:
    wire = Wire()
    outlet = Outlet(wire.write, Steering())
    await outlet.send(b"one")
    await outlet.send(b"two")
    await outlet.finish()
    assert wire.parts == [b"one", b"two"]


async def test_split() -> None:
    wire = Wire()
    await Outlet(wire.write, Steering(split=2)).send(b"abcde")
    assert wire.parts == [b"ab", b"cd", b"e"]


@pytest.mark.parametrize("cut", range(7))
async def test_cut_after_any_byte(cut: int) -> None:
    wire = Wire()
    outlet = Outlet(wire.write, Steering(cut_bytes=cut))
    if cut > 3:
        await outlet.send(b"abc")
    with pytest.raises(CutHere):
        await outlet.send(b"def" if cut > 3 else b"abc")
    assert b"".join(wire.parts) == b"abcdef"[:cut]


async def test_a_cut_counts_bytes_before_compression() -> None:
    wire = Wire()
    outlet = Outlet(wire.write, Steering(cut_bytes=4, encoding="gzip"))
    with pytest.raises(CutHere):
        await outlet.send(b"abcdefgh")
    assert zlib.decompressobj(31).decompress(b"".join(wire.parts)) == b"abcd"
