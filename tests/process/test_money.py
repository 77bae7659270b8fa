"""Money through the real process: nothing is overspent and nothing is lost, whatever breaks."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.caller import CHAT, Answer, call, chat, connect, read_answer, request
from support.house import House
from support.upstream import STREAM_END, STREAM_HEAD, Seen, chunk, json_answer, upstream

pytestmark = pytest.mark.process

USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-5-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Because."}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()
COST_NANOS = 1000 * 250 + 500 * 2000
"""gpt-5-mini: 0.25 USD a million input tokens, 2 USD a million output tokens."""

CANARY = "sk-canary-upstream"
CHARGE_NANOS = COST_NANOS * 12 // 10


def event(**data: object) -> bytes:
    return b"data: " + json.dumps({"id": "chatcmpl-1", "model": "gpt-5-mini", **data}).encode() + b"\n\n"


def delta(text: str) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": text}}], usage=None)


Start = Callable[[str], House]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a house in front of an upstream; afterwards it must end well, and have said no secret."""
    houses = []

    def begin(origin: str) -> House:
        house = House(tmp_path, {"openai": {"api_key": CANARY, "upstream": origin}})
        houses.append(house)
        return house.start()

    yield begin
    for house in houses:
        assert house.stop() == 0, house.log
        assert CANARY not in house.log
        assert "Traceback" not in house.log


@pytest.fixture
def canned(start: Start) -> Iterator[House]:
    """A house whose provider always gives the same answer."""
    with upstream(lambda connection, _: connection.sendall(json_answer(ANSWER))) as provider:
        yield start(provider.origin)


def test_a_call_costs_what_the_formula_says(canned: House) -> None:
    key = canned.tenant("acme")
    answer = call(canned.edge, request(key, chat()))
    assert (answer.status, answer.body) == (200, ANSWER)
    assert answer.headers["faregate-charge-usd"] == "0.0015"
    assert answer.headers["faregate-balance-micros"] == str(10_000_000 - CHARGE_NANOS // 1000)
    [entry] = canned.calls("acme")
    assert entry["amount_nanos"] == -CHARGE_NANOS
    assert entry["call"]["id"] == answer.headers["faregate-call-id"]
    assert entry["call"]["usage"] == {"input_tokens": 1000, "output_tokens": 500}
    assert entry["call"]["upstream_cost_nanos"] == COST_NANOS
    assert entry["call"]["certainty"] == "exact"
    assert canned.cli("ledger", "verify")["ok"] is True
    assert 'faregate_calls_total{endpoint="chat/completions",integration="openai",outcome="answered"} 1.0' in (
        canned.metrics()
    )


def test_a_margin_set_now_prices_the_next_call(canned: House) -> None:
    key = canned.tenant("acme")
    canned.cli("margin", "set", "-100", "--tenant", "acme")
    assert call(canned.edge, request(key, chat())).headers["faregate-charge-usd"] == "0"
    canned.cli("margin", "set", "100", "--tenant", "acme", "--integration", "openai", "--meter", "openai.output_tokens")
    assert call(canned.edge, request(key, chat())).headers["faregate-charge-usd"] == "0.002"
    assert [entry["amount_nanos"] for entry in canned.calls("acme")] == [-2 * 500 * 2000, 0]
    assert canned.cli("ledger", "verify")["ok"] is True


def test_an_empty_wallet_sends_nothing(start: Start) -> None:
    with upstream(lambda connection, _: connection.sendall(json_answer(ANSWER))) as provider:
        house = start(provider.origin)
        answer = call(house.edge, request(house.tenant("poor", "0"), chat()))
        assert answer.status == 402
        assert answer.headers["faregate-refusal"] == "balance_exhausted"
        assert answer.headers["x-should-retry"] == "false"
        error = answer.json["error"]
        assert (error["code"], error["type"]) == ("balance_exhausted", "insufficient_quota")
        assert {"balance", "held", "needed", "top_up_url"} <= error.keys()
        assert provider.seen == []


def test_two_hundred_calls_on_money_for_ten_admit_at_most_ten(start: Start) -> None:
    release = threading.Event()

    def answer(connection: socket.socket, _: Seen) -> None:
        release.wait(30)
        connection.sendall(json_answer(ANSWER))

    with upstream(answer) as provider:
        house = start(provider.origin)
        body = chat(max_completion_tokens=1000)
        probe = house.tenant("probe", "0")
        needed = call(house.edge, request(probe, body)).json["error"]["needed"]
        money = f"{float(needed) * 10.5:.9f}"
        key = house.tenant("acme", money)
        with ThreadPoolExecutor(200) as pool:
            calls = [pool.submit(call, house.edge, request(key, body)) for _ in range(200)]
            while sum(done.done() for done in calls) < 190:
                time.sleep(0.02)
            release.set()
            answers = [done.result() for done in calls]
        served = [one for one in answers if one.status == 200]
        assert len(served) == 10 == len(provider.seen)
        assert {one.status for one in answers} == {200, 402}
        assert house.settled("acme")["credits_held_micros"] == 0
        # All of the money stays spendable: what is left still admits as many calls as it covers.
        left = house.cli("balance", "acme")["credits_remaining_micros"] * 1000
        spent = 0
        while (again := call(house.edge, request(key, body))).status == 200:
            spent += 1
        assert again.status == 402
        assert left - spent * CHARGE_NANOS < float(needed) * 1e9
        assert house.cli("ledger", "verify")["ok"] is True


def test_a_stream_is_relayed_and_the_spliced_frame_taken_out(start: Start) -> None:
    usage = event(choices=[], usage=USAGE)

    def answer(connection: socket.socket, _: Seen) -> None:
        stream = STREAM_HEAD + chunk(delta("Be") + delta("cause")[:20]) + chunk(delta("cause")[20:] + usage[:9])
        connection.sendall(stream + chunk(usage[9:] + b"data: [DONE]\n\n") + STREAM_END)

    with upstream(answer) as provider:
        house = start(provider.origin)
        key = house.tenant("acme")
        plain = call(house.edge, request(key, chat(stream=True)))
        assert plain.whole
        assert plain.body == delta("Be") + delta("cause") + b"data: [DONE]\n\n"
        asked = call(house.edge, request(key, chat(stream=True, stream_options={"include_usage": True})))
        assert asked.body == delta("Be") + delta("cause") + usage + b"data: [DONE]\n\n"
        assert json.loads(provider.seen[0].body)["stream_options"] == {"include_usage": True}
        assert provider.seen[0].headers["accept-encoding"] == "identity"
        assert provider.seen[0].headers["authorization"] == f"Bearer {CANARY}"
        assert key not in str(provider.seen)
        assert [entry["amount_nanos"] for entry in house.calls("acme")] == [-CHARGE_NANOS, -CHARGE_NANOS]


@pytest.mark.parametrize("reset", [False, True], ids=["end of file", "reset"])
def test_a_stream_that_is_cut_never_looks_complete_and_is_charged_by_evidence(start: Start, reset: bool) -> None:
    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(STREAM_HEAD + chunk(delta("word " * 100)))
        time.sleep(0.2)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        raise ConnectionAbortedError

    with upstream(answer) as provider:
        house = start(provider.origin)
        got = call(house.edge, request(house.tenant("acme"), chat(stream=True)))
        assert got.status == 200
        assert not got.whole
        assert got.body.startswith(delta("word " * 100))
        assert b"[DONE]" not in got.body
        assert b'"upstream_unreachable"' in got.body
        [entry] = house.calls("acme")
        assert entry["call"]["certainty"] == "at_least"
        assert entry["call"]["usage"]["output_tokens"] == 125
        assert house.settled("acme")["credits_held_micros"] == 0
        assert "faregate_exposure_usd_total" in house.metrics()


def test_a_caller_who_hangs_up_is_charged_what_the_provider_reports(start: Start) -> None:
    go_on = threading.Event()

    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(STREAM_HEAD + chunk(delta("Be")))
        go_on.wait(20)
        end = event(choices=[], usage=USAGE) + b"data: [DONE]\n\n"
        connection.sendall(chunk(delta("cause")) + chunk(end) + STREAM_END)

    with upstream(answer) as provider:
        house = start(provider.origin)
        key = house.tenant("acme")
        with connect(house.edge) as connection:
            connection.sendall(request(key, chat(stream=True)))
            assert connection.recv(100)
        go_on.set()
        assert house.settled("acme")["credits_held_micros"] == 0
        [entry] = house.calls("acme")
        assert (entry["amount_nanos"], entry["call"]["certainty"]) == (-CHARGE_NANOS, "exact")
        assert [one["outcome"] for one in house.cli("calls", "list", "acme")["data"]] == ["caller_gone"]
        assert len(provider.seen) == 1


def test_a_kill_under_load_loses_nothing_and_charges_nothing_twice(start: Start) -> None:
    def answer(connection: socket.socket, seen: Seen) -> None:
        time.sleep(0.01)
        connection.sendall(json_answer(ANSWER))

    with upstream(answer) as provider:
        house = start(provider.origin)
        key = house.tenant("acme", "1000")
        answered: list[str] = []
        for _ in range(3):
            stop = threading.Event()

            def load(stop: threading.Event = stop) -> None:
                while not stop.is_set():
                    try:
                        got = call(house.edge, request(key, chat(max_completion_tokens=1000)))
                    except (OSError, ValueError):
                        return
                    if got.status == 200 and got.whole:
                        answered.append(got.headers["faregate-call-id"])

            callers = [threading.Thread(target=load) for _ in range(8)]
            for caller in callers:
                caller.start()
            time.sleep(1.0)
            house.kill()
            stop.set()
            for caller in callers:
                caller.join()
            house.start()
        entries = house.calls("acme")
        charged = [entry["call"]["id"] for entry in entries]
        assert len(charged) == len(set(charged)), "charged twice"
        assert set(answered) <= set(charged), "answered and unrecorded"
        assert len(answered) > 50
        assert len(charged) <= len(provider.seen)
        assert house.cli("balance", "acme")["credits_held_micros"] == 0
        verdict = house.cli("ledger", "verify")
        assert (verdict["ok"], verdict["open_holds"]) == (True, 0)


def test_a_stop_lets_running_calls_end(start: Start) -> None:
    go_on = threading.Event()

    def answer(connection: socket.socket, _: Seen) -> None:
        go_on.wait(20)
        connection.sendall(json_answer(ANSWER))

    with upstream(answer) as provider:
        house = start(provider.origin)
        key = house.tenant("acme")
        with connect(house.edge) as connection:
            connection.sendall(request(key, chat()))
            while not provider.seen:
                time.sleep(0.01)
            stopping = threading.Thread(target=house.stop)
            stopping.start()
            time.sleep(0.3)
            go_on.set()
            got: Answer = read_answer(connection)
        stopping.join()
        assert (got.status, got.body) == (200, ANSWER)
        house.start()
        assert len(house.calls("acme")) == 1


def test_a_refused_call_leaves_no_hold_and_is_listed(canned: House) -> None:
    key = canned.tenant("acme")
    got = call(canned.edge, request(key, chat(model="gpt-unheard-of")))
    assert (got.status, got.headers["faregate-refusal"]) == (404, "unpriced_model")
    assert canned.calls("acme") == []
    assert [(one["outcome"], one["status"]) for one in canned.cli("calls", "list", "acme")["data"]] == [
        ("refused", 404)
    ]


def test_a_test_tenant_pays_nothing_and_cannot_tell(canned: House) -> None:
    key = canned.tenant("inside", "0", test=True)
    got = call(canned.edge, request(key, chat()))
    assert (got.status, got.headers["faregate-charge-usd"]) == (200, "0.0015")
    [entry] = canned.calls("inside")
    assert (entry["amount_nanos"], entry["waived_nanos"]) == (0, CHARGE_NANOS)


def test_path_and_subdomain_reach_the_same_provider(canned: House) -> None:
    key = canned.tenant("acme")
    for host in ("openai-proxy.localhost", "openai.localhost", f"OpenAI-Proxy.localhost:{canned.port}"):
        raw = request(key, chat(), path=CHAT.removeprefix("/openai")).replace(
            b"Host: 127.0.0.1", f"Host: {host}".encode()
        )
        assert call(canned.edge, raw).status == 200
    unknown = request(key, chat(), path="/v1/chat/completions").replace(b"127.0.0.1", b"nobody-proxy.localhost")
    assert call(canned.edge, unknown).headers["faregate-refusal"] == "unknown_integration"
