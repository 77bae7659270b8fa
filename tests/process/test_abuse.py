"""Abuse of every kind against the real process: a clear refusal, nothing forwarded, nothing charged, no secret told."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.caller import Answer, call, connect, read_answer
from support.desk import Account, Desk
from support.house import House
from support.shapes import CHAT, GENERATE, MESSAGES, PROVIDERS, RESPONSES, Shape
from support.upstream import Upstream, json_answer, upstream

pytestmark = pytest.mark.process

UPSTREAM_KEY = "sk-canary-of-the-operator"
PLANTED = "canary-in-the-dark"
"""Stands where a secret might: paths, hosts, header names, junk. No answer, log line or metric may repeat it."""

BODY_BYTES_MAX = 100_000
BODY_TIMEOUT_S = 0.4
RETRYABLE = {"request_timeout"}


@dataclass
class Rig:
    """One house with three providers for all tests, and an account that is never charged."""

    house: House
    desk: Desk
    provider: Upstream
    account: Account
    secrets: list[str] = field(default_factory=list)
    balance: str = ""

    def send(self, data: bytes) -> Answer:
        """Send raw bytes, read one answer, and look for secrets in it."""
        answer = call(self.house.edge, data)
        self.inspect(answer)
        return answer

    def inspect(self, answer: Answer) -> None:
        """No answer repeats a secret, or what was planted where one might stand."""
        told = answer.body.decode("utf-8", "replace") + str(answer.headers)
        for secret in (*self.secrets, UPSTREAM_KEY, PLANTED):
            assert secret not in told

    def untouched(self) -> None:
        """Nothing was forwarded, nothing was charged, nothing is held."""
        assert self.provider.seen == []
        balance = self.desk.balance(self.account)
        assert (balance["balance_usd"], balance["held_usd"]) == (self.balance, "0")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Start the house; at the end its books are in order and its log and metrics tell no secret."""
    by_path = {shape.path.removeprefix(f"/{shape.name}"): shape.whole for shape in (*PROVIDERS, RESPONSES)}

    def answer(connection: socket.socket, seen: Any) -> None:
        path = seen.line.split()[1].partition("?")[0]
        connection.sendall(by_path.get(path, json_answer(b'{"object": "list", "data": []}')))

    with upstream(answer) as provider:
        chosen = {"api_key": UPSTREAM_KEY, "upstream": provider.origin}
        limits = {"body_bytes_max": BODY_BYTES_MAX, "body_timeout_s": BODY_TIMEOUT_S}
        house = House(tmp_path_factory.mktemp("abuse"), {shape.name: chosen for shape in PROVIDERS}, {"limits": limits})
        house.start()
        desk = Desk(house)
        rig = Rig(house, desk, provider, desk.account())
        rig.secrets.append(rig.account.key)
        try:
            yield rig
            desk.verify()
            assert desk.charges(rig.account) == []
            told = house.metrics()
        finally:
            status = house.stop()
        assert status == 0, house.log
        assert "Traceback" not in house.log
        for secret in (*rig.secrets, UPSTREAM_KEY, PLANTED):
            assert secret not in house.log + told


@pytest.fixture
def rig(running: Rig) -> Rig:
    running.provider.seen.clear()
    running.balance = running.desk.balance(running.account)["balance_usd"]
    return running


def refused(rig: Rig, shape: Shape, data: bytes, status: int, code: str) -> Answer:
    """Send what must be refused in this provider's envelope, and leave no trace in the books."""
    answer = rig.send(data)
    assert (answer.status, answer.headers.get("faregate-refusal")) == (status, code), answer
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["faregate-call-id"].startswith("call_")
    assert answer.headers.get("x-should-retry") == (None if code in RETRYABLE else "false")
    assert "faregate-charge-usd" not in answer.headers
    told, told_status, message = shape.error_of(answer.json)
    assert (told, told_status or status) == (code, status)
    assert message
    rig.untouched()
    return answer


def plain(rig: Rig, data: bytes, status: int, code: str) -> Answer:
    """Send what must be refused before any provider is known."""
    answer = rig.send(data)
    assert (answer.status, answer.headers.get("faregate-refusal")) == (status, code), answer
    assert answer.json["error"]["code"] == code
    rig.untouched()
    return answer


EACH = pytest.mark.parametrize("shape", PROVIDERS, ids=[shape.name for shape in PROVIDERS])


# What is well-formed goes through: or every refusal below would prove nothing.


@EACH
def test_a_plain_call_goes_through_and_is_charged(rig: Rig, shape: Shape) -> None:
    account = rig.desk.account()
    rig.secrets.append(account.key)
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
    account = rig.desk.account()
    rig.secrets.append(account.key)
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
        (RESPONSES, {"background": True}),
        (RESPONSES, {"background": "true"}),
        (RESPONSES, {"background": 1}),
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
    account = rig.desk.account()
    rig.secrets.append(account.key)
    body = CHAT.ask()
    assert rig.send(CHAT.request(account.key, body + b" " * (BODY_BYTES_MAX - len(body)))).status == 200
    assert rig.send(CHAT.request(account.key, body + b" " * (BODY_BYTES_MAX + 1 - len(body)))).status == 413


@EACH
def test_a_body_that_does_not_come_is_timed_out(rig: Rig, shape: Shape) -> None:
    data = shape.request(rig.account.key)
    refused(rig, shape, data[:-10], 408, "request_timeout")


def test_a_body_in_chunks_is_read(rig: Rig) -> None:
    account = rig.desk.account()
    rig.secrets.append(account.key)
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


# Targets (rows 22, 47 to 50).

TARGETS = {
    "absolute": ("http://evil.example/openai/v1/chat/completions", 400, "malformed_request"),
    "absolute, our own": ("http://127.0.0.1/openai/v1/chat/completions", 400, "malformed_request"),
    "another scheme": ("gopher://evil.example/openai/v1/chat/completions", 400, "malformed_request"),
    "an asterisk": ("*", 400, "malformed_request"),
    "no leading slash": ("openai/v1/chat/completions", 400, "malformed_request"),
    "a backslash": ("/openai\\v1/chat/completions", 400, "malformed_request"),
    "a leading backslash": ("/\\evil.example/openai/v1/chat/completions", 400, "malformed_request"),
    "a fragment": ("/openai/v1/chat/completions#@evil.example", 400, "malformed_request"),
    "a quote": ('/openai/v1/chat/completions"', 400, "malformed_request"),
    "angle brackets": ("/openai/v1/<script>", 400, "malformed_request"),
    "Latin-1": ("/openai/v1/caf\xe9", 400, "malformed_request"),
    "a network path": ("//evil.example/v1/chat/completions", 404, "unknown_integration"),
    "a network path, ours": ("//openai/v1/chat/completions", 404, "unknown_integration"),
    "an authority": ("/@evil.example/v1/chat/completions", 404, "unknown_integration"),
    "an authority behind": ("/openai@evil.example/v1/chat/completions", 404, "unknown_integration"),
    "a port": ("/openai:80/v1/chat/completions", 404, "unknown_integration"),
    "dots before": ("/../openai/v1/chat/completions", 404, "unknown_integration"),
    "escaped integration": ("/%6fpenai/v1/chat/completions", 404, "unknown_integration"),
    "capitals in the integration": ("/OpenAI/v1/chat/completions", 404, "unknown_integration"),
    "the root": ("/", 404, "unknown_integration"),
    "the operator's API": ("/admin/v1/tenants", 404, "unknown_integration"),
    "metrics": ("/metrics", 404, "unknown_integration"),
    "a key": ("/{key}/v1/chat/completions", 404, "unknown_integration"),
    "dots": ("/openai/v1/../v1/chat/completions", 404, "unknown_endpoint"),
    "a dot": ("/openai/./v1/chat/completions", 404, "unknown_endpoint"),
    "escaped dots": ("/openai/v1/%2e%2e/v1/chat/completions", 404, "unknown_endpoint"),
    "an escaped slash": ("/openai/v1%2fchat/completions", 404, "unknown_endpoint"),
    "an escaped slash twice": ("/openai/v1%252fchat/completions", 404, "unknown_endpoint"),
    "an escaped backslash": ("/openai/v1/chat%5ccompletions", 404, "unknown_endpoint"),
    "an escaped NUL": ("/openai/v1/chat/completions%00", 404, "unknown_endpoint"),
    "an escaped line end": ("/openai/v1/chat/completions%0d%0ax:y", 404, "unknown_endpoint"),
    "a bad escape": ("/openai/v1/chat/completions%zz", 404, "unknown_endpoint"),
    "an escaped letter": ("/openai/v1/chat/c%6fmpletions", 404, "unknown_endpoint"),
    "two slashes": ("/openai//v1/chat/completions", 404, "unknown_endpoint"),
    "two slashes later": ("/openai/v1//chat/completions", 404, "unknown_endpoint"),
    "a slash behind": ("/openai/v1/chat/completions/", 404, "unknown_endpoint"),
    "matrix parameters": ("/openai/v1/chat/completions;x=y", 404, "unknown_endpoint"),
    "capitals": ("/openai/v1/Chat/completions", 404, "unknown_endpoint"),
    "only the integration": ("/openai", 404, "unknown_endpoint"),
    "nothing behind": ("/openai/", 404, "unknown_endpoint"),
    "an unlisted route": ("/openai/v1/fine_tuning/jobs", 404, "unknown_endpoint"),
    "another provider's route": ("/openai/v1/messages", 404, "unknown_endpoint"),
    "a key behind": ("/openai/v1/{key}", 404, "unknown_endpoint"),
    "a key before a route": ("/openai/{key}/chat/completions", 404, "unknown_endpoint"),
    "dots as a model": ("/gemini/v1beta/models/..:generateContent", 404, "unknown_endpoint"),
    "a slash in a model": ("/gemini/v1beta/models/a/b:generateContent", 404, "unknown_endpoint"),
    "an escape in a model": ("/gemini/v1beta/models/a%2Fb:generateContent", 404, "unknown_endpoint"),
    "a line end in a model": ("/gemini/v1beta/models/a%0d%0ab:generateContent", 404, "unknown_endpoint"),
    "another version": ("/gemini/v2/models/gemini-2.5-flash:generateContent", 404, "unknown_endpoint"),
    "another verb": ("/gemini/v1beta/models/gemini-2.5-flash:generatecontent", 404, "unknown_endpoint"),
    "a quote in the query": ('/openai/v1/chat/completions?a="', 400, "malformed_request"),
}


@pytest.mark.parametrize("case", TARGETS)
def test_a_target_that_is_no_plain_known_path_is_refused(rig: Rig, case: str) -> None:
    target, status, code = TARGETS[case]
    target = target.replace("{key}", rig.account.key)
    data = CHAT.request(rig.account.key).replace(
        b"POST /openai/v1/chat/completions", f"POST {target}".encode("latin-1")
    )
    answer = rig.send(data)
    assert (answer.status, answer.headers.get("faregate-refusal")) == (status, code), answer
    assert b"evil" not in answer.body
    rig.untouched()


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("PUT", 405), ("DELETE", 405), ("post", 405), ("X", 405)])
def test_a_method_that_a_route_does_not_take_is_refused(rig: Rig, method: str, status: int) -> None:
    data = CHAT.request(rig.account.key).replace(b"POST", method.encode(), 1)
    answer = rig.send(data)
    assert answer.status in (status, 400)
    assert answer.headers["faregate-refusal"] in ("method_not_allowed", "malformed_request")
    rig.untouched()


@pytest.mark.parametrize("target", ["127.0.0.1:80", "evil.example:443", "/openai/v1/chat/completions"])
def test_connect_is_refused(rig: Rig, target: str) -> None:
    data = f"CONNECT {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {rig.account.key}\r\n\r\n"
    answer = rig.send(data.encode())
    assert answer.status in (400, 405)
    assert answer.headers["faregate-refusal"] in ("malformed_request", "method_not_allowed")
    rig.untouched()


# Hosts (row 51).

PATH_ROUTED = ["127.0.0.1", "localhost", "localhost:8080", "[::1]", "[::1]:8080", "evil.example", "x.evil.localhost."]
OPENAI_HOSTS = [
    "openai-proxy.localhost",
    "openai.localhost",
    "openai-proxy.localhost.",
    "openai-proxy.localhost.:8080",
    "OPENAI-proxy.LocalHost:1",
]
UNKNOWN_HOSTS = ["nobody-proxy.localhost", "openai-proxy-proxy.localhost", "-proxy.localhost", "fg-key-proxy.localhost"]
JUNK_HOSTS = [
    "localhost:4000/#@x",
    "openai-proxy.localhost@evil.example",
    "openai-proxy.localhost:80:80",
    "openai-proxy.localhost/x",
    "openai-proxy.localhost#",
    "a.openai-proxy.localhost",
    "openai-proxy.localhost.evil.example",
    "openai_proxy.localhost",
    "..localhost",
    "%6fpenai.localhost",
    "",
]


def at_host(rig: Rig, host: str, path: str) -> bytes:
    data = CHAT.request(rig.account.key, path=path)
    return data.replace(b"Host: 127.0.0.1", f"Host: {host}".encode())


@pytest.mark.parametrize("host", PATH_ROUTED)
def test_any_other_host_routes_by_the_path(rig: Rig, host: str) -> None:
    answer = rig.send(at_host(rig, host, "/openai/v1/models").replace(b"POST", b"GET", 1))
    assert answer.status == 200
    [seen] = rig.provider.seen
    assert seen.headers["host"] == f"127.0.0.1:{rig.provider.port}"


@pytest.mark.parametrize("host", OPENAI_HOSTS)
def test_a_host_names_its_integration(rig: Rig, host: str) -> None:
    assert rig.send(at_host(rig, host, "/v1/models").replace(b"POST", b"GET", 1)).status == 200
    rig.provider.seen.clear()
    assert plain_code(rig, at_host(rig, host, CHAT.path)) == "unknown_endpoint"


@pytest.mark.parametrize("host", UNKNOWN_HOSTS)
def test_a_proxy_label_that_names_nothing_is_refused(rig: Rig, host: str) -> None:
    plain(rig, at_host(rig, host, "/v1/chat/completions"), 404, "unknown_integration")


@pytest.mark.parametrize("host", JUNK_HOSTS)
def test_a_junk_host_never_chooses_an_integration(rig: Rig, host: str) -> None:
    assert plain_code(rig, at_host(rig, host, "/v1/chat/completions")) in ("unknown_integration", "malformed_request")


def plain_code(rig: Rig, data: bytes) -> str:
    answer = rig.send(data)
    assert answer.status in (400, 404)
    rig.untouched()
    return answer.headers["faregate-refusal"]


# Keys (rows 52, 53, 57, 58).


def with_headers(shape: Shape, *lines: str, path: str = "") -> bytes:
    """Return a request with these header lines in the place of its key."""
    data = shape.request("-", path=path)
    return data.replace(shape.key_header.format("-").encode(), "\r\n".join(lines).encode("latin-1"))


@EACH
def test_a_request_without_a_key_is_refused(rig: Rig, shape: Shape) -> None:
    refused(rig, shape, with_headers(shape, "X-Nothing: 1"), 401, "invalid_key")
    refused(rig, shape, with_headers(shape, shape.key_header.format("")), 401, "invalid_key")


@pytest.mark.parametrize(
    "key", ["fg-unknown", PLANTED, "a" * 8000, "' OR 1=1 --", "\xff\xfe", "%00", "null", "Bearer", "fg-", UPSTREAM_KEY]
)
@EACH
def test_an_unknown_key_is_refused(rig: Rig, shape: Shape, key: str) -> None:
    refused(rig, shape, with_headers(shape, shape.key_header.format(key)), 401, "invalid_key")


@pytest.mark.parametrize("value", ["{key}", "Basic {key}", "Token {key}", "Bearer: {key}", "Bearer", "Bearer {key} x"])
def test_a_key_in_another_scheme_is_refused(rig: Rig, value: str) -> None:
    line = f"Authorization: {value.format(key=rig.account.key)}"
    refused(rig, CHAT, with_headers(CHAT, line), 401, "invalid_key")


@pytest.mark.parametrize(("shape", "header"), [(MESSAGES, "x-api-key"), (GENERATE, "x-goog-api-key")])
def test_two_keys_that_differ_are_refused(rig: Rig, shape: Shape, header: str) -> None:
    mine, other = rig.account.key, rig.desk.account("0").key
    rig.secrets.append(other)
    for one, two in ((mine, other), (mine, "junk"), ("junk", mine)):
        lines = (f"Authorization: Bearer {one}", f"{header}: {two}")
        refused(rig, shape, with_headers(shape, *lines), 400, "malformed_request")


@pytest.mark.parametrize(
    ("shape", "header"),
    [(CHAT, "Authorization: Bearer"), (MESSAGES, "x-api-key:"), (GENERATE, "x-goog-api-key:")],
)
def test_one_header_twice_with_different_keys_is_refused(rig: Rig, shape: Shape, header: str) -> None:
    lines = (f"{header} {rig.account.key}", f"{header} {PLANTED}")
    for order in (lines, lines[::-1]):
        answer = rig.send(with_headers(shape, *order))
        assert (answer.status, answer.headers["faregate-refusal"]) == (400, "malformed_request")
        rig.untouched()


def test_the_same_key_in_two_places_is_one_key(rig: Rig) -> None:
    account = rig.desk.account()
    rig.secrets.append(account.key)
    lines = (f"Authorization: Bearer {account.key}", f"x-api-key: {account.key}")
    assert rig.send(with_headers(MESSAGES, *lines)).status == 200
    [seen] = rig.provider.seen
    assert account.key not in str(seen)
    assert "authorization" not in seen.headers
    assert seen.headers["x-api-key"] == UPSTREAM_KEY


def test_a_key_in_the_query_works_where_the_provider_has_it_and_goes_no_further(rig: Rig) -> None:
    account = rig.desk.account()
    rig.secrets.append(account.key)
    path = f"{GENERATE.path}?alt=json&key={account.key}&x=1"
    answer = rig.send(with_headers(GENERATE, "X-Nothing: 1", path=path))
    assert answer.status == 200
    [seen] = rig.provider.seen
    assert seen.line.split()[1] == f"{GENERATE.path.removeprefix('/gemini')}?alt=json&x=1"
    assert account.key not in str(seen)
    for two in (f"key={account.key}&key={PLANTED}", f"k%65y={PLANTED}&key={account.key}"):
        rig.provider.seen.clear()
        refused(
            rig,
            GENERATE,
            with_headers(GENERATE, "X-Nothing: 1", path=f"{GENERATE.path}?{two}"),
            400,
            "malformed_request",
        )


@pytest.mark.parametrize("name", ["key", "api_key", "api-key", "access_token"])
def test_a_key_in_the_query_opens_nothing_elsewhere(rig: Rig, name: str) -> None:
    key = rig.account.key
    path = f"{CHAT.path}?{name}={key}"
    refused(rig, CHAT, with_headers(CHAT, "X-Nothing: 1", path=path), 401, "invalid_key")
    account = rig.desk.account()
    rig.secrets.append(account.key)
    assert rig.send(CHAT.request(account.key, path=f"{CHAT.path}?{name}={account.key}&a=b")).status == 200
    [seen] = rig.provider.seen
    assert seen.line.split()[1] == "/v1/chat/completions?a=b"
    assert account.key not in str(seen)


@pytest.mark.parametrize(
    "listed",
    ["authorization, x-api-key", "Authorization", "x-api-key, x-goog-api-key, content-type", "close, authorization"],
)
@EACH
def test_connection_cannot_strip_our_credentials(rig: Rig, shape: Shape, listed: str) -> None:
    account = rig.desk.account()
    rig.secrets.append(account.key)
    assert rig.send(shape.request(account.key, extra=f"Connection: {listed}\r\n")).status == 200
    [seen] = rig.provider.seen
    name, _, value = shape.key_header.format(UPSTREAM_KEY).partition(": ")
    assert seen.headers[name.lower()] == value
    assert account.key not in str(seen)


def test_what_belongs_to_one_hop_or_to_us_is_not_forwarded(rig: Rig) -> None:
    account = rig.desk.account()
    rig.secrets.append(account.key)
    extra = (
        "Cookie: session=1\r\nProxy-Authorization: Basic eA==\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n"
        "TE: trailers\r\nKeep-Alive: 1\r\nX-Api-Key: junk\r\nApi-Key: junk\r\nFaregate-Call-Id: call_1\r\nX-Hop: 1\r\n"
        "Connection: x-hop\r\nOpenAI-Organization: org-mine\r\nX-Kept: yes\r\nVia: 1.1 x\r\nX-Real-IP: 1.2.3.4\r\n"
    )
    assert rig.send(CHAT.request(account.key, extra=extra)).status == 200
    [seen] = rig.provider.seen
    assert set(seen.headers) == {
        "host",
        "authorization",
        "content-type",
        "content-length",
        "x-kept",
        "accept-encoding",
    } - ({"accept-encoding"} - set(seen.headers))


@EACH
def test_a_revoked_an_expired_and_a_narrow_key_are_refused(rig: Rig, shape: Shape) -> None:
    desk = rig.desk
    soon = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    revoked, expired = desk.account(), desk.account(expires=soon)
    billing, elsewhere = (
        desk.account(scopes=["billing:read"]),
        desk.account(integrations=["openai" if shape is not CHAT else "gemini"]),
    )
    rig.secrets += [account.key for account in (revoked, expired, billing, elsewhere)]
    desk.ask("POST", f"/keys/{revoked.key_id}/revoke")
    time.sleep(0.5)
    refused(rig, shape, shape.request(revoked.key), 401, "invalid_key")
    refused(rig, shape, shape.request(expired.key), 401, "key_expired")
    refused(rig, shape, shape.request(billing.key), 403, "key_scope")
    refused(rig, shape, shape.request(elsewhere.key), 403, "key_scope")
    for account in (revoked, expired, billing, elsewhere):
        assert desk.charges(account) == []


@EACH
def test_a_key_for_other_models_and_a_suspended_tenant_are_refused(rig: Rig, shape: Shape) -> None:
    desk = rig.desk
    narrow, suspended = desk.account(models=["some-other-model"]), desk.account()
    rig.secrets += [narrow.key, suspended.key]
    desk.ask("POST", f"/tenants/{suspended.id}/suspend")
    refused(rig, shape, shape.request(narrow.key), 403, "model_not_allowed")
    answer = refused(rig, shape, shape.request(suspended.key), 402, "suspended")
    assert b"top_up_url" not in answer.body
    assert desk.last_call(suspended)["refusal"] == "suspended"
    desk.ask("POST", f"/tenants/{suspended.id}/resume")
    assert rig.send(shape.request(suspended.key)).status == 200


@EACH
def test_a_wallet_without_money_is_refused_in_full(rig: Rig, shape: Shape) -> None:
    poor = rig.desk.account("0")
    rig.secrets.append(poor.key)
    answer = refused(rig, shape, shape.request(poor.key), 402, "balance_exhausted")
    assert {"balance", "held", "needed", "top_up_url"} <= answer.json["error"].keys()
    assert rig.desk.charges(poor) == []


# Framing (rows 54 to 56) and odd requests (rows 12 to 15).

FRAMING = {
    "CL and TE": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    "TE and CL": "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    "CL twice, differing": "Content-Length: 4\r\nContent-Length: 5\r\n",
    "CL twice, the same": "Content-Length: 4\r\nContent-Length: 4\r\n",
    "a list of CL": "Content-Length: 4, 4\r\n",
    "CL with a sign": "Content-Length: +4\r\n",
    "CL negative": "Content-Length: -4\r\n",
    "CL hexadecimal": "Content-Length: 0x4\r\n",
    "CL of 30 digits": f"Content-Length: {'9' * 30}\r\n",
    "CL in other digits": "Content-Length: \xb2\r\n",
    "TE twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "TE of another coding": "Transfer-Encoding: chunked, gzip\r\n",
    "TE identity twice": "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    "a folded line": f"X-A: b\r\n {PLANTED}\r\nContent-Length: 4\r\n",
    "a bare line feed in a value": f"X-A: b\n{PLANTED}\r\nContent-Length: 4\r\n",
    "a bare carriage return": f"X-A: b\r{PLANTED}\r\nContent-Length: 4\r\n",
    "NUL in a value": f"X-A: {PLANTED}\x00\r\nContent-Length: 4\r\n",
    "NUL in a name": f"X-{PLANTED}\x00: b\r\nContent-Length: 4\r\n",
    "a blank before the colon": f"X-{PLANTED} : b\r\nContent-Length: 4\r\n",
    "no colon": f"{PLANTED}\r\nContent-Length: 4\r\n",
    "no name": f": {PLANTED}\r\nContent-Length: 4\r\n",
    "Host twice": "Host: openai.localhost\r\nContent-Length: 4\r\n",
    "a header of 20,000 bytes": f"X-A: {PLANTED * 1200}\r\nContent-Length: 4\r\n",
    "500 headers": f"X-A: {PLANTED}\r\n" * 500 + "Content-Length: 4\r\n",
}


@pytest.mark.parametrize("case", FRAMING)
def test_a_request_that_two_servers_could_read_differently_is_refused(rig: Rig, case: str) -> None:
    head = f"POST {CHAT.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {rig.account.key}\r\n"
    hidden = CHAT.request(rig.account.key)
    with connect(rig.house.edge) as connection:
        connection.sendall((head + FRAMING[case] + "\r\n").encode("latin-1") + b"0\r\n\r\n" + hidden)
        answer = read_answer(connection)
        rig.inspect(answer)
        assert (answer.status, answer.headers["faregate-refusal"]) == (400, "malformed_request"), answer
        assert answer.json["error"]["code"] == "malformed_request"
        assert ended(connection), "a second request was read from the same connection"
    rig.untouched()


def ended(connection: socket.socket) -> bool:
    """Tell whether the other side closes without saying more."""
    connection.settimeout(5)
    with contextlib.suppress(ConnectionError):
        return connection.recv(1) == b""
    return True


LINES = {
    "HTTP/2.0": f"POST {CHAT.path} HTTP/2.0",
    "HTTP/3": f"POST {CHAT.path} HTTP/3",
    "HTTP/0.9": f"POST {CHAT.path}",
    "no version": f"POST {CHAT.path} ",
    "blanks in the path": f"POST {CHAT.path} {PLANTED} HTTP/1.1",
    "NUL in the path": f"POST {CHAT.path}\x00{PLANTED} HTTP/1.1",
    "a method that is none": f"PO{PLANTED}(ST {CHAT.path} HTTP/1.1",
    "a line of 100,000 bytes": f"POST {CHAT.path}?{PLANTED * 6000} HTTP/1.1",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2 preface": "PRI * HTTP/2.0",
}


@pytest.mark.parametrize("case", LINES)
def test_a_request_line_that_is_none_is_refused(rig: Rig, case: str) -> None:
    line = LINES[case].encode("latin-1")
    data = CHAT.request(rig.account.key).replace(f"POST {CHAT.path} HTTP/1.1".encode(), line, 1)
    answer = rig.send(data)
    assert (answer.status, answer.headers.get("faregate-refusal")) == (400, "malformed_request"), answer
    rig.untouched()


def test_http_1_0_is_served_without_chunks(rig: Rig) -> None:
    account = rig.desk.account()
    rig.secrets.append(account.key)
    data = CHAT.request(account.key).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    with connect(rig.house.edge) as connection:
        connection.sendall(data)
        answer = read_answer(connection)
        assert (answer.status, answer.body) == (200, CHAT.plain)
        assert "transfer-encoding" not in answer.headers
        assert ended(connection)
    assert len(rig.desk.settled(account)) == 1


def test_pipelined_requests_are_served_in_order_each_with_its_own_hold(rig: Rig) -> None:
    account = rig.desk.account()
    rig.secrets.append(account.key)
    with connect(rig.house.edge) as connection:
        wrong = CHAT.request("fg-wrong")
        connection.sendall(CHAT.request(account.key) + wrong + MESSAGES.request(account.key))
        reader = connection.makefile("rb")
        answers = [one_answer(reader) for _ in range(3)]
    assert [status for status, _ in answers] == [200, 401, 200]
    assert (answers[0][1], answers[2][1]) == (CHAT.plain, MESSAGES.plain)
    amounts = [entry["amount_nanos"] for entry in rig.desk.settled(account, 2)]
    assert amounts == [-CHAT.charge_nanos, -MESSAGES.charge_nanos]
    assert len(rig.provider.seen) == 2


def one_answer(reader: Any) -> tuple[int, bytes]:
    """Read one answer with a length from a connection that goes on."""
    status, length = int(reader.readline().split()[1]), 0
    while line := reader.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return status, reader.read(length)


@EACH
def test_expect_is_answered_only_to_a_known_key(rig: Rig, shape: Shape) -> None:
    extra = "Expect: 100-continue\r\n"
    refused(
        rig, shape, shape.request("fg-wrong", extra=extra).partition(b"\r\n\r\n")[0] + b"\r\n\r\n", 401, "invalid_key"
    )
    account = rig.desk.account()
    rig.secrets.append(account.key)
    head, blank, body = shape.request(account.key, extra=extra).partition(b"\r\n\r\n")
    with connect(rig.house.edge) as connection:
        connection.sendall(head + blank)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert rig.provider.seen == []
        connection.sendall(body)
        assert read_answer(connection).status == 200
    [seen] = rig.provider.seen
    assert "expect" not in seen.headers


def test_expect_of_a_body_too_large_is_refused_without_a_continue(rig: Rig) -> None:
    data = CHAT.request(rig.account.key, b"x", extra="Expect: 100-continue\r\n")
    head = data.partition(b"\r\n\r\n")[0].replace(b"Content-Length: 1", b"Content-Length: 100001") + b"\r\n\r\n"
    refused(rig, CHAT, head, 413, "too_large")


@EACH
def test_an_upgrade_of_a_plain_route_is_refused_or_ignored(rig: Rig, shape: Shape) -> None:
    extra = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    data = shape.request(rig.account.key, b"", extra=extra).replace(b"POST", b"GET", 1)
    answer = rig.send(data)
    assert (answer.status, answer.headers["faregate-refusal"]) in (
        (405, "method_not_allowed"),
        (404, "unknown_endpoint"),
    )
    rig.untouched()


def test_an_upgrade_is_not_forwarded(rig: Rig) -> None:
    account = rig.desk.account()
    rig.secrets.append(account.key)
    extra = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    answer = rig.send(CHAT.request(account.key, extra=extra))
    assert answer.status in (200, 400)
    for seen in rig.provider.seen:
        assert "upgrade" not in seen.headers
        assert "http2-settings" not in seen.headers


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
