"""Providers that fail: callers never take a broken answer for a whole one, and pay what was proven."""

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.caller import call
from support.desk import Account, Desk
from support.faults import (
    EACH,
    ENCODE,
    EVERY,
    FRAMES,
    LEAK_PATIENCE_S,
    STALL_TIMEOUT_S,
    UPSTREAM_KEY,
    Rig,
    Say,
    broken_off,
    charged_exactly,
    charged_once,
    cut_at,
    end_of_file,
    faulty_house,
    refused,
    uncharged,
)
from support.house import House
from support.shapes import CHAT, GENERATE, MESSAGES, PROVIDERS, SHAPES, WORDS, Shape
from support.upstream import STREAM_END, STREAM_HEAD, Seen, Upstream, chunk, hang_up, json_answer, reset

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with faulty_house(tmp_path_factory.mktemp("faults")) as rig:
        yield rig


@pytest.fixture
def account(rig: Rig) -> Account:
    return rig.desk.account()


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

    def wait(_: socket.socket, __: Seen) -> None:
        over.wait(10)
        hang_up()

    rig.says(wait)
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
    body = b'{"error": {"message": "the provider\'s own words", "type": "x"},  "usage": null}'
    rig.says(json_answer(body, status, Retry_After="7", X_Request_Id="req-1", X_RateLimit_Remaining="0"))
    for stream in (False, True):
        answer = rig.ask(shape, account, stream=stream)
        assert (answer.status, answer.body, answer.whole) == (int(status[:3]), body, True)
        assert answer.headers["retry-after"] == "7"
        assert (answer.headers["x-request-id"], answer.headers["x-ratelimit-remaining"]) == ("req-1", "0")
        assert not {"faregate-refusal", "faregate-charge-usd"} & answer.headers.keys()
        assert answer.headers["faregate-call-id"]
    uncharged(rig, account, "upstream_error", exposed=False, calls=2)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@EVERY
def test_an_error_that_reports_usage_costs_nothing_and_is_exposed_by_it(
    rig: Rig, account: Account, shape: Shape, stream: bool
) -> None:
    body = json.dumps({"error": {"message": "too late"}, **shape.answer}).encode()
    rig.says(json_answer(body, "500 Oh"))
    answer = rig.ask(shape, account, stream=stream)
    assert (answer.status, answer.body) == (500, body)
    assert rig.desk.settled(account) == []
    [exposure] = rig.desk.exposures(account)
    assert (exposure["exposure_nanos"], exposure["at_most"]) == (shape.cost_nanos, False)


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
def test_what_the_provider_says_of_the_operator_is_not_relayed(
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
        connection.sendall(
            json_answer(b'{"error": {"message": "over', "503 Busy").replace(b"Length: 27", b"Length: 99")
        )
        hang_up()

    rig.says(answer)
    got = rig.ask(CHAT, account)
    assert (got.status, got.body, got.whole) == (503, b'{"error": {"message": "over', True)
    uncharged(rig, account, "upstream_error", exposed=False)


# Answers that break off (rows 34 to 36, 38).
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
