"""The length of a wav file, finished or streamed."""

from decimal import Decimal

import pytest
from doubles.sound import wav

from proxy.wire.wav import wav_seconds


@pytest.mark.parametrize("size", [None, 0xFFFFFFFF, 0, 0x7FFFFFFF])
def test_sizes_that_a_pipe_could_not_know(size: int | None) -> None:
    assert wav_seconds(wav(1.25, size=size)) == Decimal("1.25")


def test_what_stands_behind_the_sound_is_no_sound() -> None:
    assert wav_seconds(wav(1, tail=b"LIST" + bytes(40_000))) == 1


def test_channels_and_rate() -> None:
    assert wav_seconds(wav(0.5, rate=48_000, channels=2)) == Decimal("0.5")


def test_a_chunk_before_the_format() -> None:
    plain = wav(1)
    assert wav_seconds(plain[:12] + b"bext\x03\x00\x00\x00abc\x00" + plain[12:]) == 1


def test_a_compressed_format_goes_by_its_stated_rate() -> None:
    plain = bytearray(wav(1))
    plain[20:22] = b"\x11\x00"  # ADPCM
    plain[28:32] = (8_000).to_bytes(4, "little")
    assert wav_seconds(bytes(plain)) == 4


@pytest.mark.parametrize("cut", [0, 12, 20, 30, 40])
def test_a_file_without_format_or_sound_has_no_length(cut: int) -> None:
    assert wav_seconds(wav(1)[:cut]) is None


def test_a_rate_of_nothing_is_no_rate() -> None:
    assert wav_seconds(wav(1, rate=16_000).replace((16_000).to_bytes(4, "little"), bytes(4), 1)) is None
