"""Imitations of AWS and Google Cloud: they check who signed, and answer in their own shapes."""

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from proxy.wire.event_stream import write_frame

ACCESS_KEY, SECRET_KEY, REGION = "AKIAOPERATOR", "the-operators-secret", "us-east-1"
TOKEN = "ya29.the-operators-token"
TEXT = "It scatters."
NOVA = {"inputTokens": 9, "outputTokens": 4, "totalTokens": 13}
CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": TEXT}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 4},
}
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": TEXT}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13},
    "modelVersion": "gemini-2.5-flash",
}
CACHE = {
    "name": "projects/123/locations/us-central1/cachedContents/77",
    "model": "projects/acme-project/locations/us-central1/publishers/google/models/gemini-2.5-flash",
    "createTime": "2026-11-21T10:00:00Z",
    "updateTime": "2026-11-21T10:00:00Z",
    "expireTime": "2026-11-21T10:05:00Z",
    "usageMetadata": {"totalTokenCount": 3000},
}


def event(name: str, payload: Any) -> bytes:
    """Return one event of an event stream."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return write_frame(headers, json.dumps(payload).encode())


def chunk(payload: Any) -> bytes:
    """Return one chunk of a model's own stream."""
    return event("chunk", {"bytes": base64.b64encode(json.dumps(payload).encode()).decode()})


SAID = event("messageStart", {"role": "assistant"}) + event(
    "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": TEXT}}
)
CONVERSED = (
    SAID
    + event("messageStop", {"stopReason": "end_turn"})
    + event("metadata", {"usage": NOVA, "metrics": {"latencyMs": 1}})
)
THROTTLED = SAID + write_frame(
    {":message-type": "exception", ":exception-type": "throttlingException", ":content-type": "application/json"},
    b'{"message": "slow down"}',
)
INVOKED = b"".join(
    [
        chunk({"type": "message_start", "message": {**CLAUDE, "content": [], "stop_reason": None}}),
        chunk({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        chunk({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}}),
        chunk({"type": "content_block_stop", "index": 0}),
        chunk({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}}),
        chunk({"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 9}}),
    ]
)


@dataclass
class Cloud:
    """What the imitation was sent, and what was wrong with it."""

    url: str = ""
    seen: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    tokens: int = 0


def check_signature(path: str, headers: dict[str, str], body: bytes, url: str) -> str:
    """Return what is wrong with a request's signature: nothing, if botocore signs it the same."""
    given = headers.get("authorization", "")
    if f"Credential={ACCESS_KEY}/" not in given:
        return f"{path}: not signed by the operator: {given[:60]}"
    signed = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    copy = AWSRequest("POST", url + path, data=body)
    for name in signed:
        if name != "host":
            copy.headers[name] = headers[name]
    auth = SigV4Auth(ReadOnlyCredentials(ACCESS_KEY, SECRET_KEY, None), "bedrock", REGION)
    copy.context["timestamp"] = headers["x-amz-date"]
    expected = auth.signature(auth.string_to_sign(copy, auth.canonical_request(copy)), copy)
    return "" if given.endswith(f"Signature={expected}") else f"{path}: the signature does not fit"


def answer_of(path: str) -> tuple[str, bytes, dict[str, str]]:
    """Return the type, the body and further headers of what is answered at a path."""
    plain = unquote(path).partition("?")[0]
    frames = "application/vnd.amazon.eventstream"
    if plain.endswith("/converse"):
        said = {"output": {"message": {"role": "assistant", "content": [{"text": TEXT}]}}, "stopReason": "end_turn"}
        return "application/json", json.dumps({**said, "usage": NOVA, "metrics": {"latencyMs": 1}}).encode(), {}
    if plain.endswith("/converse-stream"):
        return frames, THROTTLED if "nova-lite" in plain else SAID if "nova-pro" in plain else CONVERSED, {}
    if plain.endswith("/invoke"):
        counts = {"x-amzn-bedrock-input-token-count": "9", "x-amzn-bedrock-output-token-count": "4"}
        return "application/json", json.dumps(CLAUDE).encode(), counts
    if plain.endswith("/invoke-with-response-stream"):
        return frames, INVOKED, {"x-amzn-bedrock-content-type": "application/json"}
    if plain.endswith(":streamGenerateContent"):
        return "text/event-stream", b"data: " + json.dumps(GEMINI).encode() + b"\r\n\r\n", {}
    if plain.endswith(":rawPredict"):
        return "application/json", json.dumps(CLAUDE).encode(), {}
    if plain.endswith(":predict"):
        one = {"embeddings": {"values": [0.5], "statistics": {"token_count": 3, "truncated": False}}}
        return "application/json", json.dumps({"predictions": [one, one]}).encode(), {}
    if "/cachedContents" in plain:
        return "application/json", json.dumps(CACHE).encode(), {}
    return "application/json", json.dumps(GEMINI).encode(), {}


def handler_of(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    """Return what serves a cloud."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            cloud.raw.append(str(self.headers).encode() + body)
            if self.path == "/token":
                cloud.tokens += 1
                self._send("application/json", json.dumps({"access_token": TOKEN, "expires_in": 3600}).encode(), {})
                return
            cloud.seen.append(unquote(self.path).partition("?")[0])
            if self.path.startswith("/model/"):
                fault = check_signature(self.path, headers, body, cloud.url)
            else:
                fault = "" if headers.get("authorization") == f"Bearer {TOKEN}" else f"{self.path}: no token"
            if fault:
                cloud.faults.append(fault)
            self._send(*answer_of(self.path))

        def do_DELETE(self) -> None:
            self.do_POST()

        def _send(self, kind: str, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(200)
            for name, value in {"content-type": kind, "content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def cloud() -> Iterator[Cloud]:
    """Serve both clouds on a free port of this machine."""
    made = Cloud()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(made)) as server:
        server.daemon_threads = True
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def service_account(folder: Path, token_url: str) -> Path:
    """Write the file of a service account whose tokens come from here."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "account.json"
    content = {
        "type": "service_account",
        "client_email": "faregate@acme.iam.gserviceaccount.com",
        "private_key_id": "k1",
        "private_key": key.private_bytes(*kinds).decode(),
        "token_uri": token_url,
    }
    path.write_text(json.dumps(content))
    return path
