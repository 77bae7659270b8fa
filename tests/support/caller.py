"""A caller on a plain socket: it can send what no client library would, and hang up where no library would."""

import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

CHAT = "/openai/v1/chat/completions"


@dataclass
class Answer:
    """What came back until the connection ended or the answer was whole. `whole` is false for one cut short."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


def request(key: str, body: bytes, *, path: str = CHAT, method: str = "POST", extra: str = "") -> bytes:
    """Return the bytes of a plain request."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    )
    return head.encode() + body


def chat(*, stream: bool = False, model: str = "gpt-5-mini", **more: Any) -> bytes:
    """Return the body of a chat request."""
    body = {"model": model, "messages": [{"role": "user", "content": "Why is the sky blue?"}], **more}
    return json.dumps({**body, "stream": True} if stream else body).encode()


def connect(edge: str) -> socket.socket:
    """Open a connection to the edge."""
    parts = urlsplit(edge)
    return socket.create_connection((parts.hostname, parts.port or 80), timeout=20)


def call(edge: str, data: bytes) -> Answer:
    """Send raw bytes and read one answer."""
    with connect(edge) as connection:
        connection.sendall(data)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> Answer:
    """Read one answer to its end, or to wherever it is cut."""
    reader = connection.makefile("rb")
    status_line = reader.readline()
    if not status_line:
        return Answer(0, {}, b"", whole=False)
    headers: dict[str, str] = {}
    while (line := reader.readline().strip()) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    status = int(status_line.split()[1])
    if headers.get("transfer-encoding") == "chunked":
        body, whole = _read_chunks(reader)
    elif "content-length" not in headers and headers.get("connection") == "close":
        body, whole = _read_to_end(reader)
    else:
        length = int(headers.get("content-length", "0"))
        body = reader.read(length)
        whole = len(body) == length
    return Answer(status, headers, body, whole)


def _read_chunks(reader: Any) -> tuple[bytes, bool]:
    pieces = []
    try:
        while size_line := reader.readline():
            size = int(size_line.strip() or b"0", 16)
            piece = reader.read(size)
            pieces.append(piece)
            reader.readline()
            if not size:
                return b"".join(pieces), size_line.strip() == b"0"
            if len(piece) < size:
                break
    except ConnectionError:
        pass
    return b"".join(pieces), False


def _read_to_end(reader: Any) -> tuple[bytes, bool]:
    """Read a body that ends with its connection: only a reset tells that something is missing."""
    pieces = []
    try:
        while piece := reader.read1(65536):
            pieces.append(piece)
    except ConnectionError:
        return b"".join(pieces), False
    return b"".join(pieces), True
