"""The yardstick `B`: a pass-through proxy on aiohttp and uvloop, as a sensible engineer writes one in an afternoon.

`python -m benchmarks.bare --upstream URL --key KEY` prints its port and serves until it is told to stop. One
catch-all handler, one session, the caller's key replaced by ours, headers copied, the body streamed. It has no
metering, no ledger and no limits: it is what a caller would pay for only passing a call on.
"""

import argparse
import asyncio
import signal

import uvloop
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from multidict import CIMultiDict

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
NOT_SENT_ON = HOP_BY_HOP | {"host", "authorization", "content-length"}


class Bare:
    """Passes every request on to one origin."""

    def __init__(self, session: ClientSession, origin: str, key: str) -> None:
        self._session = session
        self._origin = origin
        self._authorization = f"Bearer {key}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Send the request with our key, and relay the answer as it comes."""
        headers = CIMultiDict(
            (name, value) for name, value in request.headers.items() if name.lower() not in NOT_SENT_ON
        )
        headers["Authorization"] = self._authorization
        body = await request.read()
        url = self._origin + request.path_qs
        async with self._session.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    response.headers.add(name, value)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


async def serve(origin: str, key: str) -> None:
    """Listen on a free port, print it, and serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    session = ClientSession(
        connector=TCPConnector(limit=0),
        timeout=ClientTimeout(total=None, sock_read=600),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
    )
    async with session:
        app = web.Application(client_max_size=32 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", Bare(session, origin, key).handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        print(runner.addresses[0][1], flush=True)
        await stop.wait()
        await runner.cleanup()


def main() -> None:
    """Read where to pass calls on to, and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--key", required=True)
    told = parser.parse_args()
    uvloop.run(serve(told.upstream, told.key))


if __name__ == "__main__":
    main()
