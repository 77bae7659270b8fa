"""A provider of canned bytes: `python -m benchmarks.upstream`. It prints its port and serves until it is killed.

One protocol on uvloop, no framework, so that it is never what limits a contestant. A request without the provider's
key is answered 401: a contestant that forwards the caller's key fails its run.
"""

import argparse
import asyncio
import re
import time
from typing import cast

import uvloop

from benchmarks import work

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_STREAM = re.compile(rb'"stream"\s*:\s*true')
_USAGE = re.compile(rb'"include_usage"\s*:\s*true')
_KEY = f"Bearer {work.PROVIDER_KEY}\r\n".encode()
_REFUSAL = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"


class Canned:
    """The bytes of every answer, made once, and the pace of a stream."""

    def __init__(self, chunks: int, pause_s: float) -> None:
        self.chunks = chunks
        self.pause_s = pause_s
        self.answer = work.answer()
        self.head = work.stream_head()
        self.chunk = {usage: work.chunk(usage=usage) for usage in (False, True)}
        self.end = {usage: work.stream_end(usage=usage) for usage in (False, True)}


class Provider(asyncio.Protocol):
    """One connection: reads a whole request, answers it, and waits for the next."""

    def __init__(self, canned: Canned, loop: asyncio.AbstractEventLoop) -> None:
        self._canned = canned
        self._loop = loop
        self._transport: asyncio.Transport
        self._buffer = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop a stream that nobody reads."""
        del exc
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer once the body is whole. Requests are not pipelined."""
        data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        length = _LENGTH.search(data, 0, end + 2) if end >= 0 else None
        if end < 0 or (length is not None and len(data) < end + 4 + int(length[1])):
            self._buffer = data
            return
        self._buffer = b""
        if _KEY not in data:
            self._transport.write(_REFUSAL)
        elif _STREAM.search(data, end):
            self._begin(usage=_USAGE.search(data, end) is not None)
        else:
            self._transport.write(self._canned.answer)

    def _begin(self, *, usage: bool) -> None:
        """Send the head at once; the first chunk follows one pause later."""
        self._transport.write(self._canned.head)
        self._wait(0, self._loop.time() + self._canned.pause_s, usage)

    def _wait(self, sent: int, due: float, usage: bool) -> None:
        self._timer = self._loop.call_at(due, self._send, sent, due, usage)

    def _send(self, sent: int, due: float, usage: bool) -> None:
        canned = self._canned
        if sent == canned.chunks:
            self._transport.write(canned.end[usage])
            return
        before, after = canned.chunk[usage]
        self._transport.write(b"%b%0*d%b" % (before, work.STAMP_DIGITS, time.monotonic_ns(), after))
        self._wait(sent + 1, due + canned.pause_s, usage)


async def serve(canned: Canned) -> None:
    """Listen on a free port, print it, and serve."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(canned, loop), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the pace of the streams and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--pause-ms", type=float, default=10.0)
    told = parser.parse_args()
    uvloop.run(serve(Canned(told.chunks, told.pause_ms / 1000)))


if __name__ == "__main__":
    main()
