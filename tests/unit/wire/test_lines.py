"""Lines come out the same in any pieces; one that is too long is given out as None."""

import pytest

from proxy.wire import lines
from proxy.wire.lines import LineSplitter


def split(data: bytes, piece_bytes: int) -> list[bytes | None]:
    splitter = LineSplitter()
    pieces = [data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes)]
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.finish()


@pytest.mark.parametrize("piece_bytes", [1, 3, 100])
def test_lines_in_any_pieces(piece_bytes: int) -> None:
    assert split(b'{"a":1}\r\n\n{"b":2}\n{"c":3}', piece_bytes) == [b'{"a":1}', b"", b'{"b":2}', b'{"c":3}']
    assert split(b"", piece_bytes) == []


@pytest.mark.parametrize("piece_bytes", [1, 30, 1_000])
def test_a_long_line_is_left_out(piece_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "EVENT_BYTES_MAX", 20)
    assert split(b"one\n" + b"x" * 90 + b"\ntwo\n", piece_bytes) == [b"one", None, b"two"]
    assert split(b"one\n" + b"x" * 90, piece_bytes) == [b"one", None]
