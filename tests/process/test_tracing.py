"""Traces of the real process reach a collector that speaks OTLP, continue the caller's, and change nothing else."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.caller import call, chat, request
from support.collector import Collector, collector
from support.house import House, free_port
from support.upstream import Seen, Upstream, json_answer, upstream

pytestmark = pytest.mark.process

OPERATOR_KEY = "sk-canary-of-the-operator"
QUESTION, ANSWER, HEADER = "canary-of-the-question", "canary-of-the-answer", "canary-in-a-header"
REPLY = {
    "id": "chatcmpl-1",
    "model": "gpt-5-mini-2025-08-07",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
}
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"traceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: vendor=x\r\n"
ASKED = chat(messages=[{"role": "user", "content": QUESTION}])
SPANS = 4

Start = Callable[..., House]


@pytest.fixture
def provider() -> Iterator[Upstream]:
    with upstream(lambda connection, _: connection.sendall(json_answer(json.dumps(REPLY).encode()))) as made:
        yield made


@pytest.fixture
def start(tmp_path: Path, provider: Upstream, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    houses: list[House] = []

    def begin(environment: dict[str, str] | None = None, **settings: Any) -> House:
        plain = House.environment.fget
        assert plain is not None
        monkeypatch.setattr(House, "environment", property(lambda house: plain(house) | (environment or {})))
        chosen = {"openai": {"api_key": OPERATOR_KEY, "upstream": provider.origin}}
        houses.append(House(tmp_path, chosen, settings))
        return houses[-1].start()

    yield begin
    for house in houses:
        house.stop()


@pytest.fixture
def traces() -> Iterator[Collector]:
    with collector() as made:
        yield made


QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


def test_a_call_s_trace(start: Start, traces: Collector) -> None:
    house = start(QUICK, tracing={"endpoint": traces.origin})
    key = house.tenant("acme")
    before = time.time_ns()
    answer = call(house.edge, request(key, ASKED, extra=f"{TRACEPARENT}X-Secret: {HEADER}\r\n"))
    assert answer.status == 200
    spans = {span.name: span for span in traces.until(SPANS)}
    after = time.time_ns()
    whole, part = spans["POST /v1/chat/completions"], spans["chat gpt-5-mini"]
    assert set(spans) == {"POST /v1/chat/completions", "hold", "chat gpt-5-mini", "settle"}
    assert {span.trace for span in spans.values()} == {TRACE}
    assert whole.parent == PARENT
    assert {spans[name].parent for name in ("hold", "chat gpt-5-mini", "settle")} == {whole.id}
    assert (
        before < whole.began <= spans["hold"].began <= part.began < part.ended <= spans["settle"].ended <= whole.ended
    )
    assert whole.ended < after
    assert whole.attributes["faregate.call.id"] == answer.headers["faregate-call-id"]
    [entry] = house.calls("acme")
    assert whole.attributes["faregate.charge_nanos"] == -entry["amount_nanos"] > 0
    assert part.attributes["gen_ai.usage.input_tokens"] == 1000
    assert part.attributes["gen_ai.usage.output_tokens"] == 500
    assert part.attributes["gen_ai.response.model"] == REPLY["model"]
    assert part.attributes["gen_ai.provider.name"] == "openai"
    assert not any(span.failed for span in spans.values())
    assert traces.paths[0] == "/v1/traces"
    assert traces.service["service.name"] == "faregate"
    sent = b"".join(traces.bodies)
    for secret in (OPERATOR_KEY, key, QUESTION, ANSWER, HEADER):
        assert secret.encode() not in sent


def test_nothing_is_added_to_what_the_provider_is_sent(start: Start, provider: Upstream, traces: Collector) -> None:
    """The same requests, with traces and without: the provider cannot tell."""
    for settings in ({}, {"tracing": {"endpoint": traces.origin}}):
        house = start(QUICK, **settings)
        key = house.tenant("acme" if not settings else "other")
        for extra in ("", TRACEPARENT):
            assert call(house.edge, request(key, ASKED, extra=extra)).status == 200
        house.stop()

    def shown(seen: Seen) -> tuple[str, dict[str, str], bytes]:
        return seen.line, seen.headers, seen.body

    without, continued, *traced = map(shown, provider.seen)
    assert traced == [without, continued]
    assert "traceparent" not in without[1]
    assert continued[1]["traceparent"] == f"00-{TRACE}-{PARENT}-01"
    assert len(traces.spans) == 2 * SPANS


def test_the_standard_variables_switch_them_on(start: Start, traces: Collector) -> None:
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": traces.origin, "OTEL_SERVICE_NAME": "gateway-eu"}
    house = start({**told, "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", **QUICK})
    assert call(house.edge, request("fg-nobody", ASKED)).status == 401
    [span] = traces.until(1)
    assert span.attributes["faregate.refusal"] == "invalid_key"
    assert traces.service["service.name"] == "gateway-eu"


def test_what_is_left_is_sent_at_the_end(start: Start, traces: Collector) -> None:
    house = start({"OTEL_BSP_SCHEDULE_DELAY": "60000"}, tracing={"endpoint": traces.origin})
    assert call(house.edge, request(house.tenant("acme"), ASKED)).status == 200
    assert traces.spans == []
    assert house.stop() == 0
    assert len(traces.spans) == SPANS


def test_a_collector_that_is_not_there_harms_no_call(start: Start) -> None:
    house = start(QUICK, tracing={"endpoint": f"http://127.0.0.1:{free_port()}"}, log={"format": "json"})
    key = house.tenant("acme")
    for _ in range(5):
        assert call(house.edge, request(key, ASKED)).status == 200
    began = time.monotonic()
    assert house.stop() == 0
    assert time.monotonic() - began < 9, "it is not waited for"
    assert "Traceback" not in house.log.replace('"error": "Traceback', "") or "opentelemetry" in house.log
    for secret in (OPERATOR_KEY, key, QUESTION, ANSWER):
        assert secret not in house.log
