"""Bytes in, a reading out, whatever happens on the way."""

import base64
import gzip
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec import structs

from proxy.usage import reader as reader_module
from proxy.usage.certainty import Certainty
from proxy.usage.reader import Reader
from proxy.usage.reading import Reading
from proxy.usage.spec import ReaderSpec
from proxy.wire.event_stream import write_frame
from proxy.wire.framing import Framing

SPEC = msgspec.convert(
    {
        "source": "here",
        "model": ["model"],
        "usage": ["usage"],
        "units": {"input_tokens": "prompt", "output_tokens": "output"},
        "output": ["text", "delta"],
        "failed": ["error"],
        "end": ["over"],
        "end_data": ["[DONE]"],
        "objects": [{"kind": "response", "at": ["id"]}],
    },
    ReaderSpec,
)
BATCH = msgspec.convert(
    {
        "source": "here",
        "answers": ["result.answers[]"],
        "model": ["model"],
        "usage": ["usage"],
        "units": {"input_tokens": "prompt"},
        "output": ["text"],
        "objects": [{"kind": "response", "at": ["id"]}],
    },
    ReaderSpec,
)
ANSWER = {"id": "r1", "model": "m", "text": "häuser", "usage": {"prompt": 10, "output": 3}, "noise": [1, 2, {}]}
USED = {"input_tokens": 10, "output_tokens": 3}


def read(framing: Framing, *pieces: bytes, spec: ReaderSpec = SPEC, encoding: str | None = None) -> Reading:
    reader = Reader(spec, framing, encoding)
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()


def events(*documents: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(document).encode() + b"\n\n" for document in documents)


def test_a_json_answer() -> None:
    text = json.dumps(ANSWER, ensure_ascii=False).encode()
    found = read(Framing.JSON, text[:20], text[20:])
    assert found == Reading(
        model="m",
        usage=USED,
        reported=True,
        final=True,
        complete=True,
        output_bytes=7,
        output_events=1,
        object_ids=(("response", "r1"),),
    )


def test_nothing_is_known_of_json_before_its_end() -> None:
    reader = Reader(SPEC, Framing.JSON)
    reader.feed(json.dumps(ANSWER).encode())
    assert not reader.complete
    assert reader.snapshot() == Reading()
    assert reader.finish().usage == USED
    assert reader.complete
    assert reader.finish().usage == USED


def test_a_stream_is_known_as_it_comes() -> None:
    reader = Reader(SPEC, Framing.SSE)
    reader.feed(events({"id": "r1", "model": "m", "delta": "Hel"}, {"delta": "lo", "usage": None}))
    assert reader.object_ids == (("response", "r1"),)
    assert not reader.complete
    assert reader.snapshot().certainty is Certainty.AT_LEAST
    assert (reader.snapshot().output_bytes, reader.snapshot().output_events) == (5, 2)
    reader.feed(events({"usage": ANSWER["usage"]}))
    assert reader.snapshot().usage == USED
    reader.feed(b"data: [DONE]\n\n")
    assert reader.complete
    assert reader.finish().certainty is Certainty.EXACT


@pytest.mark.parametrize(
    "stream",
    [
        events({"usage": ANSWER["usage"]}, {"delta": "x"}) + b"data: [DONE]\n\n",
        events({"delta": "x"}) + b"data: [DONE]\n\n" + events({"usage": ANSWER["usage"]}),
        events(*[{"delta": "", "usage": {"prompt": 10, "output": n}} for n in range(4)]) + b"data: [DONE]\n\n",
        events({"usage": ANSWER["usage"]}, {"usage": ANSWER["usage"], "over": True}),
        events({"usage": {"prompt": 10}}, {"usage": {"output": 9}}, {"usage": {"output": 3}, "over": "yes"}),
        b": comment\n\n" + events({"usage": ANSWER["usage"], "over": 1})[:-2],
        b"event: ping\ndata: {}\n\n" + b"retry: 5\r\n\r\n" + events({"usage": ANSWER["usage"], "over": 1}),
    ],
)
def test_usage_is_the_last_word_wherever_it_stands(stream: bytes) -> None:
    found = read(Framing.SSE, stream)
    assert (found.usage, found.certainty, found.complete, found.unparsed) == (USED, Certainty.EXACT, True, False)


def test_a_stream_that_is_cut_is_what_was_seen() -> None:
    found = read(Framing.SSE, events({"delta": "x" * 9}), b'data: {"usage":{"prompt":1')
    assert (found.reported, found.complete, found.unparsed) == (False, False, True)
    assert (found.output_bytes, found.certainty) == (9, Certainty.AT_LEAST)


def test_an_answer_without_usage_is_estimated_from_its_output() -> None:
    found = read(Framing.SSE, events({"delta": "text"}) + b"data: [DONE]\n\n")
    assert (found.certainty, found.reported) == (Certainty.ESTIMATED, False)


def test_errors_in_a_stream() -> None:
    found = read(Framing.SSE, events({"delta": "x"}, {"error": {"message": "overloaded"}}))
    assert (found.failed, found.certainty) == (True, Certainty.AT_LEAST)
    assert not read(Framing.JSON, b'{"error":null,"usage":{"prompt":1}}').failed


@pytest.mark.parametrize("expected", [Framing.JSON, Framing.SSE])
def test_an_answer_of_another_framing_than_expected_is_read(expected: Framing) -> None:
    assert read(expected, b" \n", json.dumps(ANSWER).encode()).usage == USED
    assert read(expected, b"\xef\xbb\xbf", events(ANSWER) + b"data: [DONE]\n\n").usage == USED


def test_an_array_is_read_by_its_elements() -> None:
    documents = [{"delta": "a", "usage": {"prompt": 10, "output": 1}}, {"delta": "b", "usage": {"output": 3}}]
    text = json.dumps(documents).encode()
    reader = Reader(SPEC, Framing.SSE)
    reader.feed(text[:70])
    assert reader.snapshot().output_bytes == 1
    reader.feed(text[70:])
    found = reader.finish()
    assert (found.usage, found.complete, found.output_events) == (USED, True, 2)
    assert not read(Framing.JSON_ARRAY, text[:-1]).complete
    assert read(Framing.JSON, text).usage == USED


def test_lines_are_read_one_by_one() -> None:
    lines = b'{"delta":"a"}\n\n{"usage":{"prompt":10,"output":3}}'
    assert read(Framing.NDJSON, lines).usage == USED
    unmarked = structs.replace(SPEC, end=())
    assert read(Framing.NDJSON, lines, spec=unmarked).complete
    assert not read(Framing.NDJSON, lines[:-1], spec=unmarked).complete


def test_lines_are_over_when_they_say_so() -> None:
    lines = b'{"delta":"a"}\n{"over":true,"usage":{"prompt":10,"output":3}}\n'
    assert read(Framing.NDJSON, lines).complete
    assert not read(Framing.NDJSON, lines.replace(b"true", b"false")).complete


def test_events_without_a_mark_of_their_end_are_over_with_the_connection() -> None:
    unmarked = structs.replace(SPEC, unmarked=True)
    for whole in (True, False):
        reader = Reader(unmarked, Framing.SSE)
        reader.feed(b'data: {"delta":"a"}\n\n')
        assert not reader.complete
        assert reader.finish(whole=whole).complete is whole
        marked = Reader(SPEC, Framing.SSE)
        marked.feed(b'data: {"delta":"a"}\n\n')
        assert not marked.finish(whole=whole).complete


@pytest.mark.parametrize(
    ("framing", "changes", "says"),
    [
        (Framing.SSE, {}, True),
        (Framing.SSE, {"unmarked": True}, False),
        (Framing.NDJSON, {}, True),
        (Framing.NDJSON, {"end": ()}, False),
        (Framing.JSON, {}, False),
        (Framing.NONE, {}, False),
    ],
)
def test_whether_an_answer_says_that_it_is_over(framing: Framing, changes: dict[str, Any], says: bool) -> None:
    assert Reader(structs.replace(SPEC, **changes), framing).says_its_end is says


@pytest.mark.parametrize("expected", list(Framing))
def test_markup_is_no_answer(expected: Framing) -> None:
    assert read(expected, b"<html><body>502</body></html>").certainty is Certainty.NONE


def test_bodies_that_are_no_text_are_not_kept() -> None:
    assert read(Framing.NONE, b"ID3\x00\xff" * 1_000) == Reading()


@pytest.mark.parametrize("framing", list(Framing))
def test_an_empty_body(framing: Framing) -> None:
    assert read(framing) == read(framing, b"") == read(framing, b" \r\n") == Reading()


@pytest.mark.parametrize(
    "text",
    [
        b'{"usage":{"prompt":10,"output":3},"text":"\xff\xfe"}',
        b'{"usage":{"prompt":10,"output":3},"text":"\\ud83d"}',
        b'{"usage":{"prompt":10,"output":3},"text":"x","other":NaN}',
        b'{"usage":{"prompt":10,"output":3},"text":{"deep":["x"]}}',
        b'{"usage":{"prompt":10,"output":3},"over":[[1],2]}',
        b'\xef\xbb\xbf{"usage":{"prompt":10,"output":3}}\n',
    ],
)
def test_odd_documents_are_read(text: bytes) -> None:
    for framing, body in ((Framing.JSON, text), (Framing.SSE, b"data: " + text.strip(b"\xef\xbb\xbf\n") + b"\n\n")):
        found = read(framing, body)
        assert (found.usage, found.unparsed) == (USED, False)


@pytest.mark.parametrize(
    "text",
    [
        b"{" * 100_000,
        b"[" * 100_000,
        b'{"usage":' * 5_000,
        b'{"usage":{"prompt":' + b"9" * 5_000 + b"}}",
        b'{"usage":{"prompt":1e400}}',
        b"nonsense",
        b'{"usage":',
    ],
)
@pytest.mark.parametrize("framing", [Framing.JSON, Framing.SSE, Framing.NDJSON, Framing.JSON_ARRAY])
def test_documents_that_cannot_be_read_do_not_raise(text: bytes, framing: Framing) -> None:
    body = b"data: " + text + b"\n\n" if framing is Framing.SSE else text
    found = read(framing, body)
    assert (found.reported, found.usage) == (False, {})


def test_a_cut_document_still_shows_its_output_and_never_a_cut_number() -> None:
    found = read(Framing.JSON, b'{"id":"r1","model":"m","text":"half of it","usage":{"prompt":1')
    assert (found.model, found.output_bytes, found.reported, found.usage) == ("m", 10, False, {})
    assert (found.complete, found.unparsed, found.certainty) == (False, True, Certainty.AT_LEAST)


def test_a_cut_name_is_not_taken_for_a_name() -> None:
    found = read(Framing.JSON, b'{"text":"whole","id":"r1","model":"gpt-5-mi')
    assert (found.model, found.object_ids, found.output_bytes) == ("", (("response", "r1"),), 5)


def test_compressed_answers_are_decoded() -> None:
    packed = gzip.compress(json.dumps(ANSWER).encode())
    assert read(Framing.JSON, packed[:9], packed[9:], encoding="gzip").usage == USED


def test_what_cannot_be_decoded_is_unparsed() -> None:
    found = read(Framing.JSON, b"not gzip at all", encoding="gzip")
    assert (found.unparsed, found.certainty) == (True, Certainty.NONE)


def test_usage_behind_a_picture_is_read() -> None:
    document = json.dumps({"picture": "A" * 3_000_000, **ANSWER}).encode()
    assert read(Framing.JSON, document).usage == USED
    pieces = [b"data: ", *(document[at : at + 65_536] for at in range(0, len(document), 65_536)), b"\n\n"]
    assert read(Framing.SSE, *pieces).usage == USED


def test_a_long_event_is_left_out_and_the_next_is_read() -> None:
    long = events({"delta": "a b " * 400_000})
    found = read(Framing.SSE, long, events({"usage": ANSWER["usage"], "over": 1}))
    assert (found.usage, found.unparsed, found.output_bytes) == (USED, True, 0)
    assert read(Framing.SSE, long[:-2]).unparsed


def test_there_is_a_limit_to_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "DOCUMENT_BYTES_MAX", 50)
    found = read(Framing.JSON, json.dumps(ANSWER).encode())
    assert (found.unparsed, found.reported) == (True, False)


def test_answers_inside_a_document_are_added_up() -> None:
    line = {"result": {"answers": [{**ANSWER, "id": "r1"}, {**ANSWER, "id": "r2", "model": "n"}]}}
    found = read(Framing.NDJSON, (json.dumps(line) + "\n").encode() * 2, spec=BATCH)
    assert (found.model, found.usage, found.other_models) == ("m", {"input_tokens": 20}, {"n": {"input_tokens": 20}})
    assert found.object_ids == (("response", "r1"), ("response", "r2"))
    assert (found.certainty, found.output_events) == (Certainty.EXACT, 4)


# --- Answers that are no JSON, and numbers in the head

SOUND = msgspec.convert(
    {
        "source": "here",
        "units": {"characters": {"sum": "cost | counted"}},
        "headers": {"cost": "Character-Cost", "counted": "x-counted"},
        "beside": {"counted": "meta.counted"},
        "media": ["audio"],
        "output": ["text"],
        "binary": True,
    },
    ReaderSpec,
)


def heard(
    *pieces: bytes, headers: tuple[tuple[str, str], ...] = (), whole: bool = True, textual: bool = False
) -> Reading:
    reader = Reader(SOUND, Framing.NONE, textual=textual)
    reader.see_headers(headers)
    for piece in pieces:
        reader.feed(piece)
    return reader.finish(whole=whole)


def test_a_number_in_the_head_is_usage_in_any_case_of_its_name() -> None:
    found = heard(b"\xff\xfb", headers=(("date", "x"), ("character-cost", "403"), ("X-COUNTED", "735")))
    assert (found.usage, found.certainty) == ({"characters": 403}, Certainty.EXACT)


@pytest.mark.parametrize("text", ["many", "-3", "", "1e9", "9" * 40])
def test_a_head_that_holds_no_number_reports_nothing(text: str) -> None:
    assert not heard(b"\xff\xfb", headers=(("character-cost", text),)).reported


def test_a_number_beside_the_usage_object() -> None:
    assert read(Framing.JSON, b'{"meta": {"counted": 7}, "audio": "AAAA"}', spec=SOUND).usage == {"characters": 7}


@pytest.mark.parametrize("head", [b"\xff\xfb", b'{"not": json', b"[1, 2]", b"<", b"data: x"])
def test_sound_is_delivered_whatever_it_begins_with(head: bytes) -> None:
    found = heard(head, b"more")
    assert (found.delivered, found.complete, found.output_bytes, found.unparsed) == (True, True, 0, False)


def test_sound_that_may_have_been_cut_is_not_complete() -> None:
    assert not heard(b"\xff\xfb", whole=False).complete
    assert heard(b"\xff\xfb", whole=False).delivered


def test_an_answer_without_a_byte_delivers_nothing() -> None:
    assert (heard().delivered, heard().complete) == (False, False)


def test_subtitles_are_output() -> None:
    found = heard(b"[Musik]", " ä".encode(), textual=True)
    assert (found.output_bytes, found.output_events, found.delivered, found.complete) == (10, 1, False, True)


def test_pictures_in_a_document_are_delivered() -> None:
    assert read(Framing.JSON, b'{"audio": "AAAA"}', spec=SOUND).delivered
    assert not read(Framing.JSON, b'{"audio": ""}', spec=SOUND).delivered


# --- Frames

FRAMES = msgspec.convert(
    {
        "source": "here",
        "inside": "chunk.bytes",
        "usage": ["metadata.usage", "usage"],
        "units": {"input_tokens": "prompt"},
        "output": ["delta.text", "text"],
        "packed_output": ["said.bytes"],
        "failed": ["exception"],
    },
    ReaderSpec,
)


def frame(name: str, payload: Any, kind: str = "event") -> bytes:
    return write_frame({":message-type": kind, f":{kind}-type": name}, json.dumps(payload).encode())


def packed(document: Any) -> dict[str, str]:
    return {"bytes": base64.b64encode(json.dumps(document).encode()).decode()}


def test_frames_are_documents_and_may_hold_others() -> None:
    stream = frame("delta", {"text": "abc"}) + frame("chunk", packed({"text": "de"})) + frame("said", packed("f"))
    found = read(Framing.FRAMES, stream + frame("metadata", {"usage": {"prompt": 7}}), spec=FRAMES)
    assert (found.usage, found.output_bytes) == ({"input_tokens": 7}, 3 + 2 + 3)
    assert found.complete
    assert not found.unparsed


@pytest.mark.parametrize("chunk", [{"bytes": "no base64"}, {"bytes": 3}, {"bytes": "bm8="}])
def test_what_a_frame_does_not_hold_is_unparsed(chunk: Any) -> None:
    found = read(Framing.FRAMES, frame("chunk", chunk) + frame("metadata", {"usage": {"prompt": 7}}), spec=FRAMES)
    assert found.unparsed
    assert found.usage == {"input_tokens": 7}


def test_frames_that_are_cut_or_broken_are_not_complete() -> None:
    stream = frame("delta", {"text": "abc"}) + frame("metadata", {"usage": {"prompt": 7}})
    cut = read(Framing.FRAMES, stream[:-1], spec=FRAMES)
    assert (cut.complete, cut.unparsed, cut.output_bytes, cut.usage) == (False, False, 3, {})
    broken = read(Framing.FRAMES, stream[:-1] + b"\0", spec=FRAMES)
    assert (broken.complete, broken.unparsed, broken.output_bytes, broken.usage) == (False, True, 3, {})


def test_frames_with_an_end_are_complete_when_it_was_seen() -> None:
    ended = msgspec.structs.replace(FRAMES, end=("over",))
    assert not read(Framing.FRAMES, frame("delta", {"text": "a"}), spec=ended).complete
    assert read(Framing.FRAMES, frame("over", {"x": 1}), spec=ended).complete


def test_an_exception_in_frames_is_a_failure() -> None:
    assert read(Framing.FRAMES, frame("slow", {"message": "x"}, "exception"), spec=FRAMES).failed


def test_a_long_base64_run_stays_in_a_frame() -> None:
    found = read(Framing.FRAMES, frame("chunk", packed({"text": "x" * 200_000})), spec=FRAMES)
    assert (found.output_bytes, found.unparsed) == (200_000, False)


def test_between_is_told_of_frames_only() -> None:
    reader = Reader(FRAMES, Framing.FRAMES)
    stream = frame("delta", {"text": "abc"})
    reader.feed(stream)
    assert reader.between
    reader.feed(stream[:5])
    assert not reader.between
    assert not Reader(SPEC, Framing.JSON).between


RUNNING = msgspec.convert(
    {
        "source": "made up",
        "usage": ["usage"],
        "units": {"audio_seconds": {"sum": "so_far", "decimal": True}, "input_tokens": "prompt"},
        "running": ["audio_seconds"],
        "end": ["usage"],
    },
    ReaderSpec,
)


def test_what_runs_on_from_turn_to_turn_is_what_it_has_grown_by() -> None:
    reader, found = Reader(RUNNING, Framing.JSON), []
    told = [{"so_far": 1.5, "prompt": 7}, {"so_far": 4, "prompt": 7}, {"prompt": 7}, {"so_far": 4}, {"so_far": 3}]
    for usage in told:
        reader.frame(json.dumps({"usage": usage}).encode())
        found.append(dict(reader.snapshot().usage))
        reader = reader.next()
    assert found == [
        {"audio_seconds": Decimal("1.5"), "input_tokens": 7},
        {"audio_seconds": Decimal("2.5"), "input_tokens": 7},
        {"input_tokens": 7},
        {},
        {"audio_seconds": 3},  # less than before: it was begun anew
    ]


def test_a_turn_of_which_nothing_was_reported_hands_on_what_was_before() -> None:
    reader = Reader(RUNNING, Framing.JSON)
    reader.frame(b'{"usage": {"so_far": 2}}')
    reader = reader.next().next()
    reader.frame(b'{"usage": {"so_far": 5}}')
    assert reader.snapshot().usage == {"audio_seconds": 3}
