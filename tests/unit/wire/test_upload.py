"""A file in a request."""

from decimal import Decimal

from doubles.sound import wav

from proxy.wire.upload import Upload


def test_a_file_knows_its_bytes_and_how_long_it_sounds() -> None:
    upload = Upload(wav(0.5), "audio/wav")
    assert (len(upload), upload.seconds, upload.mime) == (16_044, Decimal("0.5"), "audio/wav")


def test_a_picture_has_no_length() -> None:
    assert Upload(b"\x89PNG").seconds is None
