"""The real upstream: one aiohttp session for all providers, set so that it adds, follows and keeps nothing."""

import asyncio
from collections.abc import Mapping
from typing import Self

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from msgspec import Struct
from yarl import URL

from proxy.errors import invariant
from proxy.ledger.hold import Hold
from proxy.providers.integration import Integration
from proxy.providers.permit import FreeRoute
from proxy.upstream.door import Failure, Headers, Outbound, UpstreamFailed

URLS_MAX = 4096
WRITTEN_AT_ONCE = 2**18
"""Bytes of a request that are given to the socket in one go."""


class Patience(Struct, frozen=True):
    """How long the client waits, in seconds: for a connection, for an answer's head, between two pieces of it."""

    connect_s: float
    answer_s: float
    stall_s: float


class Body(aiohttp.BytesPayload):
    """A large request body, written piece by piece: aiohttp would write it at once, and warns that this blocks."""

    def __init__(self, body: bytes) -> None:
        super().__init__(b"")
        self._value, self._size = body, len(body)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write it all; `content_length` is its own."""
        del content_length
        for at in range(0, len(self._value), WRITTEN_AT_ONCE):
            await writer.write(self._value[at : at + WRITTEN_AT_ONCE])


class HttpAnswer:
    """An answer read through aiohttp, undecoded."""

    __slots__ = ("_response", "_stall_s", "framed", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, stall_s: float) -> None:
        self._response = response
        self._stall_s = stall_s
        self.status = response.status
        self.headers: Headers = [
            (name.decode("ascii", "replace"), value.decode("latin-1")) for name, value in response.raw_headers
        ]
        self.framed = "content-length" in response.headers or "transfer-encoding" in response.headers

    async def read(self) -> bytes:
        """Return the next bytes as they came, or `b""` at the end. Raises UpstreamFailed."""
        try:
            async with asyncio.timeout(self._stall_s):
                return await self._response.content.readany()
        except TimeoutError:
            self.abort()
            raise UpstreamFailed(Failure.STALLED, sent=True) from None
        except (aiohttp.ClientError, OSError):
            self.abort()
            raise UpstreamFailed(Failure.CUT, sent=True) from None

    def abort(self) -> None:
        """Close the connection."""
        self._response.close()

    def close(self) -> None:
        """Give the connection back; one whose answer was not read to the end is closed instead."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class HttpUpstream:
    """Sends requests to the integrations' origins. Make it with `async with`."""

    def __init__(self, integrations: Mapping[str, Integration], patience: Patience) -> None:
        self._integrations = integrations
        self._patience = patience
        self._urls: dict[tuple[str, str], URL] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool: unlimited, no cookies, no environment proxies, no headers of its own."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=20, ttl_dns_cache=60),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            requote_redirect_url=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=self._patience.connect_s,
                sock_connect=self._patience.connect_s,
            ),
            read_bufsize=2**18,
        )
        # aiohttp sends GET, PUT and DELETE again by itself; it has no public switch for that.
        self._session._retry_connection = False  # noqa: SLF001  # nothing that may have been processed goes out twice
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def send(self, request: Outbound, leave: Hold | FreeRoute) -> HttpAnswer:
        """Send once and return the answer's head. `leave` is the proof that the call may be sent."""
        invariant(isinstance(leave, (Hold, FreeRoute)), "sending takes a committed hold, or a free-route token")
        if self._session is None:
            raise RuntimeError("the upstream is not open: use it with `async with`")
        integration = self._integrations[request.integration]
        headers = list(request.headers)
        headers.append((integration.key_out.header, integration.key_out.value.replace("{key}", integration.api_key)))
        try:
            async with asyncio.timeout(self._patience.answer_s):
                response = await self._session.request(
                    request.method,
                    self._url(integration, request.target),
                    headers=headers,
                    data=Body(request.body) if len(request.body) > WRITTEN_AT_ONCE else request.body or None,
                    allow_redirects=False,
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UpstreamFailed(Failure.UNREACHABLE, sent=False) from error
        except TimeoutError:
            raise UpstreamFailed(Failure.NO_ANSWER, sent=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamFailed(Failure.DISCONNECTED, sent=True) from error
        return HttpAnswer(response, self._patience.stall_s)

    def _url(self, integration: Integration, target: str) -> URL:
        """Return a prepared URL: the integration's constant origin and the matched path, never joined or decoded."""
        url = self._urls.get((integration.name, target))
        if url is None:
            url = URL(integration.origin + target, encoded=True)
            if len(self._urls) < URLS_MAX:
                self._urls[integration.name, target] = url
        return url
