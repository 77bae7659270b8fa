"""Work that finishes later through the real process: batches, background answers, kill -9, and who charges them."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.house import House
from support.upstream import upstream
from support.worker import Worker

CHARGE = 100 * 300 + 50 * 2_400  # gpt-5-mini at 20 %: 0.25 and 2 USD for a million
PATIENCE_S = 10.0

Answer = tuple[int, dict[str, str], Any]


class Rig:
    """A house, its provider, and a tenant."""

    def __init__(self, house: House, provider: Worker, key: str) -> None:
        self.house, self.provider, self.key = house, provider, key

    def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Answer:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self.key}", "content-type": content_type}
        request = urllib.request.Request(f"{self.house.edge}/openai/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers), json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), json.loads(error.read())

    def begin(self) -> str:
        """Ask for a background answer; return the call's id."""
        question = {"model": "gpt-5-mini", "input": "Why?", "background": True, "max_output_tokens": 1000}
        status, headers, body = self.call("POST", "/responses", question)
        assert (status, body["status"]) == (200, "queued")
        assert "faregate-charge-usd" not in headers
        return headers["faregate-call-id"]

    def held(self) -> int:
        return int(self.house.cli("balance", "acme")["credits_held_micros"])

    def charged(self) -> list[dict[str, Any]]:
        """Wait for the first charge, and return all."""
        deadline = time.monotonic() + PATIENCE_S
        while not (charges := self.house.calls("acme")) and time.monotonic() < deadline:
            time.sleep(0.05)
        return charges


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    provider = Worker()
    with upstream(provider) as running:
        chosen = {"openai": {"api_key": "sk-operator", "upstream": running.origin}}
        house = House(tmp_path, chosen, {"limits": {"later_first_look_s": 0.3}}).start()
        try:
            yield Rig(house, provider, house.tenant("acme"))
            assert house.cli("ledger", "verify")["ok"]
            assert "Traceback" not in house.log
        finally:
            house.stop()


def form(*lines: Any) -> bytes:
    content = b"\n".join(json.dumps(line).encode() for line in lines)
    return (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n' + content + b"\r\n--b--\r\n"
    )


def test_a_background_answer_outlives_a_kill_and_is_charged_once(rig: Rig) -> None:
    call = rig.begin()
    held = rig.held()
    rig.house.kill()
    rig.house.start()
    assert rig.held() == held > 0
    [hold] = rig.house.cli("holds", "list")["data"]
    assert (hold["call"], hold["work"]["object"], hold["work"]["kind"]) == (call, "resp_1", "response")
    story = rig.house.cli("calls", "show", call)
    assert (story["outcome"], story["work"]["object"]) == ("running", "resp_1")
    rig.provider.state = "completed"
    for _ in range(3):  # at the same moment as our own looks
        status, _, body = rig.call("GET", "/responses/resp_1")
        assert (status, body["status"]) == (200, "completed")
    [charge] = rig.charged()
    assert (charge["amount_nanos"], charge["call"]["id"], charge["call"]["usage"]) == (
        -CHARGE,
        call,
        {"input_tokens": 100, "output_tokens": 50},
    )
    rig.house.kill()
    rig.house.start()
    time.sleep(0.5)
    assert [each["id"] for each in rig.house.calls("acme")] == [charge["id"]]
    assert rig.held() == 0
    assert 'faregate_later_looks_total{integration="openai"' not in rig.house.metrics()


def test_a_batch_is_bounded_at_its_upload_and_charged_by_its_results(rig: Rig) -> None:
    ask = {"model": "gpt-5-mini", "input": "Why?", "max_output_tokens": 1000}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": ask}
    form_type = "multipart/form-data; boundary=b"
    status, _, body = rig.call("POST", "/files", form(line, {**line, "url": "/v1/nothing"}), form_type)
    assert (status, "Line 2" in body["error"]["message"]) == (400, True)
    assert rig.call("POST", "/files", form(line, line), form_type)[0] == 200
    assert rig.held() == 0
    ask_batch = {"input_file_id": "file-in", "endpoint": "/v1/responses", "completion_window": "24h"}
    assert rig.call("POST", "/batches", ask_batch)[0] == 200
    assert rig.held() > 0
    rig.provider.state = "completed"
    [charge] = rig.charged()
    assert charge["amount_nanos"] == -CHARGE  # two answers at half the price
    assert charge["call"]["usage"] == {"input_tokens": 200, "output_tokens": 100}
    assert rig.held() == 0


def test_what_tells_of_running_work_cannot_be_deleted(rig: Rig) -> None:
    rig.begin()
    status, headers, _ = rig.call("DELETE", "/responses/resp_1")
    assert (status, headers["faregate-refusal"]) == (400, "malformed_request")
    assert "DELETE" not in " ".join(rig.provider.seen)
    rig.provider.state = "failed"
    assert rig.call("DELETE", "/responses/resp_1")[0] == 200
    assert (rig.held(), rig.house.calls("acme")) == (0, [])


def test_a_provider_that_does_not_know_it_is_asked_again_and_keeps_the_hold(rig: Rig) -> None:
    rig.begin()
    rig.provider.gone = True
    deadline = time.monotonic() + PATIENCE_S
    while 'outcome="unknown"' not in rig.house.metrics() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert rig.held() > 0
    assert "resp_1 of openai" in rig.house.log
    assert "answered 404" in rig.house.log
    rig.provider.gone = False
    rig.provider.state = "completed"
    rig.call("GET", "/responses/resp_1")
    assert [charge["amount_nanos"] for charge in rig.charged()] == [-CHARGE]
