"""Events come out the same at any chunk boundary, and every byte comes out again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire import sse
from proxy.wire.sse import RawEvent, SseSplitter


def split(*pieces: bytes) -> list[RawEvent]:
    splitter = SseSplitter()
    return [event for piece in pieces for event in splitter.feed(piece)] + splitter.finish()


def content(*pieces: bytes) -> list[tuple[str, bytes]]:
    return [(event.name, event.data) for event in split(*pieces)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b'data: {"a":1}\n\ndata: [DONE]\n\n', [("", b'{"a":1}'), ("", b"[DONE]")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
        (b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")]),
        (b"event: ping\ndata: {}\n\n", [("ping", b"{}")]),
        (b"event: ping\r\ndata: {}\r\n\r\n", [("ping", b"{}")]),
        (b"event:ping\ndata:{}\n\n", [("ping", b"{}")]),
        (b"data: {}\nevent: late\n\n", [("late", b"{}")]),
        (b"data:  two blanks\n\n", [("", b" two blanks")]),
        (b"data: a\ndata: b\ndata:\n\n", [("", b"a\nb\n")]),
        (b": a comment\n\ndata: x\n\n", [("", b""), ("", b"x")]),
        (b": a comment\ndata: x\n\n", [("", b"x")]),
        (b"\xef\xbb\xbfdata: x\n\ndata: y\n\n", [("", b"x"), ("", b"y")]),
        (b"id: 3\nretry: 100\ndata: x\n\n", [("", b"x")]),
        (b"data\n\n", [("", b"")]),
        (b"data: a\n\r\ndata: b\r\n\n", [("", b"a"), ("", b"b")]),
        (b"data: a\r\n\ndata: b\n\r", [("", b"a"), ("", b"b")]),
        (b"data: a\rdata: b\n\n", [("", b"a\nb")]),
        (b"event: x\rdata: b\n\n", [("x", b"b")]),
        (b"data: no blank line at the end", [("", b"no blank line at the end")]),
        (b"data: x\n\n\n\ndata: y\n\n", [("", b"x"), ("", b""), ("", b"y")]),
        (b"data: \xff\n\nevent: \xff\ndata: y\n\n", [("", b"\xff"), ("\N{REPLACEMENT CHARACTER}", b"y")]),
        (b"", []),
    ],
)
def test_events_are_read_whole_and_byte_by_byte(stream: bytes, events: list[tuple[str, bytes]]) -> None:
    assert content(stream) == events
    assert content(*(stream[at : at + 1] for at in range(len(stream)))) == events
    assert b"".join(event.raw for event in split(stream)) == stream


PIECES = st.lists(
    st.sampled_from(
        [b"data: x", b"data:y", b"event: e", b": c", b"\n", b"\r", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"z"]
    ),
    max_size=14,
)


@given(PIECES, st.data())
def test_any_split_gives_the_same_events_and_all_of_the_bytes(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    parts = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert split(*parts) == split(stream)
    assert b"".join(event.raw for event in split(*parts)) == stream


@pytest.mark.parametrize("piece_bytes", [7, 64, 1_000])
def test_a_long_event_passes_unparsed_and_the_next_is_read(piece_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_BYTES_MAX", 100)
    stream = b"data: a\n\n" + b"data: " + b"x" * 300 + b"\n\n" + b"data: b\n\n"
    events = split(*(stream[at : at + piece_bytes] for at in range(0, len(stream), piece_bytes)))
    assert b"".join(event.raw for event in events) == stream
    assert [event.data for event in events if event.parsed] == [b"a", b"b"]
    assert not all(event.parsed for event in events)


def test_a_long_event_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_BYTES_MAX", 100)
    splitter = SseSplitter()
    given_out = sum(len(event.raw) for _ in range(1_000) for event in splitter.feed(b"x" * 50))
    assert given_out >= 1_000 * 50 - 150
