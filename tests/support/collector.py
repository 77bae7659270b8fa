"""A collector of traces that speaks OTLP over HTTP, and keeps what it is sent."""

import contextlib
import gzip
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collected:
    """One span, as far as tests look at it. Ids are hexadecimal, times Unix nanoseconds."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    began: int
    ended: int
    failed: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    """What was sent: spans in order, all bodies as they came, and the headers of the last."""

    port: int
    spans: list[Collected] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    service: dict[str, Any] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def until(self, spans: int, within_s: float = 20.0) -> list[Collected]:
        """Wait until there are so many spans, and return them."""
        deadline = time.monotonic() + within_s
        while len(self.spans) < spans:
            assert time.monotonic() < deadline, f"{len(self.spans)} spans, not {spans}"
            time.sleep(0.02)
        return self.spans

    def take(self, body: bytes) -> None:
        """Keep what one request carried."""
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.service = _plain(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [
                    Collected(
                        name=span.name,
                        kind=span.kind,
                        trace=span.trace_id.hex(),
                        id=span.span_id.hex(),
                        parent=span.parent_span_id.hex(),
                        began=span.start_time_unix_nano,
                        ended=span.end_time_unix_nano,
                        failed=span.status.code == 2,
                        attributes=_plain(span.attributes),
                    )
                    for span in scope.spans
                ]


@contextlib.contextmanager
def collector() -> Iterator[Collector]:
    """Run a collector on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.headers["Content-Type"] == "application/x-protobuf"
            kept.paths.append(self.path)
            kept.take(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept = Collector(server.server_address[1])
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield kept
        server.shutdown()
        serving.join(timeout=5)


def _plain(attributes: Any) -> dict[str, Any]:
    found = {}
    for each in attributes:
        kind = each.value.WhichOneof("value")
        found[each.key] = getattr(each.value, kind) if kind else None
    return found
