"""The setting, then the standard variables, and what switches both off."""

import pytest

from proxy.loading.tracing import traces_to
from proxy.loading.values import Collector

SET = Collector.parse("http://collector:4318")
URL = "http://collector:4318/v1/traces"
BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
WHOLE = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
OFF = {"OTEL_SDK_DISABLED": "true"}


@pytest.mark.parametrize(
    ("setting", "environ", "url"),
    [
        (Collector(), {}, ""),
        (SET, {}, URL),
        (SET, {BASE: "http://other:4318"}, URL),
        (SET, {"OTEL_TRACES_EXPORTER": "none"}, URL),
        (SET, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, URL),
        (SET, OFF, ""),
        (Collector(), {BASE: "http://other:4318"}, "http://other:4318/v1/traces"),
        (Collector(), {BASE: "http://other:4318/"}, "http://other:4318/v1/traces"),
        (Collector(), {BASE: "http://other/prefix"}, "http://other/prefix/v1/traces"),
        (Collector(), {BASE: "http://other:4318", WHOLE: "http://traces/in"}, "http://traces/in"),
        (Collector(), {BASE: "http://other:4318", "OTEL_TRACES_EXPORTER": "none"}, ""),
        (Collector(), {BASE: "http://other:4318", "OTEL_TRACES_EXPORTER": "otlp"}, "http://other:4318/v1/traces"),
        (Collector(), {BASE: "http://other:4318", **OFF}, ""),
        (Collector(), {BASE: ""}, ""),
    ],
)
def test_where_traces_go(setting: Collector, environ: dict[str, str], url: str) -> None:
    assert traces_to(setting, environ) == (url, ())


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"])
def test_a_protocol_that_is_not_spoken_is_said(name: str) -> None:
    url, [told] = traces_to(Collector(), {BASE: "http://other:4317", name: "grpc"})
    assert url == ""
    assert "is grpc: traces are sent as http/protobuf only" in told
    assert "tracing.endpoint" in told
    assert traces_to(Collector(), {name: "grpc"}) == ("", ())
