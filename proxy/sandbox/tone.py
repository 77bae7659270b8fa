"""A voice made up: a soft tone that lasts as long as somebody would take to say the text."""

import struct
from math import pi, sin

RATE = 8_000
SECONDS_PER_CHARACTER = 0.06
SECONDS_MAX = 60.0
CONTENT_TYPE = "audio/wav"

_PERIOD = RATE // 200
_LOUDNESS = 4_000


def spoken(text: str) -> bytes:
    """Return a wav file, 16-bit mono, of the length of this text; never shorter than one character's."""
    seconds = min(max(len(text), 1) * SECONDS_PER_CHARACTER, SECONDS_MAX)
    wave = struct.pack(f"<{_PERIOD}h", *(int(_LOUDNESS * sin(2 * pi * at / _PERIOD)) for at in range(_PERIOD)))
    sound = wave * int(seconds * RATE / _PERIOD)
    form = struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + len(sound)) + b"WAVEfmt " + struct.pack("<I", 16) + form
    return head + b"data" + struct.pack("<I", len(sound)) + sound
