"""The length of a recording, whatever its format, and however it lies."""

import random  # noqa: TID251  # seeded, and no money
import time
from decimal import Decimal

import pytest
from doubles.sound import flac, m4a, mp3, ogg_opus, wav, webm

from proxy.wire.sound import READS_MAX, kind_of, seconds_of


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (wav(2.5), "2.5"),
        (mp3(200), str(200 * 1152 / 44100)),
        (mp3(200, xing=200), str(200 * 1152 / 44100)),
        (b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10) + mp3(200), str(200 * 1152 / 44100)),
        (flac(441_000), "10"),
        (ogg_opus(61.5), "61.5"),
        (m4a(30), "30"),
        (webm(0, 20, 12_340), "12.34"),
    ],
)
def test_a_recording_is_as_long_as_it_says(data: bytes, seconds: str) -> None:
    found = seconds_of(data)
    assert found is not None
    assert abs(found - Decimal(seconds)) < Decimal("0.03")


@pytest.mark.parametrize(
    ("data", "least"),
    [
        (mp3(1000, xing=10), 417 * 1000 / 40_000),
        (flac(441, sound=1_764_000), 10),
        (m4a(1, sound=6_400_000), 10),
        (webm(5) + bytes(6_400_000), 10),
    ],
)
def test_a_header_is_not_believed_below_what_the_bytes_need(data: bytes, least: float) -> None:
    found = seconds_of(data)
    assert found is not None
    assert float(found) >= least


def test_pictures_take_room_in_a_film() -> None:
    film = m4a(1, sound=2_500_000) + b"hdlr" + bytes(8) + b"vide"
    assert seconds_of(film) == pytest.approx(Decimal(1), abs=Decimal("0.1"))


@pytest.mark.parametrize(
    "data",
    [b"", b"RIFF", b"hello there, this is text", b"\xff", b"OggS", b"fLaC", b"ID3", m4a(0)],
)
def test_what_is_no_recording_has_no_length(data: bytes) -> None:
    assert seconds_of(data) is None


HOSTILE = [
    b"ID3\x03\0\0\0\0\0\0" + random.Random(1).randbytes(3_000_000),
    b"\xff\xfb\x90\x64" + bytes(3_000_000),
    (b"OggS" + bytes(23)) * 100_000,
    b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * 300_000,
    b"\x1a\x45\xdf\xa3" + b"\x1f\x43\xb6\x75\x81\xe7" * 500_000,
    b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 300_000,
]


@pytest.mark.parametrize("data", HOSTILE, ids=["garbage", "zeros", "pages", "atoms", "clusters", "chunks"])
def test_a_file_made_to_be_slow_is_given_up(data: bytes) -> None:
    began = time.process_time()
    seconds_of(data)
    assert time.process_time() - began < 1


def test_no_file_is_read_for_ever() -> None:
    assert seconds_of(ogg_opus(61.5, pages=1_000)) == Decimal("61.5")
    assert seconds_of(ogg_opus(61.5, pages=READS_MAX)) is None


@pytest.mark.parametrize("data", [wav(0.1), mp3(5), flac(100), ogg_opus(1), m4a(1), webm(5)])
def test_a_cut_or_bent_file_raises_nothing(data: bytes) -> None:
    dice = random.Random(len(data))
    for _ in range(150):
        bent = bytearray(data[: dice.randrange(1, len(data))] if dice.random() < 0.5 else data)
        for _ in range(dice.randrange(4)):
            bent[dice.randrange(min(len(bent), 200))] = dice.randrange(256)
        found = seconds_of(bytes(bent))
        assert found is None or found > 0


def test_kinds_are_told_by_bytes() -> None:
    assert [kind_of(data) for data in (wav(0), mp3(1), flac(1), ogg_opus(1), m4a(1), webm(1), b"FORM\0\0\0\0AIFF")] == [
        "wav", "mp3", "flac", "ogg", "mp4", "webm", "aiff",
    ]  # fmt: skip
