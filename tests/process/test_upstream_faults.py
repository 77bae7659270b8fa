"""Providers that fail in every way: callers never take a broken answer for a whole one, and pay what there is proof of."""

import contextlib
import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard
from support.caller import Answer, call
from support.desk import Account, Desk
from support.house import House
from support.shapes import CHAT, GENERATE, MESSAGES, OUTPUT, PROVIDERS, QUESTION, RESPONSES, SHAPES, WORDS, Shape, event
from support.upstream import STREAM_END, STREAM_HEAD, Seen, Upstream, chunk, hang_up, json_answer, reset, upstream

pytestmark = pytest.mark.process

UPSTREAM_KEY = "sk-canary-of-the-operator"
ANSWER_TIMEOUT_S = 1.0
STALL_TIMEOUT_S = 1.0
JSON_HELD_BYTES_MAX = 50_000
LEAK_PATIENCE_S = 5.0

Say = Callable[[socket.socket, Seen], None]


@dataclass
class Rig:
    """One house for all tests, and the provider that each of them scripts."""

    house: House
    desk: Desk
    provider: Upstream

    def says(self, what: bytes | Say) -> None:
        """Let the provider answer so from now on."""
        self.provider.seen.clear()
        self.provider.early = lambda _: None
        self.provider.answer = (lambda connection, _: connection.sendall(what)) if isinstance(what, bytes) else what

    def ask(self, shape: Shape, account: Account, *, stream: bool = False, body: bytes | None = None) -> Answer:
        """Make a call."""
        answer = call(self.house.edge, shape.request(account.key, body, stream=stream))
        told = answer.body.decode("utf-8", "replace") + str(answer.headers)
        assert UPSTREAM_KEY not in told
        assert account.key not in told
        return answer

    def exposed(self) -> float:
        """Return the exposure that is counted so far."""
        return self.desk.metric("faregate_exposure_usd_total")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Start the house; at the end its books are in order and it has said no secret."""
    with upstream(lambda connection, _: hang_up()) as provider:
        chosen = {"api_key": UPSTREAM_KEY, "upstream": provider.origin}
        limits = {
            "answer_timeout_s": ANSWER_TIMEOUT_S,
            "stall_timeout_s": STALL_TIMEOUT_S,
            "json_held_bytes_max": JSON_HELD_BYTES_MAX,
        }
        house = House(
            tmp_path_factory.mktemp("faults"), {shape.name: chosen for shape in PROVIDERS}, {"limits": limits}
        )
        house.start()
        desk = Desk(house)
        try:
            yield Rig(house, desk, provider)
            desk.verify()
            assert UPSTREAM_KEY not in house.metrics()
        finally:
            status = house.stop()
        assert status == 0, house.log
        assert "Traceback" not in house.log
        assert UPSTREAM_KEY not in house.log


@pytest.fixture
def account(rig: Rig) -> Account:
    return rig.desk.account()


EACH = pytest.mark.parametrize("shape", PROVIDERS, ids=[shape.name for shape in PROVIDERS])
EVERY = pytest.mark.parametrize("shape", SHAPES, ids=["chat", "responses", "messages", "generate"])


def refused(shape: Shape, answer: Answer, status: int, code: str, *, retry: bool) -> None:
    """The answer is our own refusal, in the provider's envelope."""
    assert (answer.status, answer.headers.get("faregate-refusal")) == (status, code), answer
    assert answer.headers.get("x-should-retry") == (None if retry else "false")
    assert "faregate-charge-usd" not in answer.headers
    told, told_status, _ = shape.error_of(answer.json)
    assert (told, told_status or status) == (code, status)
    assert answer.whole


def uncharged(rig: Rig, account: Account, outcome: str, *, exposed: bool, calls: int = 1) -> None:
    """The tenant pays nothing; what the provider may bill is on the operator's account or nowhere."""
    assert rig.desk.settled(account, calls) == []
    assert rig.desk.last_call(account, calls)["outcome"] == outcome
    exposures = rig.desk.exposures(account)
    assert [exposure["reason"] for exposure in exposures] == ([outcome] * calls if exposed else [])
    assert all(exposure["exposure_nanos"] > 0 and exposure["at_most"] for exposure in exposures)


def charged_exactly(rig: Rig, account: Account, shape: Shape, calls: int = 1) -> None:
    """The account was charged what the answer reports, once, and nothing is exposed."""
    charges = rig.desk.settled(account, calls)
    assert [charge["amount_nanos"] for charge in charges] == [-shape.charge_nanos] * calls
    assert {charge["call"]["certainty"] for charge in charges} == {"exact"}
    assert rig.desk.exposures(account) == []


def charged_once(rig: Rig, account: Account) -> tuple[int, dict[str, Any]]:
    """Return what the account's one call cost it, in nano-USD, and the call of the entry."""
    [charge] = rig.desk.settled(account)
    return -charge["amount_nanos"], charge["call"]


# Nobody there (row 25).


@contextlib.contextmanager
def blackhole() -> Iterator[int]:
    """A port whose queue of connections is full: whoever else connects hears nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as queue:
        port = server.getsockname()[1]
        for _ in range(8):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(("127.0.0.1", port))
        time.sleep(0.1)
        yield port


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose providers are a closed port, a name that does not exist, and a host that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with blackhole() as hole:
        origins = {
            "openai": f"http://127.0.0.1:{port}",
            "anthropic": "https://nobody.invalid",
            "gemini": f"http://127.0.0.1:{hole}",
        }
        providers = {name: {"api_key": UPSTREAM_KEY, "upstream": origin} for name, origin in origins.items()}
        house = House(tmp_path_factory.mktemp("dead"), providers, {"limits": {"connect_timeout_s": 0.5}})
        house.start()
        try:
            yield house
            Desk(house).verify()
        finally:
            status = house.stop()
        assert (status, "Traceback" in house.log) == (0, False), house.log


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@EACH
def test_a_provider_that_cannot_be_reached_costs_nothing(dead: House, shape: Shape, stream: bool) -> None:
    rig = Rig(dead, Desk(dead, made=time.monotonic_ns()), Upstream(lambda connection, _: hang_up()))
    account = rig.desk.account()
    refused(shape, rig.ask(shape, account, stream=stream), 502, "upstream_unreachable", retry=True)
    uncharged(rig, account, "upstream_failed", exposed=False)


# Sent, and no answer (rows 26 to 28).


@pytest.mark.parametrize("how", [lambda connection, _: hang_up(), lambda connection, _: reset(connection)])
@EACH
def test_a_provider_that_hangs_up_without_an_answer_may_have_done_the_work(
    rig: Rig, account: Account, shape: Shape, how: Say
) -> None:
    rig.says(how)
    before = rig.exposed()
    refused(shape, rig.ask(shape, account), 502, "upstream_unreachable", retry=True)
    uncharged(rig, account, "upstream_failed", exposed=True)
    assert len(rig.provider.seen) == 1
    assert rig.exposed() > before


def test_a_reset_while_the_request_is_sent_is_refused(rig: Rig, account: Account) -> None:
    rig.says(CHAT.whole)
    rig.provider.early = reset
    body = CHAT.ask(max_tokens=100)
    answer = rig.ask(CHAT, account, body=body + b" " * 8_000_000)
    refused(CHAT, answer, 502, "upstream_unreachable", retry=True)
    uncharged(rig, account, "upstream_failed", exposed=True)
    assert rig.provider.seen == []


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_connection_that_went_stale_sends_nothing_twice(rig: Rig, account: Account, method: str) -> None:
    def answer(connection: socket.socket, seen: Seen) -> None:
        if seen.turn > 1:
            hang_up()
        connection.sendall(CHAT.whole)

    rig.says(answer)
    while not rig.provider.seen or rig.provider.seen[-1].turn > 1:
        rig.ask(CHAT, rig.desk.account())
    rig.provider.seen.clear()
    data = CHAT.request(account.key)
    if method == "GET":
        data = CHAT.request(account.key, b"", path="/openai/v1/models").replace(b"POST", b"GET", 1)
    refused(CHAT, call(rig.house.edge, data), 502, "upstream_unreachable", retry=True)
    uncharged(rig, account, "upstream_failed", exposed=method == "POST")
    assert [seen.turn for seen in rig.provider.seen] == [2]


def test_providers_that_do_not_begin_an_answer_are_timed_out(rig: Rig) -> None:
    over = threading.Event()
    rig.says(lambda connection, _: over.wait(10) and hang_up())
    before = rig.exposed()
    accounts = [rig.desk.account() for _ in PROVIDERS]
    with ThreadPoolExecutor(len(PROVIDERS)) as pool:
        answers = list(pool.map(rig.ask, PROVIDERS, accounts))
    over.set()
    for shape, account, answer in zip(PROVIDERS, accounts, answers, strict=True):
        refused(shape, answer, 504, "upstream_timeout", retry=False)
        uncharged(rig, account, "upstream_failed", exposed=True)
    assert rig.exposed() > before


# Errors (rows 29 to 33, 61).


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "404 Not Found", "409 Conflict", "413 Too Large", "418 ", "422 No", "500 Oh", "529 X"]
)
@EACH
def test_an_error_is_relayed_as_it_came_and_costs_nothing(
    rig: Rig, account: Account, shape: Shape, status: str
) -> None:
    body = b'{"error": {"message": "the provider\'s own words", "type": "x"},  "usage": {"prompt_tokens": 9}}'
    rig.says(json_answer(body, status, Retry_After="7", X_Request_Id="req-1", X_RateLimit_Remaining="0"))
    for stream in (False, True):
        answer = rig.ask(shape, account, stream=stream)
        assert (answer.status, answer.body, answer.whole) == (int(status[:3]), body, True)
        assert answer.headers["retry-after"] == "7"
        assert (answer.headers["x-request-id"], answer.headers["x-ratelimit-remaining"]) == ("req-1", "0")
        assert not {"faregate-refusal", "faregate-charge-usd"} & answer.headers.keys()
        assert answer.headers["faregate-call-id"]
    uncharged(rig, account, "upstream_error", exposed=False, calls=2)


@pytest.mark.parametrize("retry_after", ["30", "Wed, 21 Oct 2026 07:28:00 GMT", "0.5"])
@EACH
def test_a_rate_limit_is_relayed_with_its_time(rig: Rig, account: Account, shape: Shape, retry_after: str) -> None:
    body = b'{"error": {"code": "rate_limit_exceeded", "status": "RESOURCE_EXHAUSTED"}}'
    rig.says(json_answer(body, "429 Too Many Requests", Retry_After=retry_after, Retry_After_Ms="500"))
    answer = rig.ask(shape, account)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, body, retry_after)
    assert answer.headers["retry-after-ms"] == "500"
    uncharged(rig, account, "upstream_error", exposed=False)


@pytest.mark.parametrize(
    ("shape", "status", "words", "code"),
    [
        *((shape, "401 Unauthorized", "invalid x-api-key sk-abc", "upstream_auth") for shape in PROVIDERS),
        *((shape, "403 Forbidden", "organization org-operator is disabled", "upstream_auth") for shape in PROVIDERS),
        *((shape, "402 Payment Required", "owner@operator.example must pay", "upstream_funds") for shape in PROVIDERS),
        (CHAT, "429 Too Many Requests", "insufficient_quota", "upstream_funds"),
        (MESSAGES, "400 Bad Request", "Your credit balance is too low to access the API", "upstream_funds"),
        (GENERATE, "400 Bad Request", "API_KEY_INVALID", "upstream_auth"),
    ],
    ids=lambda value: value.name if isinstance(value, Shape) else value[:20],
)
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_what_the_provider_says_of_the_operator_is_not_relayed(  # noqa: PLR0913  # the table has these columns
    rig: Rig, account: Account, shape: Shape, status: str, words: str, code: str, encoding: str
) -> None:
    body = json.dumps({"error": {"message": words, "code": words}}).encode()
    rig.says(json_answer(gzip.compress(body) if encoding else body, status, Content_Encoding=encoding or "identity"))
    answer = rig.ask(shape, account)
    refused(shape, answer, 502, code, retry=False)
    assert words.encode() not in answer.body
    uncharged(rig, account, "upstream_error", exposed=False)


@pytest.mark.parametrize("status", ["300", "301", "302", "303", "304", "307", "308"])
@pytest.mark.parametrize("to", ["http://169.254.169.254/latest/meta-data", "/v1/elsewhere"])
def test_a_redirect_is_not_followed(rig: Rig, account: Account, status: str, to: str) -> None:
    rig.says(json_answer(b"", f"{status} Elsewhere", Location=to))
    answer = rig.ask(MESSAGES, account)
    refused(MESSAGES, answer, 502, "upstream_redirect", retry=False)
    assert to not in str(answer)
    uncharged(rig, account, "upstream_error", exposed=False)
    assert len(rig.provider.seen) == 1


@pytest.mark.parametrize("encoding", ["", "gzip", "br", "zstd"])
@EACH
def test_our_key_in_an_error_is_taken_out(rig: Rig, account: Account, shape: Shape, encoding: str) -> None:
    body = json.dumps({"error": {"message": f"Incorrect key: {UPSTREAM_KEY}."}}).encode()
    headers = {"Content_Encoding": encoding} if encoding else {}
    rig.says(json_answer(ENCODE[encoding](body), "400 Bad Request", X_Echo=f"Bearer {UPSTREAM_KEY}", **headers))
    answer = rig.ask(shape, account)
    assert answer.status == 400
    assert answer.json == {"error": {"message": "Incorrect key: [redacted]."}}
    uncharged(rig, account, "upstream_error", exposed=False)


def test_an_error_that_is_cut_is_still_an_error(rig: Rig, account: Account) -> None:
    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(json_answer(b'{"error": {"message": "over', "503 Busy").replace(b"Length: 27", b"Length: 99"))
        hang_up()

    rig.says(answer)
    got = rig.ask(CHAT, account)
    assert (got.status, got.body, got.whole) == (503, b'{"error": {"message": "over', True)
    uncharged(rig, account, "upstream_error", exposed=False)


# Answers that break off (rows 34 to 36, 38).

FAULT_EVENTS = {"openai": b'data: {"error":', "anthropic": b'event: error\ndata: {"type":"error"', "gemini": b'data: {"error":'}


def broken_off(shape: Shape, answer: Answer, code: str) -> None:
    """A stream that broke off never looks whole; after whole events the SDK is told why."""
    assert (answer.status, answer.whole) == (200, False)
    sent, mark, told = answer.body.rpartition(FAULT_EVENTS[shape.name])
    if not mark:
        sent = answer.body
    assert shape.relayed.startswith(sent), (sent, shape.relayed)
    assert shape.end not in sent[: sent.rfind(b"\n\n") + 1], "the event that ends the stream came whole"
    if mark:
        assert not sent or sent.endswith(b"\n\n")
        assert told.endswith(b"\n\n")
        if shape is CHAT:
            assert code.encode() in told
    assert mark or not sent.endswith(b"\n\n")


def stalls(shape: Shape, events: int) -> Say:
    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(STREAM_HEAD + b"".join(chunk(each) for each in shape.events[:events]))
        time.sleep(STALL_TIMEOUT_S + LEAK_PATIENCE_S)

    return answer


def test_streams_that_stall_are_ended_with_an_error_and_charged_by_evidence(rig: Rig) -> None:
    by_path = {shape.path.removeprefix(f"/{shape.name}"): stalls(shape, 4) for shape in SHAPES}
    by_path[GENERATE.stream_path.partition("?")[0].removeprefix("/gemini")] = stalls(GENERATE, 3)
    rig.says(lambda connection, seen: by_path[seen.line.split()[1].partition("?")[0]](connection, seen))
    accounts = [rig.desk.account() for _ in SHAPES]
    with ThreadPoolExecutor(len(SHAPES)) as pool:
        answers = list(pool.map(lambda shape, account: rig.ask(shape, account, stream=True), SHAPES, accounts))
    for shape, account, answer in zip(SHAPES, accounts, answers, strict=True):
        broken_off(shape, answer, "upstream_timeout")
        paid, of = charged_once(rig, account)
        assert 0 < paid < shape.charge_nanos
        assert of["certainty"] == "at_least"
        [exposure] = rig.desk.exposures(account)
        assert exposure["at_most"]
        assert rig.desk.last_call(account)["outcome"] == "upstream_cut"


def test_json_that_stalls_is_refused_and_costs_nothing(rig: Rig, account: Account) -> None:
    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(CHAT.whole[:-100])
        time.sleep(STALL_TIMEOUT_S + LEAK_PATIENCE_S)

    rig.says(answer)
    refused(CHAT, rig.ask(CHAT, account), 504, "upstream_timeout", retry=False)
    uncharged(rig, account, "upstream_cut", exposed=True)


def cut_at(wire: bytes, at: int, how: Callable[[socket.socket], None]) -> Say:
    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(wire[:at])
        if how is reset:
            time.sleep(0.01)  # what was sent shall be read before the reset throws it away
        how(connection)

    return answer


def end_of_file(_: socket.socket) -> None:
    hang_up()


@pytest.mark.parametrize("how", [end_of_file, reset], ids=["end of file", "reset"])
@EVERY
def test_a_stream_cut_at_any_byte_never_looks_whole_and_is_charged_by_evidence(
    rig: Rig, shape: Shape, how: Callable[[socket.socket], None]
) -> None:
    account = rig.desk.account("100")
    wire = shape.streamed
    all_but_the_end = len(wire) - len(STREAM_END)
    cuts = [*range(len(STREAM_HEAD), all_but_the_end, 29 if how is end_of_file else 97), all_but_the_end]
    for at in cuts:
        rig.says(cut_at(wire, at, how))
        broken_off(shape, rig.ask(shape, account, stream=True), "upstream_unreachable")
    charges = rig.desk.settled(account, len(cuts))
    by_call = {charge["call"]["id"]: -charge["amount_nanos"] for charge in charges}
    paid = [by_call.get(each["id"], 0) for each in rig.desk.calls(account)]
    assert paid == sorted(paid)
    assert (paid[0], paid[-1]) == (0, shape.charge_nanos)
    assert len(set(paid)) > len(WORDS)
    assert {each["outcome"] for each in rig.desk.calls(account)} == {"upstream_cut"}
    assert {charge["call"]["certainty"] for charge in charges} <= {"at_least", "exact", "none"}
    inexact = [charge["call"]["id"] for charge in charges if charge["call"]["certainty"] != "exact"]
    assert {exposure["call"] for exposure in rig.desk.exposures(account)} >= set(inexact)


FRAMES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "length": lambda body, whole: json_answer(whole)[: len(json_answer(whole)) - len(whole)] + body,
    "chunks": lambda body, _: b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n" + chunk(body),
    "the connection": lambda body, _: b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + body,
}


@pytest.mark.parametrize("how", [end_of_file, reset], ids=["end of file", "reset"])
@pytest.mark.parametrize("framed_by", FRAMES)
@EVERY
def test_json_that_is_cut_is_refused_and_costs_nothing(
    rig: Rig, shape: Shape, framed_by: str, how: Callable[[socket.socket], None]
) -> None:
    account = rig.desk.account("100")
    cuts = range(1, len(shape.plain), 61)
    for at in cuts:
        rig.says(cut_at(FRAMES[framed_by](shape.plain[:at], shape.plain), 10**9, how))
        refused(shape, rig.ask(shape, account), 502, "upstream_unreachable", retry=True)
    uncharged(rig, account, "upstream_cut", exposed=True, calls=len(cuts))


@EVERY
def test_an_answer_that_ends_with_its_connection_is_whole_if_its_end_was_seen(
    rig: Rig, account: Account, shape: Shape
) -> None:
    rig.says(cut_at(FRAMES["the connection"](shape.plain, b""), 10**9, end_of_file))
    answer = rig.ask(shape, account)
    assert (answer.status, answer.body) == (200, shape.plain)
    rig.says(cut_at(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + shape.stream, 10**9, end_of_file))
    streamed = rig.ask(shape, account, stream=True)
    assert (streamed.body, streamed.whole) == (shape.relayed, True)
    charged_exactly(rig, account, shape, calls=2)


@EVERY
def test_a_stream_that_ends_with_its_connection_is_cut_if_its_end_was_not_seen(
    rig: Rig, account: Account, shape: Shape
) -> None:
    events = b"".join(shape.events[:4])
    rig.says(cut_at(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + events, 10**9, end_of_file))
    broken_off(shape, rig.ask(shape, account, stream=True), "upstream_unreachable")
    paid, of = charged_once(rig, account)
    assert 0 < paid < shape.charge_nanos
    assert of["certainty"] == "at_least"


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
    early = [each.replace(b'"modelVersion"', b'"usageMetadata": ' + json.dumps(usage).encode() + b', "modelVersion"') for each in GENERATE.events[:-1]]
    rig.says(STREAM_HEAD + b"".join(map(chunk, [*early, GENERATE.events[-1]])) + STREAM_END)
    assert rig.ask(GENERATE, account, stream=True).whole
    charged_exactly(rig, account, GENERATE)


# Encodings and content types.


def raw_deflate(body: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(body) + made.flush()


ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "deflate": zlib.compress,
}
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    "deflate": zlib.decompress,
}
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
def test_a_stream_that_cannot_be_decoded_never_looks_whole(
    rig: Rig, account: Account, shape: Shape
) -> None:
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


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "", "text/html", "application/problem+json"])
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
        b"Set-Cookie: __cf_bm=secret; path=/; HttpOnly\r\nSet-Cookie: b=c\r\nAlt-Svc: h3=\":443\"\r\nServer: cloudflare\r\n"
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
def test_an_answer_with_a_head_that_is_none_is_refused_or_made_harmless(
    rig: Rig, account: Account, case: str
) -> None:
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
