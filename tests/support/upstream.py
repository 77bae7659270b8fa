"""A provider that says exactly what a test tells it to, byte by byte, and remembers what it was sent."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn


@dataclass
class Seen:
    """One request as it came over the wire; `turn` is its number on its connection."""

    line: str
    headers: dict[str, str]
    body: bytes
    turn: int = 1


@dataclass
class Upstream:
    """Answers each request with `answer`, which is handed the connection and may break it as it likes.

    `early` is asked between the head and the body of a request.
    """

    answer: Callable[[socket.socket, Seen], None]
    early: Callable[[socket.socket], None] = lambda _: None
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    @property
    def origin(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def upstream(answer: Callable[[socket.socket, Seen], None]) -> Iterator[Upstream]:
    """Run an upstream on a free port of the loopback interface, a thread for each connection."""
    fake = Upstream(answer)
    with socket.create_server(("127.0.0.1", 0)) as server:
        fake.port = server.getsockname()[1]
        accepting = threading.Thread(target=_accept, args=(server, fake), daemon=True)
        accepting.start()
        yield fake
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        accepting.join(timeout=5)


def _accept(server: socket.socket, fake: Upstream) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, fake), daemon=True).start()


def _serve(connection: socket.socket, fake: Upstream) -> None:
    with connection, contextlib.suppress(OSError), connection.makefile("rb") as reader:
        turn = 0
        while line := reader.readline():
            turn += 1
            headers = {}
            while (field_ := reader.readline().strip()) != b"":
                name, _, value = field_.decode("latin-1").partition(":")
                headers[name.strip().lower()] = value.strip()
            fake.early(connection)
            body = reader.read(int(headers.get("content-length", "0")))
            seen = Seen(line.decode("latin-1").strip(), headers, body, turn)
            fake.seen.append(seen)
            fake.answer(connection, seen)


def json_answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole HTTP answer with a JSON body."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Frame one piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def reset(connection: socket.socket) -> NoReturn:
    """End the connection with a reset instead of an end of file."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    hang_up()


def hang_up() -> NoReturn:
    """End the connection where it is."""
    raise ConnectionAbortedError
