"""Bodies that are no requests, too large, too slow, or name what is not theirs: refused, not forwarded, not charged."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from support.abuse import BODY_BYTES_MAX, EACH, UPSTREAM_KEY, Rig, abused_house, refused
from support.caller import connect, read_answer
from support.shapes import CHAT, GENERATE, MESSAGES, RESPONSES, Shape

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def abused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with abused_house(tmp_path_factory.mktemp("abuse")) as rig:
        yield rig


@pytest.fixture
def rig(abused: Rig) -> Rig:
    return abused.begin()


# What is well-formed goes through: or every refusal below would prove nothing.


@EACH
def test_a_plain_call_goes_through_and_is_charged(rig: Rig, shape: Shape) -> None:
    account = rig.customer()
    answer = rig.send(shape.request(account.key))
    assert (answer.status, answer.body) == (200, shape.plain)
    assert [entry["amount_nanos"] for entry in rig.desk.settled(account)] == [-shape.charge_nanos]
    [seen] = rig.provider.seen
    assert account.key not in str(seen)
    assert UPSTREAM_KEY in str(seen.headers)


# Bodies (rows 16 to 19, 21, 24).


def changed(shape: Shape, **members: Any) -> bytes:
    return json.dumps(json.loads(shape.ask()) | members).encode()


def raw_bodies(shape: Shape) -> dict[str, bytes]:
    """Return bodies that are no JSON object that everybody reads alike."""
    good = shape.ask()
    inside = good[:-1]
    return {
        "nothing": b"",
        "cut": good[:-1],
        "trailing data": good + b"{}",
        "trailing text": good + b" x",
        "two objects": good + b"\n" + good,
        "an array": b"[" + good + b"]",
        "a string": b'"model"',
        "null": b"null",
        "single quotes": b"{'model': 'gpt-5-mini'}",
        "comment": b"/* */" + good,
        "NaN": inside + b', "temperature": NaN}',
        "Infinity": inside + b', "temperature": Infinity}',
        "-Infinity": inside + b', "temperature": -Infinity}',
        "1e999": inside + b', "temperature": 1e999}',
        "a key twice": inside + b', "user": "a", "user": "b"}',
        "a key twice, once escaped": inside + b', "user": "a", "us\\u0065r": "b"}',
        "a key twice below": inside + b', "metadata": {"a": 1, "a": 2}}',
        "the model twice": b'{"model": "gpt-5-nano", "contents": [], ' + good[1:-1] + b', "contents": [], "model": 1}',
        "5,000 digits": inside + b', "seed": ' + b"9" * 5000 + b"}",
        "nested 100,000 deep": inside + b', "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        "nested 300 deep": inside + b', "x": ' + b'{"a":' * 300 + b"1" + b"}" * 301,
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": good.decode().encode("utf-16"),
        "UTF-16 without a mark": good.decode().encode("utf-16-le"),
        "UTF-32": good.decode().encode("utf-32-be"),
        "Latin-1": inside + ', "user": "é"}'.encode("latin-1"),
        "an overlong escape": inside + b', "user": "\xc0\xaf"}',
        "a surrogate in UTF-8": inside + b', "user": "\xed\xa0\x80"}',
        "a lone surrogate": inside + b', "user": "\\ud83d"}',
        "a lone low surrogate": inside + b', "user": "\\ude00 x"}',
        "surrogates the wrong way round": inside + b', "user": "\\ude00\\ud83d"}',
        "a lone surrogate in a key": inside + b', "us\\ud83der": 1}',
        "a raw control character": inside + b', "user": "a\x00b"}',
        "a bad escape": inside + b', "user": "\\x41"}',
        "a leading zero": inside + b', "seed": 012}',
        "a plus": inside + b', "seed": +1}',
        "hexadecimal": inside + b', "seed": 0x10}',
    }


@pytest.mark.parametrize("case", raw_bodies(CHAT))
@EACH
def test_what_is_no_plain_json_object_is_refused(rig: Rig, shape: Shape, case: str) -> None:
    refused(rig, shape, shape.request(rig.account.key, raw_bodies(shape)[case]), 400, "malformed_request")


@EACH
def test_a_pair_of_surrogates_is_a_character(rig: Rig, shape: Shape) -> None:
    account = rig.customer()
    body = shape.ask()[:-1] + b', "user": "\\ud83d\\ude00 \\\\ud83d"}'
    assert rig.send(shape.request(account.key, body)).status == 200
    assert [seen.body for seen in rig.provider.seen if body in seen.body or shape is not MESSAGES]


NO_COUNTS: dict[str, Any] = {
    "negative": -1,
    "a fraction": 1.5,
    "a whole fraction": 100.0,
    "a string": "100",
    "true": True,
    "false": False,
    "a list": [100],
    "an object": {"value": 100},
    "a billion and one": 10**9 + 1,
    "2^63": 2**63,
    "4,000 digits": 10**4000,
}

COUNTS = [
    (CHAT, ("max_tokens",)),
    (CHAT, ("max_completion_tokens",)),
    (CHAT, ("n",)),
    (RESPONSES, ("max_output_tokens",)),
    (MESSAGES, ("max_tokens",)),
    (GENERATE, ("generationConfig", "maxOutputTokens")),
    (GENERATE, ("generation_config", "max_output_tokens")),
    (GENERATE, ("generationConfig", "candidateCount")),
    (GENERATE, ("generation_config", "candidate_count")),
]


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    return dict(value)


@pytest.mark.parametrize("value", NO_COUNTS.values(), ids=NO_COUNTS)
@pytest.mark.parametrize(("shape", "path"), COUNTS, ids=[".".join((shape.name, *path)) for shape, path in COUNTS])
def test_a_number_that_makes_no_sense_is_refused(rig: Rig, shape: Shape, path: tuple[str, ...], value: Any) -> None:
    refused(rig, shape, shape.request(rig.account.key, changed(shape, **nested(path, value))), 400, "malformed_request")


@pytest.mark.parametrize(
    ("shape", "members"),
    [
        (CHAT, {"max_tokens": 0}),
        (CHAT, {"n": 0}),
        (CHAT, {"n": 129}),
        (RESPONSES, {"max_output_tokens": 0}),
        (GENERATE, {"generationConfig": {"candidateCount": 129}}),
        (CHAT, {"stream": "true"}),
        (CHAT, {"stream": 1}),
        (CHAT, {"stream": []}),
        (RESPONSES, {"stream": "false"}),
        (MESSAGES, {"stream": 0}),
        (MESSAGES, {"stream": {}}),
        (CHAT, {"messages": "hello"}),
        (CHAT, {"messages": {"role": "user"}}),
        (MESSAGES, {"messages": 5}),
        (GENERATE, {"contents": 5}),
        (CHAT, {"tools": "all"}),
        (RESPONSES, {"tools": {}}),
        (MESSAGES, {"tools": 1}),
        (RESPONSES, {"max_tool_calls": "3", "tools": [{"type": "web_search"}]}),
        (CHAT, {"model": None}),
        (CHAT, {"model": ""}),
        (CHAT, {"model": 5}),
        (CHAT, {"model": True}),
        (CHAT, {"model": ["gpt-5-mini"]}),
        (CHAT, {"model": {"id": "gpt-5-mini"}}),
        (CHAT, {"model": "m" * 201}),
        (CHAT, {"model": "gpt-5-mini\r\nx-evil: 1"}),
        (CHAT, {"model": "gpt-5-mini\x00"}),
        (CHAT, {"model": "gpt-5-mini\u2028"}),
        (CHAT, {"model": "gpt-5-m\u0456ni"}),
        (MESSAGES, {"model": "claude-sonnet-5\u202e"}),
        (MESSAGES, {"model": 0}),
        (RESPONSES, {"model": "\ud800"}),
    ],
    ids=lambda value: f"{value}"[:40] if isinstance(value, dict) else value.name,
)
def test_a_member_of_the_wrong_kind_is_refused(rig: Rig, shape: Shape, members: dict[str, Any]) -> None:
    refused(rig, shape, shape.request(rig.account.key, changed(shape, **members)), 400, "malformed_request")


@pytest.mark.parametrize("missing", ["model"])
@pytest.mark.parametrize("shape", [CHAT, RESPONSES, MESSAGES], ids=lambda shape: shape.path)
def test_a_request_without_a_model_is_refused(rig: Rig, shape: Shape, missing: str) -> None:
    body = json.loads(shape.ask())
    del body[missing]
    refused(rig, shape, shape.request(rig.account.key, json.dumps(body).encode()), 400, "malformed_request")


@pytest.mark.parametrize(
    ("shape", "model"),
    [
        (CHAT, "gpt-unheard-of"),
        (CHAT, "GPT-5-MINI-"),
        (CHAT, "gpt-5-mini "),
        (CHAT, "claude-sonnet-5"),
        (MESSAGES, "gpt-5-mini"),
        (MESSAGES, "*"),
        (CHAT, "gpt-5-*"),
    ],
)
def test_a_model_without_a_price_is_refused(rig: Rig, shape: Shape, model: str) -> None:
    refused(rig, shape, shape.request(rig.account.key, changed(shape, model=model)), 404, "unpriced_model")


def test_a_model_in_the_path_without_a_price_is_refused(rig: Rig) -> None:
    path = GENERATE.path.replace("gemini-2.5-flash", "gemini-unheard-of")
    refused(rig, GENERATE, GENERATE.request(rig.account.key, path=path), 404, "unpriced_model")


# What could name another place to send the call to (row 20).

ELSEWHERE = "http://169.254.169.254/latest/meta-data"
PLACES = ("api_base", "base_url", "api_key", "url", "endpoint", "proxy", "proxies", "custom_llm_provider", "webhook")


@EACH
def test_nothing_in_a_request_chooses_where_it_goes_or_with_which_key(rig: Rig, shape: Shape) -> None:
    account = rig.customer()
    named = dict.fromkeys(PLACES, ELSEWHERE)
    body = changed(shape, **named, metadata=named, extra_body=named)
    headers = "".join(
        f"{name}: {ELSEWHERE}\r\n"
        for name in ("X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "X-Upstream", "X-Api-Base", "Forwarded")
    )
    path = f"{shape.path}?{'&'.join(f'{name}={ELSEWHERE}' for name in PLACES if name != 'api_key')}"
    answer = rig.send(shape.request(account.key, body, path=path, extra=headers))
    assert answer.status == 200
    [seen] = rig.provider.seen
    assert seen.headers["host"] == f"127.0.0.1:{rig.provider.port}"
    name, _, value = shape.key_header.format(UPSTREAM_KEY).partition(": ")
    assert seen.headers[name.lower()] == value
    assert [entry["amount_nanos"] for entry in rig.desk.settled(account)] == [-shape.charge_nanos]


# Sizes and time (rows 8 and 9).


@EACH
def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(rig: Rig, shape: Shape) -> None:
    head = shape.request(rig.account.key, b"x").replace(b"Content-Length: 1\r\n", b"Content-Length: 100001\r\n")
    refused(rig, shape, head, 413, "too_large")


@EACH
def test_a_body_that_grows_too_large_in_chunks_is_refused(rig: Rig, shape: Shape) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (20_000, b" " * 20_000) for _ in range(6))
    refused(rig, shape, chunked(shape, rig.account.key, chunks + b"0\r\n\r\n"), 413, "too_large")


def test_a_body_of_the_greatest_size_goes_through(rig: Rig) -> None:
    account = rig.customer()
    body = CHAT.ask()
    assert rig.send(CHAT.request(account.key, body + b" " * (BODY_BYTES_MAX - len(body)))).status == 200
    assert rig.send(CHAT.request(account.key, body + b" " * (BODY_BYTES_MAX + 1 - len(body)))).status == 413


@EACH
def test_a_body_that_does_not_come_is_timed_out(rig: Rig, shape: Shape) -> None:
    data = shape.request(rig.account.key)
    refused(rig, shape, data[:-10], 408, "request_timeout")


def test_a_body_in_chunks_is_read(rig: Rig) -> None:
    account = rig.customer()
    body = CHAT.ask()
    chunks = b"".join(
        b"%x;x=y\r\n%s\r\n" % (len(body[at : at + 9]), body[at : at + 9]) for at in range(0, len(body), 9)
    )
    assert rig.send(chunked(CHAT, account.key, chunks + b"0\r\nx-trailer: 1\r\n\r\n")).status == 200
    [seen] = rig.provider.seen
    assert "transfer-encoding" not in seen.headers
    assert "x-trailer" not in seen.headers
    assert seen.headers["content-length"] == str(len(seen.body))


@pytest.mark.parametrize(
    "chunks", [b"zz\r\n", b"-1\r\nx\r\n", b"1\r\nxx\r\n0\r\n\r\n", b"+1\r\nx\r\n0\r\n\r\n", b"0x1\r\nx\r\n0\r\n\r\n"]
)
def test_chunks_that_are_none_are_refused(rig: Rig, chunks: bytes) -> None:
    answer = rig.send(chunked(CHAT, rig.account.key, chunks))
    assert (answer.status, answer.headers["faregate-refusal"]) == (400, "malformed_request")
    rig.untouched()


def chunked(shape: Shape, key: str, chunks: bytes) -> bytes:
    head, _, _ = shape.request(key, b"x").partition(b"\r\n\r\n")
    return head.replace(b"Content-Length: 1", b"Transfer-Encoding: chunked") + b"\r\n\r\n" + chunks


@pytest.mark.parametrize("at", [10, 60, 150])
def test_a_caller_who_leaves_before_the_request_is_whole_leaves_no_trace(rig: Rig, at: int) -> None:
    with connect(rig.house.edge) as connection:
        connection.sendall(CHAT.request(rig.account.key)[:at])
    with connect(rig.house.edge) as connection:
        connection.sendall(CHAT.request(rig.account.key)[:-5])
        connection.shutdown(socket.SHUT_WR)
        assert read_answer(connection).status in (0, 400)
    rig.untouched()


# Objects of others, metrics, and what the log says.


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/openai/v1/responses/resp_of_another"),
        ("DELETE", "/openai/v1/responses/resp_of_another"),
        ("GET", "/openai/v1/files/file-of-another"),
        ("GET", "/openai/v1/files/file-of-another/content"),
        ("DELETE", "/anthropic/v1/files/file_of_another"),
    ],
)
def test_an_object_of_nobody_known_is_not_found(rig: Rig, method: str, path: str) -> None:
    shape = MESSAGES if "anthropic" in path else CHAT
    data = shape.request(rig.account.key, b"", path=path).replace(b"POST", method.encode(), 1)
    refused(rig, shape, data, 404, "not_found")


def test_continuing_from_an_answer_of_nobody_known_is_not_found(rig: Rig) -> None:
    body = changed(RESPONSES, previous_response_id="resp_of_another")
    refused(rig, RESPONSES, RESPONSES.request(rig.account.key, body), 404, "not_found")


def test_junk_makes_no_new_series(rig: Rig) -> None:
    def series() -> int:
        return sum(1 for line in rig.house.metrics().splitlines() if line.startswith("faregate_"))

    rig.send(CHAT.request(rig.account.key, changed(CHAT, model="junk-first")))
    rig.send(CHAT.request(rig.account.key, path="/openai/v1/junk-first"))
    rig.send(CHAT.request(rig.account.key, path="/junk-first/v1"))
    before = series()
    for number in range(20):
        rig.send(CHAT.request(rig.account.key, changed(CHAT, model=f"junk-{number}")))
        rig.send(CHAT.request(rig.account.key, path=f"/openai/v1/junk-{number}"))
        rig.send(CHAT.request(rig.account.key, path=f"/junk-{number}/v1"))
    assert series() == before
    rig.untouched()
