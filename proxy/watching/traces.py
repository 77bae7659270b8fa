"""OpenTelemetry: one trace a call, made when the call is over from the times of its steps.

    POST /v1/chat/completions     SERVER    all of it: tenant, outcome, charge; continues the caller's trace
      hold                        INTERNAL  the reservation of the worst case
      chat gpt-5-mini             CLIENT    the provider's part, with the attributes of generative AI
      settle                      INTERNAL  the end of the hold

Only ids, names, quantities and money; never a key, a prompt or an answer. Nothing is added to what the provider is
sent: a caller's own `traceparent` passes as it came. This module is imported only if traces are switched on.
"""

from collections.abc import Callable, Mapping
from threading import Timer
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from proxy.ledger.call import Outcome
from proxy.money import Quantity
from proxy.watching.names import Names
from proxy.watching.report import CallReport

Attributes = Mapping[str, str | int | float | bool]

FLUSH_S = 3.0
"""How long it is tried to send what is left when the process ends: a collector that is gone must not delay that."""

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_FAILED = frozenset({Outcome.UPSTREAM_FAILED, Outcome.UPSTREAM_CUT, Outcome.TIMED_OUT, Outcome.STOPPED})
_CLIENT_FAULT, _SERVER_FAULT = 400, 500
_TEXT_MAX = 200


class CallTraces:
    """Makes a trace of each call that it is told of."""

    def __init__(self, provider: TracerProvider, names: Names, version: str) -> None:
        self._tracer = provider.get_tracer("faregate", version)
        self._propagator = TraceContextTextMapPropagator()
        self._names = names

    def ended(self, report: CallReport) -> None:
        """Make the trace of a call."""
        marks = report.marks
        began_ns = report.record.started_at * 1_000

        def at(mark: float) -> int:
            return began_ns + round((mark - marks.began) * 1e9)

        method = report.method if report.method in _METHODS else "HTTP"
        whole = self._tracer.start_span(
            f"{method} {report.template}".strip(),
            self._propagator.extract({"traceparent": report.traceparent, "tracestate": report.tracestate}),
            SpanKind.SERVER,
            whole_attributes(report),
            start_time=began_ns,
        )
        if whole.is_recording():
            inside = set_span_in_context(whole)
            if marks.asked:
                self._hold(report, inside, at(marks.asked), at(marks.sent or marks.over))
            if marks.sent:
                head = at(marks.head) if marks.head else None
                self._upstream(report, inside, at(marks.sent), head, at(marks.ending or marks.over))
            if marks.settled:
                settle = self._tracer.start_span("settle", inside, start_time=at(marks.ending))
                settle.set_attribute("faregate.journalled", report.receipt is None)
                settle.end(at(marks.settled))
            if report.record.outcome in _FAILED or report.record.status >= _SERVER_FAULT:
                fail(whole, report)
        whole.end(at(marks.over))

    def _hold(self, report: CallReport, inside: Context, began: int, ended: int) -> None:
        span = self._tracer.start_span("hold", inside, start_time=began)
        if report.hold is not None:
            span.set_attribute("faregate.hold_nanos", report.hold.wallet_nanos)
        elif report.record.refusal:
            fail(span, report)
        span.end(ended)

    def _upstream(self, report: CallReport, inside: Context, began: int, head: int | None, ended: int) -> None:
        record = report.record
        operation = self._names.operations.get(record.endpoint, record.endpoint)
        span = self._tracer.start_span(
            f"{operation} {record.model[:_TEXT_MAX]}".strip(),
            inside,
            SpanKind.CLIENT,
            {
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": self._names.providers.get(record.integration, record.integration),
                **({"gen_ai.request.model": record.model[:_TEXT_MAX]} if record.model else {}),
                "gen_ai.request.stream": report.streamed,
                **server_attributes(report.origin),
            },
            start_time=began,
        )
        if report.bill is not None:
            span.set_attributes(
                {"gen_ai.response.model": report.bill.model[:_TEXT_MAX], **usage_attributes(report.usage)}
            )
        if head is not None:
            span.add_event("answer begins", timestamp=head)
        if record.outcome in _FAILED or record.status >= _CLIENT_FAULT:
            fail(span, report)
        span.end(ended)


def open_traces(url: str, names: Names, version: str) -> tuple[CallTraces, Callable[[], None]]:
    """Return what sends traces to a collector, in a thread of OpenTelemetry's own, and what ends that; it blocks."""
    provider = TracerProvider(resource=resource(version))
    exporter = OTLPSpanExporter(endpoint=url)
    provider.add_span_processor(BatchSpanProcessor(exporter))

    def close() -> None:
        give_up = Timer(FLUSH_S, exporter.shutdown)
        give_up.start()
        provider.shutdown()
        give_up.cancel()

    return CallTraces(provider, names, version), close


def resource(version: str) -> Resource:
    """Return what all traces are from: our name, unless the environment has another."""
    name = OTELResourceDetector().detect().attributes.get("service.name", "faregate")
    return Resource.create({"service.name": name, "service.version": version})


def whole_attributes(report: CallReport) -> Attributes:
    """Return what is said of a whole call. Money is in nano-USD, so that it is exact."""
    record, receipt = report.record, report.receipt
    told: dict[str, str | int | float | bool] = {
        "http.request.method": report.method if report.method in _METHODS else "_OTHER",
        "http.route": report.template,
        "http.response.status_code": record.status,
        "faregate.call.id": record.id,
        "faregate.tenant.id": record.tenant,
        "faregate.key.id": record.key,
        "faregate.integration": record.integration,
        "faregate.endpoint": record.endpoint,
        "faregate.outcome": record.outcome.value,
        "faregate.refusal": record.refusal,
    }
    if report.bill is not None:
        told["faregate.certainty"] = report.bill.certainty.value
        told["faregate.upstream_cost_nanos"] = report.bill.upstream_cost_nanos
    if receipt is not None:
        told["faregate.charge_nanos"] = receipt.paid_nanos
        told["faregate.exposure_nanos"] = receipt.exposure_nanos
    return {name: value for name, value in told.items() if value not in ("", 0) or name.endswith("_nanos")}


def usage_attributes(usage: Mapping[str, Quantity]) -> Attributes:
    """Return quantities as the conventions count them: input with what caches read and took, output with reasoning."""
    told = {
        "gen_ai.usage.input_tokens": _tokens(usage, "input_", "cache_read_", "cache_write_", "citation_"),
        "gen_ai.usage.output_tokens": _tokens(usage, "output_", "reasoning_"),
    }
    for part, prefix in (("cache_read.input", "cache_read_"), ("cache_write.input", "cache_write_")):
        if tokens := _tokens(usage, prefix):
            told[f"gen_ai.usage.{part}_tokens"] = tokens
    if reasoning := _tokens(usage, "reasoning_"):
        told["gen_ai.usage.reasoning.output_tokens"] = reasoning
    others = {f"faregate.usage.{unit}": float(used) for unit, used in usage.items() if not unit.endswith("_tokens")}
    return {**told, **others}


def server_attributes(origin: str) -> Attributes:
    """Return where the provider is."""
    parts = urlsplit(origin)
    if not parts.hostname:
        return {}
    return {"server.address": parts.hostname, "server.port": parts.port or (443 if parts.scheme == "https" else 80)}


def fail(span: Span, report: CallReport) -> None:
    """Mark a span as failed: by our code if it is ours, by its status if it is the provider's."""
    span.set_status(Status(StatusCode.ERROR))
    record = report.record
    span.set_attribute("error.type", record.refusal or (str(record.status) if record.status else record.outcome.value))


def _tokens(usage: Mapping[str, Quantity], *prefixes: str) -> int:
    return int(sum(used for unit, used in usage.items() if unit.endswith("_tokens") and unit.startswith(prefixes)))
