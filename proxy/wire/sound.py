"""How long a recording sounds, read from its own header or frames. Pure: bytes in, seconds out; nothing raises.

A header can say anything, so a length is never below what the bytes need at the container's highest rate. Work is
limited too: a file made to be slow to read has no length. tinytag reads mp3, ogg, flac, m4a and aiff; wav, whose sizes
are missing when it was streamed, and webm, which it does not know, are read here.
"""

from decimal import Decimal
from io import BytesIO

from tinytag import TinyTag, TinyTagException

from proxy.wire.wav import wav_seconds
from proxy.wire.webm import is_webm, webm_seconds

READS_MAX = 30_000
"""Reads that a library may do in one file: hours of ogg pages, and a tenth of a second for garbage."""

SECONDS_MAX = 10**7
"""No recording is longer (115 days): a header that says so is wrong."""

_VIDEO = 2_500_000
_HIGHEST = {"mp3": 40_000, "ogg": 125_000, "mp4": 640_000, "aiff": 6_200_000, "webm": 640_000}
"""Bytes a second that no recording of a kind exceeds: mp3 has 320 kbit/s at most, m4a may be lossless."""

_MICRO = Decimal("0.000001")


def seconds_of(data: bytes) -> Decimal | None:
    """Return the length of a recording in seconds, None if the bytes are none that can be read."""
    kind = kind_of(data)
    if kind is None:
        return None
    if kind == "wav":
        return _believable(wav_seconds(data), Decimal(0))
    if kind == "webm":
        return _believable(webm_seconds(data), Decimal(len(data)) / _highest(kind, data))
    read = _library(data)
    if read is None:
        return None
    seconds, rate = read
    return _believable(seconds, Decimal(len(data)) / (rate or _highest(kind, data)))


def kind_of(data: bytes) -> str | None:
    """Tell a container by its first bytes: its file name and its type say what the caller likes."""
    head = bytes(data[:12])
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6)):
        return "mp3"
    if is_webm(head):
        return "webm"
    return {b"fLaC": "flac", b"OggS": "ogg"}.get(head[:4]) or ("mp4" if head[4:8] == b"ftyp" else None)


class _Sparing(BytesIO):
    """A file that may be read only so often."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._left = READS_MAX

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise TinyTagException("too many reads")
        return super().read(size)


def _library(data: bytes) -> tuple[Decimal, int] | None:
    """Return (seconds, bytes a second that this file cannot exceed, 0 if that is not known)."""
    try:
        tag = TinyTag.get(file_obj=_Sparing(data), tags=False)
    except Exception:  # noqa: BLE001  # the library meets bytes from anybody, and raises whatever they lead it to
        return None
    if not tag.duration or tag.duration <= 0 or tag.duration > SECONDS_MAX:
        return None
    raw = 0
    if data[:4] == b"fLaC":  # lossless: never more than the samples themselves, and its own tables
        raw = (tag.samplerate or 0) * (tag.channels or 0) * (tag.bitdepth or 0) // 8
    return Decimal(repr(tag.duration)), raw


def _highest(kind: str, data: bytes) -> int:
    """A film carries its pictures in the same bytes."""
    film = (kind == "mp4" and data.find(b"vide") >= 0) or (kind == "webm" and data.find(b"V_", 0, 10_000) >= 0)
    return _VIDEO if film else _HIGHEST.get(kind, _VIDEO)


def _believable(seconds: Decimal | None, least: Decimal) -> Decimal | None:
    if seconds is None or not _MICRO <= seconds <= SECONDS_MAX:
        return None
    return max(seconds, least).quantize(_MICRO)
