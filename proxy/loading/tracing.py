"""Where traces go: what the setting says, else what the standard OTEL_ variables say, unless they switch it off.

The rest of those variables (headers, timeouts, sampling, the service's name) are read by OpenTelemetry itself.
Source: the environment variable specification of OpenTelemetry, 2026-11.
"""

from collections.abc import Mapping

from proxy.loading.values import Collector

_OURS = "http/protobuf"


def traces_to(setting: Collector, environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the URL that traces are posted to, "" for nowhere, and what an operator should be told."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return "", ()
    if setting:
        return str(setting), ()
    if environ.get("OTEL_TRACES_EXPORTER") == "none":
        return "", ()
    base = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    url = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or (f"{base}/v1/traces" if base else "")
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", _OURS)
    if url and protocol != _OURS:
        told = (
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}: traces are sent as {_OURS} only, so none are; "
            "set tracing.endpoint to the collector's HTTP port, 4318 if it is the usual one"
        )
        return "", (told,)
    return url, ()
