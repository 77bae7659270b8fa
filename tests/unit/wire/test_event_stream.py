"""Frames come in any pieces, each as one document; a wrong checksum ends what can be read; botocore agrees."""

import json
import struct
from binascii import crc32
from itertools import pairwise
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire import event_stream
from proxy.wire.event_stream import FrameSplitter, write_frame


def event(name: str, payload: object) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return write_frame(headers, json.dumps(payload).encode())


def split(data: bytes, cuts: list[int]) -> tuple[list[bytes | None], FrameSplitter]:
    splitter = FrameSplitter()
    edges = [0, *sorted(cuts), len(data)]
    return [found for start, end in pairwise(edges) for found in splitter.feed(data[start:end])], splitter


STREAM = event("a", {"text": "hi"}) + event("b", {}) + event("c", {"x": [1, "}"]})
READ = [b'{"a":{"text": "hi"}}', b'{"b":{}}', b'{"c":{"x": [1, "}"]}}']


@pytest.mark.parametrize("piece_bytes", [1, 3, 12, 13, 1_000])
def test_frames_in_any_pieces(piece_bytes: int) -> None:
    found, splitter = split(STREAM, list(range(piece_bytes, len(STREAM), piece_bytes)))
    assert found == READ
    assert splitter.between
    assert not splitter.broken


def test_a_frame_comes_when_its_last_byte_has_come() -> None:
    splitter = FrameSplitter()
    first = event("a", {"text": "hi"})
    assert splitter.feed(first[:-1]) == []
    assert not splitter.between
    assert splitter.feed(first[-1:]) == READ[:1]
    assert splitter.between


names = st.text("abcdefgh:-", min_size=1, max_size=20)
frames = st.tuples(st.dictionaries(names, st.text(max_size=40), max_size=5), st.binary(max_size=200))


@given(st.lists(frames, max_size=5), st.data())
def test_what_is_written_is_what_botocore_reads(written: list[tuple[dict[str, str], bytes]], data: Any) -> None:
    stream = b"".join(write_frame(headers, payload) for headers, payload in written)
    theirs = EventStreamBuffer()
    theirs.add_data(stream)
    assert [(event.headers, event.payload) for event in theirs] == written
    found, splitter = split(stream, data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    assert len(found) == len(written)
    assert None not in found
    assert splitter.between


def test_a_flipped_bit_anywhere_is_seen() -> None:
    for at in range(len(READ[0])):
        broken = bytearray(STREAM)
        broken[at] ^= 1
        found, splitter = split(bytes(broken), [40])
        assert splitter.broken
        assert found == [None]
        assert not splitter.between
        assert splitter.feed(STREAM) == []


def test_what_came_before_a_wrong_checksum_is_good() -> None:
    broken = bytearray(STREAM)
    broken[-1] ^= 1
    found, splitter = split(bytes(broken), [])
    assert found == [*READ[:2], None]
    assert splitter.broken


@pytest.mark.parametrize("data", [b"x" * 20, struct.pack(">II", 15, 0), struct.pack(">II", 2**25, 0)])
def test_what_is_no_event_stream_is_broken_at_once(data: bytes) -> None:
    if len(data) == 8:
        data += struct.pack(">I", crc32(data))  # the checksum is right, the length cannot be
    found, splitter = split(data + b"x" * 20, [])
    assert found == [None]
    assert splitter.broken


@pytest.mark.parametrize("piece_bytes", [1, 7, 1_000])
def test_a_frame_too_long_to_be_kept_is_still_checked(piece_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "EVENT_BYTES_MAX", 200)
    long = event("long", {"text": "x" * 300})
    stream = event("a", {"text": "hi"}) + long + event("b", {})
    cuts = list(range(piece_bytes, len(stream), piece_bytes))
    found, splitter = split(stream, cuts)
    assert found == [READ[0], None, READ[1]]
    assert splitter.between
    broken = bytearray(stream)
    broken[200] ^= 1
    found, splitter = split(bytes(broken), cuts)
    assert found == [READ[0], None]
    assert splitter.broken


def test_an_exception_says_so() -> None:
    modelled = {":message-type": "exception", ":exception-type": "throttlingException"}
    unmodelled = {":message-type": "error", ":error-code": "InternalError", ":error-message": "sorry"}
    found, _ = split(write_frame(modelled, b'{"message":"slow"}') + write_frame(unmodelled, b""), [])
    assert found == [
        b'{"exception":{"throttlingException":{"message":"slow"}}}',
        b'{"exception":{"InternalError":true}}',
    ]


@pytest.mark.parametrize(("payload", "value"), [(b"\0\1", b'"AAE="'), (b'{"cut', b'"eyJjdXQ="'), (b"", b"true")])
def test_a_payload_that_is_no_document_is_packed(payload: bytes, value: bytes) -> None:
    headers = {":message-type": "event", ":event-type": "Part", ":content-type": "application/octet-stream"}
    assert split(write_frame(headers, payload), [])[0] == [b'{"Part":' + value + b"}"]


def test_headers_of_every_type_are_stepped_over() -> None:
    sizes = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
    kinds = [bytes([kind]) + b"x" * size for kind, size in sizes.items()] + [b"\6\0\3xxx"]
    block = b"".join(bytes([1]) + b"h" + kind for kind in kinds) + b"\x0b:event-type\7\0\1e"
    assert split(raw_frame(block, b"{}"), [])[0] == [b'{"e":{}}']


@pytest.mark.parametrize("block", [b"\x09", b"\x01h\x63", b"\x01h\x07\xff\xff", b"\x01h\x05x"])
def test_headers_that_are_none_leave_only_their_frame_out(block: bytes) -> None:
    found, splitter = split(raw_frame(block, b"{}") + event("b", {}), [])
    assert found == [None, READ[1]]
    assert not splitter.broken


def raw_frame(block: bytes, payload: bytes) -> bytes:
    head = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    frame = head + struct.pack(">I", crc32(head)) + block + payload
    return frame + struct.pack(">I", crc32(frame))
