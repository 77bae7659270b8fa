"""Answers that are not what they should be: relayed as they came, and charged by what of them can be believed."""

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from support.caller import call
from support.desk import Account
from support.faults import (
    DECODE,
    EACH,
    ENCODE,
    EVERY,
    FRAMES,
    JSON_HELD_BYTES_MAX,
    Rig,
    charged_exactly,
    charged_once,
    cut_at,
    end_of_file,
    faulty_house,
    raw_deflate,
    refused,
    uncharged,
)
from support.shapes import CHAT, GENERATE, MESSAGES, OUTPUT, QUESTION, RESPONSES, WORDS, Shape, event
from support.upstream import STREAM_END, STREAM_HEAD, Seen, chunk, json_answer

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with faulty_house(tmp_path_factory.mktemp("faults")) as rig:
        yield rig


@pytest.fixture
def account(rig: Rig) -> Account:
    return rig.desk.account()


# Answers that are not what they should be (rows 37, 38, 42 to 46).


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"<html><p>Welcome to the WiFi</p>", b'{"choices": [', b"null", b"[]", b'"text"', b"{}"]
)
@EACH
def test_an_answer_without_usage_and_output_is_relayed_and_costs_nothing(
    rig: Rig, account: Account, shape: Shape, body: bytes
) -> None:
    before = rig.exposed()
    rig.says(json_answer(body))
    answer = rig.ask(shape, account)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["faregate-charge-usd"] == "0"
    paid, of = charged_once(rig, account)
    assert (paid, of["certainty"], of["usage"]) == (0, "none", {})
    [exposure] = rig.desk.exposures(account)
    assert exposure["at_most"]
    assert rig.exposed() > before


@EVERY
def test_output_without_usage_is_estimated(rig: Rig, account: Account, shape: Shape) -> None:
    rig.says(json_answer(shape.with_usage(None)))
    answer = rig.ask(shape, account)
    assert answer.body == shape.with_usage(None)
    paid, of = charged_once(rig, account)
    assert of["certainty"] == "estimated"
    assert of["usage"]["output_tokens"] == -(-len("".join(WORDS)) // 4)
    assert -(-len(QUESTION) // 4) <= of["usage"]["input_tokens"] <= len(shape.ask()) // 4
    assert 0 < paid < shape.charge_nanos
    assert answer.headers["faregate-charge-usd"] == f"{paid / 1e9:.9f}".rstrip("0")


ABSURD: dict[str, Any] = {
    "negative": -1,
    "a fraction": 1000.5,
    "a whole fraction": 1000.0,
    "a string": "12",
    "true": True,
    "a list": [1000],
    "an object": {"tokens": 1000},
    "10^18": 10**18,
    "10^400": 10**400,
}
FIELDS = [
    (CHAT, "prompt_tokens"),
    (CHAT, "completion_tokens"),
    (RESPONSES, "input_tokens"),
    (RESPONSES, "output_tokens"),
    (MESSAGES, "input_tokens"),
    (MESSAGES, "output_tokens"),
    (GENERATE, "promptTokenCount"),
    (GENERATE, "candidatesTokenCount"),
]


def disbelieved(rig: Rig, account: Account, shape: Shape, body: bytes) -> None:
    """The answer is relayed; its usage is not believed, an estimate is charged, and the operator is told."""
    before = rig.desk.metric("faregate_usage_invalid_total", integration=shape.name)
    rig.says(json_answer(body))
    answer = rig.ask(shape, account)
    assert (answer.status, answer.body) == (200, body)
    paid, of = charged_once(rig, account)
    assert of["certainty"] == "estimated"
    assert of["usage"]["output_tokens"] == -(-len("".join(WORDS)) // 4)
    assert 0 < paid < shape.charge_nanos
    assert rig.desk.metric("faregate_usage_invalid_total", integration=shape.name) == before + 1


@pytest.mark.parametrize("value", ABSURD.values(), ids=ABSURD)
@pytest.mark.parametrize(("shape", "name"), FIELDS, ids=[f"{shape.name}.{name}" for shape, name in FIELDS])
def test_absurd_usage_is_not_believed(rig: Rig, account: Account, shape: Shape, name: str, value: Any) -> None:
    usage = shape.answer[shape.usage_key] | {name: value}
    disbelieved(rig, account, shape, shape.with_usage(usage))


@pytest.mark.parametrize("usage", [[], "1000", 1000, True, [{"prompt_tokens": 1}]], ids=repr)
@EACH
def test_usage_that_is_no_object_is_not_believed(rig: Rig, account: Account, shape: Shape, usage: Any) -> None:
    disbelieved(rig, account, shape, shape.with_usage(usage))


@pytest.mark.parametrize(
    ("shape", "more"),
    [
        (CHAT, {"prompt_tokens_details": {"cached_tokens": 1001}}),
        (CHAT, {"completion_tokens_details": {"audio_tokens": 501}}),
        (RESPONSES, {"input_tokens_details": {"cached_tokens": 1001}}),
        (MESSAGES, {"cache_creation_input_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 2}}),
        (GENERATE, {"cachedContentTokenCount": 1001}),
    ],
    ids=lambda value: value.name if isinstance(value, Shape) else "",
)
def test_a_part_larger_than_its_whole_is_not_believed(
    rig: Rig, account: Account, shape: Shape, more: dict[str, Any]
) -> None:
    disbelieved(rig, account, shape, shape.with_usage(shape.answer[shape.usage_key] | more))


def test_nan_in_usage_is_not_believed(rig: Rig, account: Account) -> None:
    disbelieved(rig, account, CHAT, CHAT.plain.replace(b'"prompt_tokens": 1000', b'"prompt_tokens": NaN'))


def test_believed_usage_above_the_hold_is_charged_in_full_and_raises_an_alarm(rig: Rig, account: Account) -> None:
    before = rig.desk.metric("faregate_hold_exceeded_total", integration="openai")
    rig.says(json_answer(CHAT.with_usage({"prompt_tokens": 1000, "completion_tokens": 2_000_000})))
    assert rig.ask(CHAT, account, body=CHAT.ask(max_tokens=1000)).status == 200
    paid, of = charged_once(rig, account)
    assert (paid, of["certainty"]) == ((1000 * 250 + 2_000_000 * 2000) * 12 // 10, "exact")
    assert rig.desk.metric("faregate_hold_exceeded_total", integration="openai") == before + 1


def test_usage_above_all_money_takes_no_more_than_there_is(rig: Rig) -> None:
    account = rig.desk.account("1")
    rig.says(json_answer(CHAT.with_usage({"prompt_tokens": 1000, "completion_tokens": 10**9})))
    assert rig.ask(CHAT, account, body=CHAT.ask(max_tokens=1000)).headers["faregate-balance-micros"] == "0"
    paid, of = charged_once(rig, account)
    assert (paid, of["charge_nanos"]) == (10**9, (1000 * 250 + 10**9 * 2000) * 12 // 10)
    [exposure] = rig.desk.exposures(account)
    assert not exposure["at_most"]
    assert rig.ask(CHAT, account).status == 402


def repeated(shape: Shape, usages: list[dict[str, Any]], *, after_end: bool = False) -> bytes:
    """Return a chat stream that reports usage in each of its chunks, cumulative, or once more after its end."""
    chunks = []
    for word, usage in zip(WORDS, usages, strict=False):
        choices = [{"index": 0, "delta": {"content": word}}]
        chunks.append(event({"id": "chatcmpl-1", "model": shape.model, "choices": choices, "usage": usage}))
    end = [b"data: [DONE]\n\n"]
    last = [event({"id": "chatcmpl-1", "model": shape.model, "choices": [], "usage": usages[-1]})]
    pieces = chunks + (end + last if after_end else last + end)
    return STREAM_HEAD + b"".join(map(chunk, pieces)) + STREAM_END


GROWING = [{"prompt_tokens": 1000, "completion_tokens": count} for count in (100, 200, 300, 400, 500)]
TWICE = [{"prompt_tokens": 1000, "completion_tokens": 500}] * 5
FALLING = [{"prompt_tokens": 1500, "completion_tokens": count} for count in (900, 800, 700, 600)] + TWICE[:1]


@pytest.mark.parametrize("after_end", [False, True], ids=["before the end", "after the end"])
@pytest.mark.parametrize("usages", [GROWING, TWICE, FALLING], ids=["growing", "the same", "falling"])
def test_the_last_usage_wins_and_is_never_added_up(
    rig: Rig, account: Account, usages: list[dict[str, Any]], after_end: bool
) -> None:
    rig.says(repeated(CHAT, usages, after_end=after_end))
    asked = CHAT.ask(stream=True, stream_options={"include_usage": True})
    assert rig.ask(CHAT, account, body=asked).whole
    charged_exactly(rig, account, CHAT)


def test_three_message_deltas_are_cumulative(rig: Rig, account: Account) -> None:
    deltas = [
        event({"type": "message_delta", "delta": {}, "usage": {"output_tokens": count}}, "message_delta")
        for count in (100, 300)
    ]
    events = [*MESSAGES.events[:-2], *deltas, *MESSAGES.events[-2:]]
    rig.says(STREAM_HEAD + b"".join(map(chunk, events)) + STREAM_END)
    assert rig.ask(MESSAGES, account, stream=True).body == b"".join(events)
    charged_exactly(rig, account, MESSAGES)


def test_gemini_usage_in_every_chunk_counts_once(rig: Rig, account: Account) -> None:
    usage = {"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100}
    early = [
        each.replace(b'"modelVersion"', b'"usageMetadata": ' + json.dumps(usage).encode() + b', "modelVersion"')
        for each in GENERATE.events[:-1]
    ]
    rig.says(STREAM_HEAD + b"".join(map(chunk, [*early, GENERATE.events[-1]])) + STREAM_END)
    assert rig.ask(GENERATE, account, stream=True).whole
    charged_exactly(rig, account, GENERATE)


# Encodings and content types.

ENCODINGS = pytest.mark.parametrize("encoding", [name for name in ENCODE if name])


@ENCODINGS
@EVERY
def test_compressed_json_is_metered_and_relayed_as_it_came(
    rig: Rig, account: Account, shape: Shape, encoding: str
) -> None:
    body = ENCODE[encoding](shape.plain)
    rig.says(json_answer(body, Content_Encoding=encoding))
    answer = rig.ask(shape, account)
    assert (answer.body, answer.headers["content-encoding"]) == (body, encoding)
    charged_exactly(rig, account, shape)


@ENCODINGS
@EVERY
def test_a_compressed_stream_is_metered_and_can_be_read(
    rig: Rig, account: Account, shape: Shape, encoding: str
) -> None:
    head = STREAM_HEAD.replace(b"\r\n\r\n", f"\r\nContent-Encoding: {encoding}\r\n\r\n".encode())
    body = ENCODE[encoding](shape.stream)
    pieces = [chunk(body[at : at + 40]) for at in range(0, len(body), 40)]
    rig.says(head + b"".join(pieces) + STREAM_END)
    answer = rig.ask(shape, account, stream=True)
    assert answer.whole
    assert DECODE[answer.headers.get("content-encoding", "")](answer.body) == shape.relayed
    charged_exactly(rig, account, shape)


def test_raw_deflate_and_gzip_in_two_members_are_metered(rig: Rig, account: Account) -> None:
    half = len(CHAT.plain) // 2
    rig.says(json_answer(raw_deflate(CHAT.plain), Content_Encoding="deflate"))
    assert rig.ask(CHAT, account).body == raw_deflate(CHAT.plain)
    members = gzip.compress(CHAT.plain[:half]) + gzip.compress(CHAT.plain[half:])
    rig.says(json_answer(members, Content_Encoding="gzip"))
    assert rig.ask(CHAT, account).body == members
    charged_exactly(rig, account, CHAT, calls=2)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "unheard-of"])
def test_json_that_cannot_be_decoded_is_relayed_and_costs_nothing(rig: Rig, account: Account, encoding: str) -> None:
    rig.says(json_answer(b"\x1f\x8b junk that is nothing", Content_Encoding=encoding))
    answer = rig.ask(CHAT, account)
    assert (answer.status, answer.body) == (200, b"\x1f\x8b junk that is nothing")
    assert answer.headers["content-encoding"] == encoding
    paid, of = charged_once(rig, account)
    assert (paid, of["certainty"]) == (0, "none")
    assert len(rig.desk.exposures(account)) == 1


@pytest.mark.parametrize("shape", [CHAT, MESSAGES], ids=["spliced", "not spliced"])
def test_a_stream_that_cannot_be_decoded_never_looks_whole(rig: Rig, account: Account, shape: Shape) -> None:
    head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    body = gzip.compress(b"".join(shape.events[:5])) + b"\x1f\x8b\x08 and then junk" * 3
    rig.says(head + chunk(body) + STREAM_END)
    answer = rig.ask(shape, account, stream=True)
    assert not answer.whole
    assert answer.body.startswith(body if "content-encoding" in answer.headers else b"".join(shape.events[:5]))
    paid, of = charged_once(rig, account)
    assert 0 < paid < shape.charge_nanos
    assert of["certainty"] == "at_least"


def test_a_stream_in_an_unknown_encoding_never_looks_whole(rig: Rig, account: Account) -> None:
    head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: unheard-of\r\n\r\n")
    rig.says(head + chunk(b"junk that nobody here can read") + STREAM_END)
    answer = rig.ask(CHAT, account, stream=True)
    assert not answer.whole
    assert charged_once(rig, account)[0] == 0
    assert len(rig.desk.exposures(account)) == 1


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/octet-stream", "", "text/html", "application/problem+json"]
)
@EVERY
def test_json_under_another_name_is_metered(rig: Rig, account: Account, shape: Shape, kind: str) -> None:
    line = f"Content-Type: {kind}\r\n".encode() if kind else b""
    rig.says(shape.whole.replace(b"Content-Type: application/json\r\n", line))
    answer = rig.ask(shape, account)
    assert (answer.body, answer.whole) == (shape.plain, True)
    charged_exactly(rig, account, shape)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "application/octet-stream", "text/html"])
@EVERY
def test_a_stream_under_another_name_is_metered(rig: Rig, account: Account, shape: Shape, kind: str) -> None:
    line = f"Content-Type: {kind}\r\n".encode() if kind else b""
    rig.says(shape.streamed.replace(b"Content-Type: text/event-stream\r\n", line))
    answer = rig.ask(shape, account, stream=True)
    assert (answer.body, answer.whole) == (shape.relayed, True)
    charged_exactly(rig, account, shape)


@EVERY
def test_json_in_answer_to_a_stream_is_metered(rig: Rig, account: Account, shape: Shape) -> None:
    rig.says(shape.whole)
    assert rig.ask(shape, account, stream=True).body == shape.plain
    charged_exactly(rig, account, shape)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@EACH
def test_html_counts_as_no_output(rig: Rig, account: Account, shape: Shape, stream: bool) -> None:
    page = b"<html><body>" + b"Service is having a moment. " * 50 + b"</body></html>"
    rig.says(json_answer(page).replace(b"application/json", b"text/html; charset=utf-8"))
    answer = rig.ask(shape, account, stream=stream)
    assert answer.status == 200
    assert answer.body == page or (stream and not answer.whole)
    paid, of = charged_once(rig, account)
    assert (paid, of["certainty"]) == (0, "none")


@EVERY
def test_an_error_event_in_a_stream_is_relayed_and_is_no_output(rig: Rig, account: Account, shape: Shape) -> None:
    error = event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded. " * 50}}, "error")
    rig.says(STREAM_HEAD + chunk(error) + STREAM_END)
    assert rig.ask(shape, account, stream=True).body == error
    paid, of = charged_once(rig, account)
    assert (paid, of["certainty"]) == (0, "none")
    later = rig.desk.account()
    rig.says(STREAM_HEAD + b"".join(map(chunk, shape.events[:4])) + chunk(error) + STREAM_END)
    assert rig.ask(shape, later, stream=True).body == b"".join(shape.events[:4]) + error
    paid, of = charged_once(rig, later)
    assert 0 < paid < shape.charge_nanos
    assert of["usage"]["output_tokens"] < OUTPUT / 10


# Sizes, headers, trailers (rows 41, 60, 62, 63, and 2.7 of the design).


@EVERY
def test_an_answer_too_large_to_be_held_is_streamed_and_charged(rig: Rig, account: Account, shape: Shape) -> None:
    body = shape.plain + b" " * (2 * JSON_HELD_BYTES_MAX)
    rig.says(json_answer(body))
    answer = rig.ask(shape, account)
    assert (answer.status, answer.body, answer.whole) == (200, body, True)
    assert "faregate-charge-usd" not in answer.headers
    charged_exactly(rig, account, shape)


def test_a_large_answer_that_is_cut_never_looks_whole(rig: Rig, account: Account) -> None:
    body = CHAT.with_usage(None)[:-2] + b" " * (2 * JSON_HELD_BYTES_MAX)
    rig.says(cut_at(FRAMES["length"](body, body + b"}]}"), 10**9, end_of_file))
    answer = rig.ask(CHAT, account)
    assert (answer.status, answer.whole) == (200, False)
    paid, of = charged_once(rig, account)
    assert 0 < paid < CHAT.charge_nanos
    assert of["certainty"] == "at_least"


def test_an_event_of_ten_megabytes_is_relayed_and_the_usage_after_it_read(rig: Rig, account: Account) -> None:
    huge = event({"type": "response.image", "partial_image_b64": "A" * 10_000_000})
    events = [RESPONSES.events[0], huge, *RESPONSES.events[1:]]
    rig.says(STREAM_HEAD + b"".join(map(chunk, events)) + STREAM_END)
    assert rig.ask(RESPONSES, account, stream=True).body == b"".join(events)
    charged_exactly(rig, account, RESPONSES)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@EACH
def test_what_is_the_providers_own_is_not_relayed_and_no_cookie_is_kept(rig: Rig, shape: Shape, stream: bool) -> None:
    first, second = rig.desk.account(), rig.desk.account()
    wire = shape.streamed if stream else shape.whole
    own = (
        b'Set-Cookie: __cf_bm=secret; path=/; HttpOnly\r\nSet-Cookie: b=c\r\nAlt-Svc: h3=":443"\r\n'
        b"Server: cloudflare\r\n"
        b"Keep-Alive: timeout=5\r\nConnection: x-hop\r\nX-Hop: 1\r\nTrailer: x-t\r\nFaregate-Charge-Usd: 999\r\n"
        b"Faregate-Call-Id: call_forged\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Kept: yes\r\n"
    )
    rig.says(wire.replace(b"200 OK\r\n", b"200 OK\r\n" + own, 1))
    for account in (first, second):
        answer = rig.ask(shape, account, stream=stream)
        assert answer.headers["x-kept"] == "yes"
        assert answer.headers["server"] == "faregate"
        assert answer.headers["faregate-call-id"] != "call_forged"
        assert answer.headers.get("faregate-charge-usd") != "999"
        gone = {"set-cookie", "alt-svc", "keep-alive", "x-hop", "trailer", "proxy-authenticate", "upgrade"}
        assert not gone & answer.headers.keys()
        charged_exactly(rig, account, shape)
    assert all("cookie" not in seen.headers for seen in rig.provider.seen)


def test_interim_answers_and_trailers_are_dropped(rig: Rig, account: Account) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" * 3
    streamed = MESSAGES.streamed.removesuffix(b"\r\n") + b"X-Trailer: 1\r\nFaregate-Charge-Usd: 9\r\n\r\n"
    rig.says(interim + streamed)
    answer = rig.ask(MESSAGES, account, stream=True)
    assert (answer.status, answer.body, answer.whole) == (200, MESSAGES.stream, True)
    assert not {"link", "x-trailer"} & answer.headers.keys()
    charged_exactly(rig, account, MESSAGES)


BAD_HEADS = {
    "a header of 100,000 bytes": b"X-A: " + b"a" * 100_000 + b"\r\n",
    "2,000 headers": b"X-A: b\r\n" * 2_000,
    "two lengths": b"Content-Length: 1\r\n",
    "length and chunks": b"Transfer-Encoding: chunked\r\n",
    "a folded line": b"X-A: b\r\n c: d\r\n",
    "NUL": b"X-A: b\x00c\r\n",
    "no colon": b"X-A\r\n",
}


@pytest.mark.parametrize("case", BAD_HEADS)
def test_an_answer_with_a_head_that_is_none_is_refused_or_made_harmless(rig: Rig, account: Account, case: str) -> None:
    rig.says(CHAT.whole.replace(b"200 OK\r\n", b"200 OK\r\n" + BAD_HEADS[case], 1))
    answer = rig.ask(CHAT, account)
    if answer.status == 200:
        assert answer.body == CHAT.plain
        assert "c" not in answer.headers
        charged_exactly(rig, account, CHAT)
    else:
        refused(CHAT, answer, 502, "upstream_unreachable", retry=True)
        uncharged(rig, account, "upstream_failed", exposed=True)


# Models and splices.


@EVERY
def test_an_unknown_model_in_the_answer_is_priced_as_the_requests(rig: Rig, account: Account, shape: Shape) -> None:
    before = rig.desk.metric("faregate_unpriced_units_total", integration=shape.name)
    rig.says(json_answer(shape.plain.replace(shape.model.encode(), b"unheard-of-9000")))
    assert rig.ask(shape, account).status == 200
    paid, of = charged_once(rig, account)
    assert (paid, of["model"]) == (shape.charge_nanos, "unheard-of-9000")
    assert rig.desk.metric("faregate_unpriced_units_total", integration=shape.name) == before + 1


COMPLETION_STREAM = STREAM_HEAD + b"".join(
    map(
        chunk,
        [
            event({"id": "cmpl-1", "model": "gpt-3.5-turbo-instruct", "choices": [{"index": 0, "text": "word " * 8}]}),
            b"data: [DONE]\n\n",
        ],
    )
)


def test_a_usage_option_that_is_not_known_is_left_out_and_stays_out_once_that_worked(rig: Rig) -> None:
    """The option is remembered by endpoint: /completions is used by no other test."""
    error = json_answer(b'{"error": {"message": "Unknown parameter: stream_options"}}', "400 Bad Request")
    works = False

    def answer(connection: socket.socket, seen: Seen) -> None:
        if b"stream_options" in seen.body:
            connection.sendall(error)
        elif works:
            connection.sendall(COMPLETION_STREAM + STREAM_END)
        else:
            connection.sendall(json_answer(b'{"error": {"message": "another matter"}}', "400 Bad Request"))

    rig.says(answer)
    account = rig.desk.account()
    body = json.dumps({"model": "gpt-3.5-turbo-instruct", "prompt": "Hi", "stream": True, "max_tokens": 100}).encode()
    data = CHAT.request(account.key, body, path="/openai/v1/completions")
    for _ in range(2):  # nothing is remembered while the second try fails as well
        assert call(rig.house.edge, data).json == {"error": {"message": "another matter"}}
    assert [b"stream_options" in seen.body for seen in rig.provider.seen] == [True, False, True, False]
    assert rig.desk.settled(account, 2) == []
    works = True
    rig.provider.seen.clear()
    for _ in range(2):
        assert call(rig.house.edge, data).whole
    assert [b"stream_options" in seen.body for seen in rig.provider.seen] == [True, False, False]
    assert rig.provider.seen[-1].body == body
    assert [charge["call"]["certainty"] for charge in rig.desk.settled(account, 4)] == ["estimated", "estimated"]


def test_a_usage_option_of_the_callers_own_is_not_left_out(rig: Rig, account: Account) -> None:
    error = b'{"error": {"message": "Unknown parameter: stream_options"}}'
    rig.says(json_answer(error, "400 Bad Request"))
    answer = rig.ask(CHAT, account, body=CHAT.ask(stream=True, stream_options={"include_usage": True}))
    assert (answer.status, answer.body) == (400, error)
    assert len(rig.provider.seen) == 1
    uncharged(rig, account, "upstream_error", exposed=False)


def limits_refused(connection: socket.socket, seen: Seen) -> None:
    if b"max_completion_tokens" in seen.body:
        connection.sendall(json_answer(b'{"error": {"message": "max_completion_tokens is not known"}}', "400 No"))
    else:
        connection.sendall(CHAT.whole)


def test_an_output_limit_that_is_not_known_is_left_out_after_the_hold_is_raised(rig: Rig) -> None:
    account = rig.desk.account("1")
    rig.says(limits_refused)
    answer = rig.ask(CHAT, account)
    assert (answer.status, answer.body) == (200, CHAT.plain)
    assert "faregate-output-limit" not in answer.headers
    assert [b"max_completion_tokens" in seen.body for seen in rig.provider.seen] == [True, False]
    charged_exactly(rig, account, CHAT)


def test_an_output_limit_that_is_not_known_stays_an_error_without_the_money_for_more(rig: Rig) -> None:
    account = rig.desk.account("0.1")
    rig.says(limits_refused)
    answer = rig.ask(CHAT, account)
    assert answer.status == 400
    assert len(rig.provider.seen) == 1
    uncharged(rig, account, "upstream_error", exposed=False)
