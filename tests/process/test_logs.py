"""What the real process writes, in both forms: every call if asked, and never a key, a question or an answer."""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.caller import call, chat, request
from support.house import House
from support.upstream import STREAM_HEAD, Seen, chunk, hang_up, json_answer, upstream

from proxy.watching.lines import LINES_A_SECOND

pytestmark = pytest.mark.process

OPERATOR_KEY = "sk-canary-of-the-operator"
QUESTION = "canary-of-the-question"
ANSWER = "canary-of-the-answer"
ERROR = "canary-of-the-error"
HEADER = "canary-in-a-header"
REPLY = {
    "id": "chatcmpl-1",
    "model": "gpt-5-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
}
PIECE = {"id": "chatcmpl-1", "model": "gpt-5-mini", "choices": [{"index": 0, "delta": {"content": ANSWER}}]}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def answer(connection: Any, seen: Seen) -> None:
    """Answer as the request says: with an error, a stream that breaks off, or well."""
    if b"fail-now" in seen.body:
        return connection.sendall(json_answer(json.dumps({"error": {"message": ERROR}}).encode(), "500 No"))
    if b'"stream"' in seen.body:
        connection.sendall(STREAM_HEAD + chunk(b"data: " + json.dumps(PIECE).encode() + b"\n\n"))
        hang_up()
    return connection.sendall(json_answer(json.dumps(REPLY).encode()))


Start = Callable[..., House]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    houses: list[House] = []
    with upstream(answer) as provider:

        def begin(**log: str) -> House:
            providers = {"openai": {"api_key": OPERATOR_KEY, "upstream": provider.origin}}
            houses.append(House(tmp_path, providers, {"log": log} if log else {}))
            return houses[-1].start()

        yield begin
        for house in houses:
            house.stop()


def work(house: House) -> str:
    """Make a call of each kind, with secrets wherever there may be some. Returns the tenant's key."""
    key = house.tenant("acme")
    messages = [{"role": "user", "content": QUESTION}]
    extra = f"X-Secret: {HEADER}\r\ntraceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n"
    assert call(house.edge, request(key, chat(messages=messages), extra=extra)).status == 200
    call(house.edge, request(key, chat(messages=messages, stream=True), extra=extra))
    assert call(house.edge, request(key, chat(messages=messages, user="fail-now"), extra=extra)).status == 500
    assert call(house.edge, request(key, chat(messages=messages, model=QUESTION))).status == 404
    assert call(house.edge, request(f"fg-{QUESTION}", chat(messages=messages))).status == 401
    assert call(house.edge, request(key, QUESTION.encode())).status == 400
    assert call(house.edge, request(key, b"", path=f"/openai/v1/{QUESTION}?key={key}")).status == 404
    call(house.edge, f"GET / HTTP/1.1\r\nHost: x\r\nBad Header {HEADER}\r\n\r\n".encode())
    house.settled("acme")
    return key


LEVELS = ("debug", "warning")


@pytest.mark.parametrize("form", ["human", "json"])
@pytest.mark.parametrize("level", LEVELS)
def test_no_secret_and_nothing_that_was_said_is_written(start: Start, form: str, level: str) -> None:
    house = start(format=form, level=level, calls="all")
    key = work(house)
    assert house.stop() == 0
    assert house.log, "there is something to look through"
    for secret in (OPERATOR_KEY, key, QUESTION, ANSWER, ERROR, HEADER):
        assert secret not in house.log


def test_every_line_is_json_where_no_terminal_is(start: Start) -> None:
    house = start(calls="all")
    work(house)
    assert house.stop() == 0
    lines = [json.loads(line) for line in house.log.splitlines()]
    assert all({"at", "level", "log", "message"} <= line.keys() for line in lines)
    calls = [line for line in lines if line["log"] == "faregate.calls"]
    assert [call["message"] for call in calls] == ["answered", "upstream_cut", "upstream_error", *["refused"] * 4]
    answered, cut, failed, *refused = calls
    [entry] = [each for each in house_entries(house) if each["call"]["id"] == answered["call"]]
    assert answered["charge_usd"] == "0.0015"
    assert answered["usage"] == entry["call"]["usage"] == {"input_tokens": 1000, "output_tokens": 500}
    assert (answered["status"], answered["certainty"], answered["trace"]) == (200, "exact", TRACE)
    assert (answered["integration"], answered["endpoint"], answered["model"]) == (
        "openai",
        "chat/completions",
        "gpt-5-mini",
    )
    assert re.fullmatch(r"tnt_\w+", answered["tenant"])
    assert re.fullmatch(r"key_\w+", answered["key"])
    assert (cut["level"], cut["certainty"]) == ("warning", "at_least")
    assert "exposure_usd" in cut
    assert (failed["status"], "charge_usd" in failed) == (500, False)
    assert [each["refusal"] for each in refused] == [
        "unpriced_model",
        "invalid_key",
        "malformed_request",
        "unknown_endpoint",
    ]


def house_entries(house: House) -> list[dict[str, Any]]:
    """Start a house again to ask for its ledger."""
    house.start()
    entries = house.calls("acme")
    house.stop()
    return entries


@pytest.mark.parametrize(("calls", "messages"), [("problems", 6), ("none", 0)])
def test_usual_calls_have_no_line_if_nobody_asked(start: Start, calls: str, messages: int) -> None:
    house = start(format="human", calls=calls)
    work(house)
    assert house.stop() == 0
    lines = [line for line in house.log.splitlines() if " faregate.calls: " in line]
    assert len(lines) == messages
    assert not any("answered" in line for line in lines)
    if lines:
        assert re.search(r"WARNING faregate\.calls: upstream_cut call=call_\w+ tenant=tnt_\w+ key=key_\w+ ", lines[0])


def test_a_flood_of_refusals_fills_no_disk(start: Start) -> None:
    house, flood = start(level="info"), 600
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        refused = pool.map(lambda _: call(house.edge, request("fg-nobody", b"{}")).status, range(flood))
    assert set(refused) == {401}
    seconds = time.monotonic() - began
    assert f'faregate_refusals_total{{code="invalid_key"}} {flood}.0' in house.metrics()
    assert house.stop() == 0
    lines = [line for line in map(json.loads, house.log.splitlines()) if line["log"] == "faregate.calls"]
    assert len(lines) <= (int(seconds) + 2) * (LINES_A_SECOND + 1)
    if seconds > 1.5:  # a second one has begun, and tells of the first
        assert any(line.get("left_out", 0) > 0 for line in lines)
