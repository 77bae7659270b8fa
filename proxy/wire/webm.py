"""The length of a webm (or Matroska) recording. Pure.

A finished file states it; a browser that records does not, and leaves the sizes of its clusters open. So the last
cluster is looked for from the end: its time and that of its last block are the end of the recording.
"""

import struct
from decimal import Decimal

_EBML = b"\x1a\x45\xdf\xa3"
_CLUSTER = b"\x1f\x43\xb6\x75"
_SCALE, _DURATION = b"\x2a\xd7\xb1", b"\x44\x89"
_TIME, _BLOCK, _GROUP, _GROUPED_BLOCK = 0xE7, 0xA3, 0xA0, 0xA1

HEAD_BYTES_MAX = 65_536
"""Where the header's facts are looked for."""

_BLOCKS_MAX = 20_000
_CLUSTERS_TRIED_MAX = 100


def is_webm(head: bytes) -> bool:
    """Tell webm by its first bytes."""
    return head[:4] == _EBML


def webm_seconds(data: bytes) -> Decimal | None:
    """Return the seconds of a recording: what its header states or its last block shows, whichever is longer."""
    head = data[:HEAD_BYTES_MAX]
    first = head.find(_CLUSTER)
    head = head if first < 0 else head[:first]
    scale = _number(head, _SCALE) or 1_000_000
    ticks = max(_stated(head), _last(data))
    return Decimal(repr(ticks)) * scale / 1_000_000_000 if ticks > 0 else None


def _content(head: bytes, name: bytes) -> bytes:
    """Return the content of an element of the header, nothing if it is not there."""
    at = head.find(name)
    size = _size(head, at + len(name)) if at >= 0 else None
    return head[size[1] : size[1] + min(size[0], 8)] if size is not None else b""


def _number(head: bytes, name: bytes) -> int:
    return int.from_bytes(_content(head, name))


def _stated(head: bytes) -> float:
    content = _content(head, _DURATION)
    form = {4: ">f", 8: ">d"}.get(len(content))
    value = float(struct.unpack(form, content)[0]) if form else 0.0
    return value if 0 < value < 10**15 else 0.0


def _last(data: bytes) -> int:
    """Return the time of the last block in ticks, 0 if there is none."""
    at = len(data)
    for _ in range(_CLUSTERS_TRIED_MAX):
        at = data.rfind(_CLUSTER, 0, at)
        if at < 0:
            return 0
        size = _size(data, at + 4)
        if size is not None and data[size[1] : size[1] + 1] == bytes([_TIME]):  # else these bytes were sound
            return _end_of(data, size[1])
    return 0


def _end_of(data: bytes, at: int) -> int:
    """Return the time of the last block of the cluster whose first element stands here."""
    time = latest = 0
    for _ in range(_BLOCKS_MAX):
        size = _size(data, at + 1)
        if size is None:
            break
        length, body = size
        name = data[at]
        if name == _TIME:
            time = int.from_bytes(data[body : body + min(length, 8)])
        elif name in (_BLOCK, _GROUPED_BLOCK) and body + 3 <= len(data):
            latest = max(latest, struct.unpack_from(">h", data, body + 1)[0])
        at = body if name == _GROUP else body + length
    return time + latest


def _size(data: bytes, at: int) -> tuple[int, int] | None:
    """Return (an element's size, where its content begins), None where no size can stand. Open sizes are huge ones."""
    if at >= len(data) or not data[at]:
        return None
    width = 9 - data[at].bit_length()
    if at + width > len(data):
        return None
    return int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1), at + width
