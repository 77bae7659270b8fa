"""Recordings made by hand, of a known length: just enough of each format for its length to be read."""

import struct


def wav(seconds: float, *, rate: int = 16_000, channels: int = 1, size: int | None = None, tail: bytes = b"") -> bytes:
    """Return 16-bit silence. `size` is what the header says instead of the truth, as one that was streamed does."""
    sound = bytes(int(seconds * rate) * 2 * channels)
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    stated = len(sound) if size is None else size
    riff = 0xFFFFFFFF if size == 0xFFFFFFFF else 36 + len(sound)
    head = b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + struct.pack("<I", 16) + form
    return head + b"data" + struct.pack("<I", stated) + sound + tail


def mp3(frames: int, *, xing: int | None = None) -> bytes:
    """Return frames of MPEG-1 layer III at 128 kbit/s and 44,100 Hz, 417 bytes and 1,152 samples each.

    `xing` puts a frame before them that says how many they are.
    """
    frame = b"\xff\xfb\x90\xc4" + bytes(413)
    if xing is None:
        return frame * frames
    said = b"\xff\xfb\x90\xc4" + bytes(17) + b"Xing" + struct.pack(">III", 3, xing, 417 * (frames + 1))
    return said + bytes(417 - len(said)) + frame * frames


def flac(samples: int, *, rate: int = 44_100, sound: int = 0) -> bytes:
    """Return the stream info of 16-bit stereo, and as many bytes of sound as asked for."""
    packed = (rate << 44) | (1 << 41) | (15 << 36) | samples
    info = struct.pack(">HH", 4096, 4096) + bytes(6) + struct.pack(">Q", packed) + bytes(16)
    return b"fLaC" + b"\x80" + struct.pack(">I", len(info))[1:] + info + bytes(sound)


def ogg_opus(seconds: float, pages: int = 1) -> bytes:
    """Return the pages of an opus stream: header, comment, sound, and the last, which says where it ends."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 0) + struct.pack("<I", 0)
    end = int(seconds * 48_000)
    return (
        _page(2, 0, 0, head)
        + _page(0, 0, 1, tags)
        + _page(0, end, 2, bytes(200)) * pages
        + _page(4, end, 3, bytes(200))
    )


def _page(kind: int, granule: int, number: int, packet: bytes) -> bytes:
    return b"OggS" + struct.pack("<BBqIII", 0, kind, granule, 7, number, 0) + bytes([1, len(packet)]) + packet


def m4a(seconds: int, *, sound: int = 0) -> bytes:
    """Return a movie header, and as many bytes of sound as asked for."""
    mvhd = bytes(12) + struct.pack(">II", 1_000, seconds * 1_000) + bytes(80)
    moov = _atom(b"moov", _atom(b"mvhd", mvhd))
    return _atom(b"ftyp", b"M4A \0\0\0\0") + moov + _atom(b"mdat", bytes(sound))


def _atom(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def webm(*blocks_ms: int, stated_ms: float | None = None, open_sizes: bool = False) -> bytes:
    """Return a webm with a cluster for each minute of its blocks; with `open_sizes` as a browser records it."""
    info = _element(b"\x2a\xd7\xb1", (1_000_000).to_bytes(3))
    if stated_ms is not None:
        info += _element(b"\x44\x89", struct.pack(">d", stated_ms))
    clusters = b""
    for minute in sorted({block // 30_000 for block in blocks_ms}):
        start = minute * 30_000
        content = _element(b"\xe7", start.to_bytes(3))
        for block in blocks_ms:
            if block // 30_000 == minute:
                content += _element(b"\xa3", b"\x81" + struct.pack(">h", block - start) + b"\x80" + bytes(40))
        clusters += _element(b"\x1f\x43\xb6\x75", content, open_size=open_sizes)
    segment = _element(b"\x15\x49\xa9\x66", info) + clusters
    return _element(b"\x1a\x45\xdf\xa3", b"") + _element(b"\x18\x53\x80\x67", segment, open_size=open_sizes)


def _element(name: bytes, content: bytes, *, open_size: bool = False) -> bytes:
    size = b"\x01" + b"\xff" * 7 if open_size else (0x10000000 | len(content)).to_bytes(4)
    return name + size + content
