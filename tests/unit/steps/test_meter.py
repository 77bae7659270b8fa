"""Relaying: what is held and what goes out at once, what is taken out, and what the reader saw."""

import asyncio
import gzip
import json
from collections.abc import Sequence
from typing import Any

import pytest
from doubles.acme import (
    ASK_USAGE,
    CALL,
    DONE,
    MODELS,
    READER,
    USAGE_FRAME,
    HandClock,
    PaperAnswer,
    PaperSink,
    delta,
    event,
    make_endpoint,
    make_permit,
    make_route,
)
from msgspec import structs

from proxy.providers.permit import Permit
from proxy.providers.splices import Splices
from proxy.steps import meter
from proxy.steps.meter import HeldBytes, Own, Relay, added_by, begin_relay
from proxy.upstream.door import Failure, UpstreamFailed
from proxy.usage.certainty import Certainty
from proxy.wire.event_stream import write_frame
from proxy.wire.framing import Framing

JSON = json.dumps(
    {
        "id": "ans-1",
        "model": "m-1",
        "choices": [{"message": {"content": "hi"}}],
        "usage": {"prompt": 10, "completion": 3},
    }
).encode()
STREAM = (("Content-Type", "text/event-stream"),)
CHARGE = [("faregate-charge-usd", "0.1")]
ASKED = make_permit({"stream": True})
UNMARKED = make_endpoint(reader=structs.replace(READER, unmarked=True))
LINES = make_endpoint(framing=Framing.NDJSON)
LINE = b'{"choices":[{"delta":{"content":"a"}}]}\n{"usage":{"prompt":10,"completion":3}}\n'
SPLICED = Splices(ASK_USAGE)


def relay_of(
    answer: PaperAnswer,
    permit: Permit | None = None,
    *,
    splices: Splices | None = None,
    shared: HeldBytes | None = None,
    own: Own | None = None,
    clock: HandClock | None = None,
) -> tuple[Relay, PaperSink]:
    sink = PaperSink()
    shared = shared or HeldBytes(1 << 20, 1 << 19, 5.0)
    relay = begin_relay(
        CALL, permit or make_permit(), answer, splices or Splices(), sink, shared, clock or HandClock(), own
    )
    return relay, sink


def streamed(*pieces: bytes | UpstreamFailed, **changes: Any) -> PaperAnswer:
    return PaperAnswer(*pieces, **{"headers": STREAM, **changes})


# --- Held answers


async def test_a_json_answer_waits_for_its_charge() -> None:
    relay, sink = relay_of(PaperAnswer(JSON[:20], JSON[20:]))
    await relay.run()
    assert not sink.started
    assert relay.whole
    await relay.complete(CHARGE)
    assert (sink.status, sink.sent, sink.ended) == (200, JSON, "whole")
    assert sink.headers == [("Content-Type", "application/json"), ("faregate-call-id", CALL), *CHARGE]


async def test_its_usage_is_read() -> None:
    relay, _ = relay_of(PaperAnswer(JSON))
    await relay.run()
    reading = relay.reading()
    assert (reading.model, reading.usage) == ("m-1", {"input_tokens": 10, "output_tokens": 3})
    assert reading.certainty is Certainty.EXACT
    assert relay.reading() is reading


async def test_a_compressed_answer_is_relayed_as_it_came_and_read_all_the_same() -> None:
    packed = gzip.compress(JSON)
    answer = PaperAnswer(packed, headers=[("content-type", "application/json"), ("content-encoding", "gzip")])
    relay, sink = relay_of(answer)
    await relay.run()
    await relay.complete([])
    assert sink.sent == packed
    assert ("content-encoding", "gzip") in sink.headers
    assert relay.reading().usage == {"input_tokens": 10, "output_tokens": 3}


async def test_an_answer_too_large_to_hold_is_streamed_without_its_charge() -> None:
    relay, sink = relay_of(PaperAnswer(JSON[:30], JSON[30:60], JSON[60:]), shared=HeldBytes(1_000, 50, 5.0))
    await relay.run()
    assert (sink.sent, sink.ended) == (JSON, "")
    assert relay.reading().usage == {"input_tokens": 10, "output_tokens": 3}
    await relay.complete(CHARGE)
    assert (sink.sent, sink.ended) == (JSON, "whole")
    assert CHARGE[0] not in sink.headers


async def test_shared_memory_is_given_back() -> None:
    shared = HeldBytes(len(JSON), 1 << 20, 5.0)
    for _ in range(3):
        relay, sink = relay_of(PaperAnswer(JSON), shared=shared)
        await relay.run()
        assert not shared.take(1)
        other, streaming = relay_of(PaperAnswer(JSON), shared=shared)  # there is none left: this one streams
        await other.run()
        assert streaming.sent == JSON
        await relay.complete([])
        assert sink.sent == JSON
    relay, _ = relay_of(PaperAnswer(JSON), shared=shared)
    await relay.run()
    relay.drop_kept()
    assert shared.take(len(JSON))


async def test_shared_memory_is_given_back_when_a_held_answer_grows_too_large() -> None:
    shared = HeldBytes(1_000, 50, 5.0)
    relay, _ = relay_of(PaperAnswer(JSON[:30], JSON[30:]), shared=shared)
    await relay.run()
    await relay.complete([])
    assert shared.take(1_000)


class SlowAnswer(PaperAnswer):
    """An answer whose next piece waits for `go`; what it is told to do meanwhile is done once."""

    def __init__(self, *pieces: bytes, **changes: Any) -> None:
        super().__init__(*pieces, **changes)
        self.go = asyncio.Event()
        self.count = 0

    async def read(self) -> bytes:
        if self.count:
            await self.go.wait()
        self.count += 1
        return await super().read()


async def test_an_answer_that_takes_too_long_becomes_a_stream() -> None:
    answer = SlowAnswer(JSON[:20], JSON[20:])
    relay, sink = relay_of(answer, shared=HeldBytes(1 << 20, 1 << 19, 0.02))
    async with asyncio.TaskGroup() as group:
        group.create_task(relay.run())
        await sink.until(lambda: sink.sent == JSON[:20])
        answer.go.set()
    assert sink.sent == JSON
    assert relay.whole
    assert relay.reading().certainty is Certainty.EXACT


async def test_patience_counts_from_the_first_byte_on() -> None:
    """Drip by drip, the caller still sees the beginning once the seconds are over."""
    clock = HandClock()

    class Dripping(PaperAnswer):
        async def read(self) -> bytes:
            await asyncio.sleep(0)
            piece = await super().read()
            clock.seconds += 3
            return piece

    relay, sink = relay_of(Dripping(JSON[:10], JSON[10:20], JSON[20:]), clock=clock)
    await relay.run()
    assert sink.pieces == [JSON[:20], JSON[20:]], "after 6 of 5 seconds the answer is no longer held"


# --- Errors


async def test_an_error_is_relayed_makes_nothing_and_is_read_for_what_is_billed_all_the_same() -> None:
    relay, sink = relay_of(PaperAnswer(JSON, status=429), ASKED)
    await relay.run()
    await relay.complete([])
    assert (sink.status, sink.sent, sink.ended) == (429, JSON, "whole")
    assert relay.reading().usage == {"input_tokens": 10, "output_tokens": 3}
    assert relay.news() is None


async def test_even_an_event_stream_is_held_if_it_is_an_error() -> None:
    relay, sink = relay_of(streamed(b"data: {}\n\n", status=500), ASKED, splices=SPLICED)
    await relay.run()
    assert not sink.started
    await relay.complete([])
    assert sink.sent == b"data: {}\n\n"


# --- Streams


async def test_bytes_go_out_as_they_come() -> None:
    pieces = [delta("a")[:7], delta("a")[7:] + delta("b"), b": note\n\n"]
    relay, sink = relay_of(streamed(*pieces), ASKED)
    await relay.run()
    assert sink.pieces == pieces
    assert sink.headers == [("Content-Type", "text/event-stream"), ("faregate-call-id", CALL)]


async def test_what_follows_the_end_marker_waits_for_the_settlement() -> None:
    relay, sink = relay_of(streamed(delta("a"), USAGE_FRAME, DONE), ASKED)
    await relay.run()
    assert sink.sent == delta("a") + USAGE_FRAME
    assert sink.ended == ""
    await relay.complete(CHARGE)
    assert (sink.sent, sink.ended) == (delta("a") + USAGE_FRAME + DONE, "whole")
    assert CHARGE[0] not in sink.headers


async def test_the_tail_is_let_go_where_the_provider_leaves_the_connection_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meter, "TAIL_S", 0.01)
    answer = SlowAnswer(delta("a") + USAGE_FRAME + DONE, headers=STREAM)
    relay, sink = relay_of(answer, ASKED)
    async with asyncio.TaskGroup() as group:
        group.create_task(relay.run())
        await sink.until(lambda: DONE in sink.sent)
        assert sink.ended == ""
        answer.go.set()


async def test_the_output_limit_is_announced() -> None:
    _, sink = await whole(streamed(DONE), ASKED, splices=Splices(limit=77, limit_at=("max_tokens",)))
    assert ("faregate-output-limit", "77") in sink.headers


async def whole(answer: PaperAnswer, permit: Permit, **changes: Any) -> tuple[Relay, PaperSink]:
    relay, sink = relay_of(answer, permit, **changes)
    await relay.run()
    await relay.complete([])
    return relay, sink


async def test_the_headers_of_the_hop_do_not_pass() -> None:
    headers = [
        *STREAM,
        ("Transfer-Encoding", "chunked"),
        ("Set-Cookie", "a=b"),
        ("x-request-id", "r1"),
        ("Faregate-X", "forged"),
    ]
    _, sink = await whole(streamed(DONE, headers=headers), ASKED)
    assert sink.headers == [STREAM[0], ("x-request-id", "r1"), ("faregate-call-id", CALL)]


# --- The frame that we caused


@pytest.mark.parametrize("size", [1, 3, 50, 10_000])
async def test_the_added_frame_is_taken_out_and_still_read(size: int) -> None:
    theirs = delta("a") + b": note\r\n\r\n" + delta("b")
    stream = theirs + USAGE_FRAME + DONE
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    relay, sink = await whole(streamed(*pieces), ASKED, splices=SPLICED)
    assert sink.sent == theirs + DONE
    assert relay.reading().usage == {"input_tokens": 10, "output_tokens": 3}
    assert relay.reading().certainty is Certainty.EXACT


async def test_a_frame_that_the_caller_asked_for_stays() -> None:
    _, sink = await whole(streamed(delta("a"), USAGE_FRAME, DONE), ASKED)
    assert sink.sent == delta("a") + USAGE_FRAME + DONE


async def test_a_frame_with_content_is_not_ours() -> None:
    mixed = event(choices=[{"delta": {"content": "x"}}], usage={"prompt": 1, "completion": 1})
    _, sink = await whole(streamed(mixed, DONE), ASKED, splices=SPLICED)
    assert sink.sent == mixed + DONE


async def test_an_unasked_for_compression_is_undone_where_a_frame_must_be_found() -> None:
    stream = delta("a") + USAGE_FRAME + DONE
    packed = gzip.compress(stream)
    answer = streamed(packed[:40], packed[40:], headers=[*STREAM, ("content-encoding", "gzip")])
    relay, sink = await whole(answer, ASKED, splices=SPLICED)
    assert sink.sent == delta("a") + DONE
    assert "content-encoding" not in dict(sink.headers)
    assert relay.reading().usage == {"input_tokens": 10, "output_tokens": 3}


@pytest.mark.parametrize(
    ("data", "ours"),
    [
        (b'{"choices":[],"usage":{"prompt":1}}', True),
        (b'{"choices":[],"usage":null}', False),
        (b'{"choices":[{}],"usage":{}}', False),
        (b'{"usage":{}}', False),
        (b"[DONE]", False),
        (b"", False),
        (b"\xff", False),
        (b"[]", False),
        (b'"choices"', False),
    ],
)
def test_only_our_frame_is_known_as_ours(data: bytes, ours: bool) -> None:
    assert added_by(ASK_USAGE, data) is ours


# --- Ends and breaks


@pytest.mark.parametrize(
    ("answer", "permit", "is_whole"),
    [
        (PaperAnswer(JSON), make_permit(), True),
        (PaperAnswer(JSON, framed=False), make_permit(), True),
        (PaperAnswer(JSON[:-1], framed=False), make_permit(), False),
        (streamed(delta("a"), DONE, framed=False), ASKED, True),
        (streamed(delta("a"), framed=False), ASKED, False),
        (streamed(delta("a")), ASKED, False),
        (PaperAnswer(b"anything", framed=False), make_permit(route=make_route(MODELS)), True),
        (streamed(delta("a")), make_permit({"stream": True}, route=make_route(UNMARKED)), True),
        (streamed(delta("a"), framed=False), make_permit({"stream": True}, route=make_route(UNMARKED)), False),
        (PaperAnswer(LINE, headers=()), make_permit({"stream": True}, route=make_route(LINES)), True),
        (PaperAnswer(LINE[:-3], headers=()), make_permit({"stream": True}, route=make_route(LINES)), True),
    ],
)
async def test_whether_the_end_can_be_told_from_a_cut(answer: PaperAnswer, permit: Permit, is_whole: bool) -> None:
    relay, _ = relay_of(answer, permit)
    await relay.run()
    assert relay.whole is is_whole
    assert answer.closed


async def test_a_stream_is_cut_into_documents_as_its_route_says_whatever_its_type() -> None:
    relay, sink = relay_of(PaperAnswer(LINE, headers=()), make_permit({"stream": True}, route=make_route(LINES)))
    await relay.run()
    assert relay.reading().usage == {"input_tokens": 10, "output_tokens": 3}
    assert sink.started
    relay, sink = relay_of(PaperAnswer(JSON), make_permit(route=make_route(LINES)))
    await relay.run()
    assert not sink.started


async def test_a_cut_is_raised_and_what_was_seen_stays_seen() -> None:
    cut = UpstreamFailed(Failure.CUT, sent=True)
    relay, sink = relay_of(streamed(delta("hello"), cut), ASKED)
    with pytest.raises(UpstreamFailed):
        await relay.run()
    assert sink.sent == delta("hello")
    assert (relay.reading().output_bytes, relay.reading().certainty) == (5, Certainty.AT_LEAST)
    assert not relay.whole


async def test_a_broken_stream_ends_with_the_providers_own_error_event() -> None:
    relay, sink = relay_of(streamed(delta("a"), UpstreamFailed(Failure.CUT, sent=True)), ASKED)
    with pytest.raises(UpstreamFailed):
        await relay.run()
    await relay.break_off(b"data: error\n\n")
    assert (sink.sent, sink.ended) == (delta("a") + b"data: error\n\n", "cut")


async def test_nothing_is_said_in_the_middle_of_an_event() -> None:
    relay, sink = relay_of(streamed(delta("a")[:9], UpstreamFailed(Failure.CUT, sent=True)), ASKED)
    with pytest.raises(UpstreamFailed):
        await relay.run()
    await relay.break_off(b"data: error\n\n")
    assert (sink.sent, sink.ended) == (delta("a")[:9], "cut")


FRAMED = (("content-type", "application/vnd.amazon.eventstream"),)
FRAME = write_frame({":event-type": "x"}, b"{}")


@pytest.mark.parametrize(("sent", "said"), [(FRAME, True), (FRAME + FRAME[:9], False)])
async def test_a_stream_of_frames_is_only_interrupted_between_them(sent: bytes, said: bool) -> None:
    relay, sink = relay_of(streamed(sent, UpstreamFailed(Failure.CUT, sent=True), headers=FRAMED), ASKED)
    with pytest.raises(UpstreamFailed):
        await relay.run()
    await relay.break_off(FRAME)
    assert relay.framing is Framing.FRAMES
    assert (sink.sent, sink.ended) == (sent + (FRAME if said else b""), "cut")


@pytest.mark.parametrize(("sent", "is_whole"), [(FRAME, True), (FRAME + FRAME[:-1], False)])
async def test_frames_end_with_a_whole_one_however_the_connection_ends(sent: bytes, is_whole: bool) -> None:
    relay, _ = relay_of(streamed(sent, headers=FRAMED), ASKED)
    await relay.run()
    assert relay.whole is is_whole


async def test_usage_in_the_head_is_read() -> None:
    endpoint = make_endpoint()
    endpoint = structs.replace(endpoint, reader=structs.replace(endpoint.reader, headers={"prompt": "x-in"}))
    permit = make_permit(route=make_route(endpoint))
    relay, _ = relay_of(PaperAnswer(b"{}", headers=(("content-type", "application/json"), ("X-In", "9"))), permit)
    await relay.run()
    assert relay.reading().usage == {"input_tokens": 9}


async def test_dropping_lets_go_of_the_answer() -> None:
    answer = PaperAnswer(JSON)
    relay, sink = relay_of(answer)
    await relay.run()
    relay.drop_kept()
    assert answer.aborted
    assert not sink.started


# --- Checkpoints and objects


async def test_news_are_told_once() -> None:
    answer = SlowAnswer(delta("hello"), delta(" you"), headers=STREAM)
    relay, sink = relay_of(answer, ASKED)
    assert relay.news() is None
    async with asyncio.TaskGroup() as group:
        group.create_task(relay.run())
        await sink.until(lambda: sink.sent != b"")
        news = relay.news()
        assert news is not None
        assert (news.output_bytes, news.certainty) == (5, Certainty.AT_LEAST)
        assert relay.news() is None
        answer.go.set()
    later = relay.news()
    assert later is not None
    assert later.output_bytes == 9


@pytest.mark.parametrize(
    ("answer", "permit"), [(streamed(delta("a"), delta("b"), DONE), ASKED), (PaperAnswer(JSON), make_permit())]
)
async def test_objects_are_recorded_before_their_names_go_out(answer: PaperAnswer, permit: Permit) -> None:
    owned: list[tuple[str, str]] = []
    relay, sink = relay_of(answer, permit, own=None)

    async def own(found: Sequence[tuple[str, str]]) -> None:
        assert b"ans-1" not in sink.sent
        owned.extend(found)

    relay._own = own
    await relay.run()
    await relay.complete([])
    assert owned == [("answer", "ans-1")]
    assert b"ans-1" in sink.sent


async def test_a_large_answer_does_not_name_an_object_before_it_is_recorded() -> None:
    """An answer that cannot be held is streamed; its id must not be out before it is the caller's."""
    owned: list[tuple[str, str]] = []
    relay, sink = relay_of(PaperAnswer(JSON[:30], JSON[30:]), shared=HeldBytes(1_000, 10, 5.0))

    async def own(found: Sequence[tuple[str, str]]) -> None:
        owned.extend(found)

    relay._own = own
    await relay.run()
    assert owned == [("answer", "ans-1")]
    assert sink.sent == JSON


def test_a_route_without_a_reader_reads_nothing() -> None:
    relay, _ = relay_of(PaperAnswer(b"x"), make_permit(route=make_route(make_endpoint(reader=None, free=True))))
    assert relay.reading().certainty is Certainty.NONE


async def test_numbers_in_the_head_are_read_and_sound_goes_out_as_it_comes() -> None:
    spec = structs.replace(READER, headers={"prompt": "x-characters"}, binary=True)
    permit = make_permit(route=make_route(make_endpoint(reader=spec)))
    answer = PaperAnswer(b"\xff\xfbone", b"two", headers=[("content-type", "audio/mpeg"), ("X-Characters", "12")])
    relay, sink = relay_of(answer, permit)
    await relay.run()
    assert (sink.sent, sink.started) == (b"\xff\xfbonetwo", True)
    assert (relay.whole, relay.reading().delivered) == (True, True)
    assert relay.reading().usage == {"input_tokens": 12}
