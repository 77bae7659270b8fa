"""One trace a call: its spans, their times, their attributes, and what is never in them."""

from typing import Any

import pytest
from msgspec import structs
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.trace import SpanKind, StatusCode
from unit.watching.conftest import BILL, changed

from proxy.ledger.call import Outcome
from proxy.watching.names import Names
from proxy.watching.report import CallReport, Marks
from proxy.watching.traces import CallTraces, resource, server_attributes, usage_attributes

NAMES = Names({"acme": "acme.cloud"}, {"chat": "chat"})
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STARTED_NS = 1_795_248_000_000_000_000


class Made:
    """Spans that were made, by name."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.traces = CallTraces(provider, NAMES, "1")

    def of(self, report: CallReport) -> dict[str, ReadableSpan]:
        """Tell of a call and return its spans."""
        self.exporter.clear()
        self.traces.ended(report)
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def made() -> Made:
    return Made()


@pytest.fixture
def report(report: CallReport) -> CallReport:
    report.marks.over = 103.001
    return report


def seconds(span: ReadableSpan) -> tuple[float, float]:
    """Return when a span began and ended, from the beginning of the call."""
    assert span.start_time is not None
    assert span.end_time is not None
    return round((span.start_time - STARTED_NS) / 1e9, 6), round((span.end_time - STARTED_NS) / 1e9, 6)


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_call_is_a_span_with_three_inside(made: Made, report: CallReport) -> None:
    spans = made.of(report)
    assert list(spans) == ["hold", "chat m-1", "settle", "POST /v1/chat"]
    whole = spans["POST /v1/chat"]
    assert (whole.kind, whole.parent, whole.status.status_code) == (SpanKind.SERVER, None, StatusCode.UNSET)
    assert spans["chat m-1"].kind is SpanKind.CLIENT
    for name in ("hold", "chat m-1", "settle"):
        assert spans[name].parent == whole.context
    assert {name: seconds(span) for name, span in spans.items()} == {
        "POST /v1/chat": (0.0, 3.001),
        "hold": (0.001, 0.002),
        "chat m-1": (0.002, 2.99),
        "settle": (2.99, 3.0),
    }
    [event] = spans["chat m-1"].events
    assert (event.name, event.timestamp) == ("answer begins", STARTED_NS + 1_000_000_000)


def test_what_is_said_of_the_whole(made: Made, report: CallReport) -> None:
    assert said(made.of(report)["POST /v1/chat"]) == {
        "http.request.method": "POST",
        "http.route": "/v1/chat",
        "http.response.status_code": 200,
        "faregate.call.id": "call_1",
        "faregate.tenant.id": report.record.tenant,
        "faregate.key.id": "key_1",
        "faregate.integration": "acme",
        "faregate.endpoint": "chat",
        "faregate.outcome": "answered",
        "faregate.certainty": "exact",
        "faregate.upstream_cost_nanos": BILL.upstream_cost_nanos,
        "faregate.charge_nanos": BILL.charge_nanos,
        "faregate.exposure_nanos": 0,
    }


def test_what_is_said_of_the_provider_s_part(made: Made, report: CallReport) -> None:
    bill = structs.replace(BILL, model="m-1-2026")
    assert said(made.of(structs.replace(report, bill=bill, streamed=True))["chat m-1"]) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "acme.cloud",
        "gen_ai.request.model": "m-1",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "m-1-2026",
        "gen_ai.usage.input_tokens": 1_000,
        "gen_ai.usage.output_tokens": 500,
        "server.address": "api.acme.example",
        "server.port": 443,
    }


def test_names_that_are_not_known_stand_for_themselves(made: Made, report: CallReport) -> None:
    span = made.of(changed(report, integration="mine", endpoint="speak", model=""))["speak"]
    assert (said(span)["gen_ai.provider.name"], said(span)["gen_ai.operation.name"]) == ("mine", "speak")
    assert "gen_ai.request.model" not in said(span)


def test_usage_as_the_conventions_count_it() -> None:
    used = {
        "input_tokens": 10,
        "input_audio_tokens": 2,
        "cache_read_tokens": 100,
        "cache_write_5m_tokens": 1_000,
        "output_tokens": 5,
        "reasoning_tokens": 50,
        "audio_seconds": 1.5,
    }
    assert usage_attributes(used) == {
        "gen_ai.usage.input_tokens": 1_112,
        "gen_ai.usage.output_tokens": 55,
        "gen_ai.usage.cache_read.input_tokens": 100,
        "gen_ai.usage.cache_write.input_tokens": 1_000,
        "gen_ai.usage.reasoning.output_tokens": 50,
        "faregate.usage.audio_seconds": 1.5,
    }


def test_the_names_are_those_of_the_conventions() -> None:
    """But for what has been renamed since the package was made: it knows `cache_creation` and no `cache_write`."""
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    used = set(usage_attributes({"input_tokens": 1, "cache_read_tokens": 1, "reasoning_tokens": 1}))
    assert used | {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.stream"} <= known


@pytest.mark.parametrize(
    ("origin", "place"),
    [
        ("https://api.acme.example", ("api.acme.example", 443)),
        ("http://10.0.0.1", ("10.0.0.1", 80)),
        ("http://[::1]:8000", ("::1", 8000)),
    ],
)
def test_where_the_provider_is(origin: str, place: tuple[str, int]) -> None:
    assert server_attributes(origin) == {"server.address": place[0], "server.port": place[1]}
    assert server_attributes("") == {}


def test_the_caller_s_trace_is_continued(made: Made, report: CallReport) -> None:
    header = f"00-{TRACE}-{PARENT}-01"
    whole = made.of(structs.replace(report, traceparent=header, tracestate="vendor=1"))["POST /v1/chat"]
    assert whole.context is not None
    assert f"{whole.context.trace_id:032x}" == TRACE
    assert whole.parent is not None
    assert f"{whole.parent.span_id:016x}" == PARENT
    assert whole.context.trace_state.get("vendor") == "1"


@pytest.mark.parametrize("header", ["", "junk", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{PARENT}"])
def test_junk_begins_a_trace_of_its_own(made: Made, report: CallReport, header: str) -> None:
    assert made.of(structs.replace(report, traceparent=header))["POST /v1/chat"].parent is None


def test_a_caller_who_is_not_sampled_is_not(made: Made, report: CallReport) -> None:
    assert made.of(structs.replace(report, traceparent=f"00-{TRACE}-{PARENT}-00")) == {}


def test_what_is_not_sampled_costs_one_span(report: CallReport, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = CallTraces(TracerProvider(sampler=ALWAYS_OFF), NAMES, "1")
    monkeypatch.setattr(traces, "_upstream", lambda *_: pytest.fail("it was made"))
    traces.ended(report)


def refused(report: CallReport, status: int, code: str, marks: Marks, **record: Any) -> CallReport:
    told = changed(report, outcome=Outcome.REFUSED, refusal=code, status=status, **record)
    return structs.replace(told, marks=marks, hold=None, bill=None, receipt=None)


def test_a_call_that_was_refused_before_its_hold(made: Made, report: CallReport) -> None:
    spans = made.of(refused(report, 401, "invalid_key", Marks(100.0), tenant="", key=""))
    assert list(spans) == ["POST /v1/chat"]
    whole = spans["POST /v1/chat"]
    assert whole.status.status_code is StatusCode.UNSET, "a caller's fault is no fault of the server"
    assert said(whole)["faregate.refusal"] == "invalid_key"
    assert not {"faregate.tenant.id", "faregate.charge_nanos"} & set(said(whole))


def test_a_hold_that_was_refused(made: Made, report: CallReport) -> None:
    marks = Marks(100.0)
    marks.asked, marks.over = 100.1, 100.2
    spans = made.of(refused(report, 402, "balance_exhausted", marks))
    assert list(spans) == ["hold", "POST /v1/chat"]
    assert spans["hold"].status.status_code is StatusCode.ERROR
    assert (said(spans["hold"])["error.type"], seconds(spans["hold"])) == ("balance_exhausted", (0.1, 0.2))


@pytest.mark.parametrize(
    ("outcome", "status", "refusal", "kind", "whole_failed"),
    [
        (Outcome.UPSTREAM_CUT, 200, "upstream_unreachable", "upstream_unreachable", True),
        (Outcome.UPSTREAM_ERROR, 429, "", "429", False),
        (Outcome.UPSTREAM_ERROR, 503, "", "503", True),
        (Outcome.TIMED_OUT, 0, "", "timed_out", True),
    ],
)
def test_a_provider_that_fails(
    made: Made, report: CallReport, outcome: Outcome, status: int, refusal: str, kind: str, whole_failed: bool
) -> None:
    spans = made.of(changed(report, outcome=outcome, status=status, refusal=refusal))
    part, whole = spans["chat m-1"], spans["POST /v1/chat"]
    assert (part.status.status_code, said(part)["error.type"]) == (StatusCode.ERROR, kind)
    assert (whole.status.status_code is StatusCode.ERROR) is whole_failed


def test_an_ending_that_is_only_in_the_journal_says_so(made: Made, report: CallReport) -> None:
    assert said(made.of(report)["settle"]) == {"faregate.journalled": False}
    assert said(made.of(structs.replace(report, receipt=None))["settle"]) == {"faregate.journalled": True}


def test_a_caller_s_words_name_nothing_without_bounds(made: Made, report: CallReport) -> None:
    wild = structs.replace(changed(report, model="m" * 9_999), method="STEAL", template="")
    spans = made.of(wild)
    assert set(spans) == {"hold", "settle", "HTTP", f"chat {'m' * 200}"}
    assert said(spans["HTTP"])["http.request.method"] == "_OTHER"


@pytest.mark.parametrize(("name", "service"), [("", "faregate"), ("gateway-eu", "gateway-eu")])
def test_the_service_has_a_name(monkeypatch: pytest.MonkeyPatch, name: str, service: str) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", name)
    attributes = resource("1.2").attributes
    assert (attributes["service.name"], attributes["service.version"]) == (service, "1.2")
