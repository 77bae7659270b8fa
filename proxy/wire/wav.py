"""The length of a wav file: what it holds over what a second of it takes. Pure.

Whoever writes wav into a pipe does not know its length yet and leaves 0xFFFFFFFF or 0 in its sizes; then everything
after the header is sound. RF64 and BW64 keep their sizes elsewhere, and are read the same way.
"""

import struct
from decimal import Decimal

_PCM = (1, 3, 6, 7, 0xFFFE)
"""Formats in which every sample takes the same room: integers, floats, A-law, mu-law, and the extensible form."""

_CHUNKS_MAX = 1_000


def wav_seconds(data: bytes) -> Decimal | None:
    """Return the seconds of a wav file, None if it lacks its format or its sound."""
    at, rate = 12, 0
    for _ in range(_CHUNKS_MAX):
        if at + 8 > len(data):
            return None
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        at += 8
        if name == b"fmt ":
            rate = _byte_rate(data[at : at + min(size, 16)])
        elif name == b"data":
            rest = len(data) - at
            held = size if 0 < size <= rest else rest
            return Decimal(held) / rate if rate else None
        at += size + size % 2
    return None


def _byte_rate(form: bytes) -> int:
    """Return the bytes that a second takes, 0 if the format says nothing that can be."""
    if len(form) < 16:
        return 0
    kind, channels, rate, stated, _, bits = struct.unpack("<HHIIHH", form)
    return int(channels * rate * ((bits + 7) // 8)) if kind in _PCM else int(stated)
