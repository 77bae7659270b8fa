"""The real upstream: our own keep-alive HTTP/1.1 client. It adds, follows, decodes and keeps nothing."""

import asyncio
import ssl
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Self

from aiohttp.http import RawResponseMessage
from aiohttp.streams import EMPTY_PAYLOAD
from msgspec import Struct, structs

from proxy.errors import invariant
from proxy.ledger.hold import Hold
from proxy.providers.integration import Integration, Place
from proxy.providers.permit import FreeRoute
from proxy.providers.signing import Signing
from proxy.upstream.connection import Connection
from proxy.upstream.door import Headers, Offer, Opened, Outbound, Unsent, UpstreamFailed
from proxy.upstream.handshake import Handshake
from proxy.upstream.pool import Pool
from proxy.upstream.request import Origin, Stem, head_of, origin_of, stem_of
from proxy.upstream.signers.door import Signer
from proxy.upstream.signers.shelf import Signers

_BODILESS = frozenset({204, 304})
"""Statuses whose answers have no body (RFC 9112, section 6.3)."""


class Patience(Struct, frozen=True):
    """How long the client waits, in seconds: for a connection, for an answer's head, between two pieces of it."""

    connect_s: float
    answer_s: float
    stall_s: float


class HttpAnswer:
    """An answer as it comes, undecoded."""

    __slots__ = ("_connection", "_failed", "_held", "_payload", "_pool", "framed", "headers", "status")

    def __init__(self, message: RawResponseMessage, connection: Connection, pool: Pool) -> None:
        self._held = True
        self._failed: UpstreamFailed | None = None
        self._connection, self._payload, self._pool = connection, connection.payload, pool
        self.status = message.code
        self.headers: Headers = list(message.headers.items())
        told = message.chunked or "Content-Length" in message.headers
        self.framed = told or message.code in _BODILESS or self._payload is EMPTY_PAYLOAD

    async def read(self) -> bytes:
        """Return the next bytes as they came, or `b""` at the end. Raises UpstreamFailed.

        It may be cancelled and called again: no byte is lost.
        """
        piece = await self._payload.readany()
        if not piece:
            failed = self._connection.failed if self._held else self._failed
            if failed is not None:
                raise failed
        return piece

    @property
    def ended(self) -> bool:
        """Whether all of it has been read, to a good end."""
        return self._held and self._payload.at_eof() and self._connection.failed is None

    def abort(self) -> None:
        """Close the connection."""
        if self._held:
            self._held = False
            self._connection.abort()
            self._failed = self._connection.failed

    def close(self) -> None:
        """Give the connection back; one whose answer was not read to the end is closed instead."""
        if self._held:
            self._held = False
            self._pool.give(self._connection)

    def __del__(self) -> None:
        """Close what a cancelled call has dropped; this may run in any thread."""
        if self._held:
            self._pool.abandon(self._connection)


class Route(Struct, frozen=True):
    """Where an integration's requests go, and what is the same in all of them, or who signs each."""

    stem: Stem
    pool: Pool
    origin: str = ""
    signer: Signer | None = None
    sign_as: str = ""


class Pools:
    """The pools of a process, one for each origin. They outlive the integrations that a reload puts out of force."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._tls: ssl.SSLContext | None = None
        self._pools: dict[Origin, Pool] = {}
        self._retired: list[Pool] = []

    async def prepare(self, origins: Iterable[Origin]) -> Mapping[Origin, Pool]:
        """Return the pools of these origins; those that are there are used on, with their connections."""
        wanted = set(origins)
        if self._tls is None and any(origin.tls for origin in wanted):
            self._tls = await asyncio.to_thread(_trust)
        patience = self._patience
        for origin in wanted - set(self._pools):
            context = self._tls if origin.tls else None
            self._pools[origin] = Pool(origin, context, patience.connect_s, patience.answer_s, patience.stall_s)
        return {origin: self._pools[origin] for origin in wanted}

    def keep(self, origins: Collection[Origin]) -> None:
        """Retire the pools of all other origins: what goes through them now is seen through."""
        self._retired = [pool for pool in self._retired if len(pool)]
        for origin in [origin for origin in self._pools if origin not in origins]:
            pool = self._pools.pop(origin)
            pool.retire()
            self._retired.append(pool)

    async def close(self) -> None:
        """Close every connection."""
        for pool in (*self._pools.values(), *self._retired):
            await pool.close()


class HttpUpstream:
    """Sends requests to the integrations' origins. Make it with `async with`, others beside it with `renewed`."""

    def __init__(
        self,
        integrations: Mapping[str, Integration],
        patience: Patience,
        pools: Pools | None = None,
        signers: Signers | None = None,
    ) -> None:
        self._integrations = integrations
        self._patience = patience
        self._pools = pools or Pools(patience)
        self._signers = signers
        self._routes: dict[str, Route] | None = None
        self._places: dict[tuple[str, str], Route] = {}

    async def __aenter__(self) -> Self:
        """Prepare the integrations. Raises BadConfig for a key that no header can carry, or none to sign with."""
        signers: Mapping[Signing, Signer] = {}
        if self._signers is not None:
            signers = await self._signers.prepare(each.signing for each in self._integrations.values())
        pools = await self._pools.prepare(map(origin_of, self._origins()))
        routes = {}
        for name, integration in self._integrations.items():
            signer = signers[integration.signing] if integration.signing is not None else None
            routes[name] = _route(integration, Place(integration.origin), pools, signer)
            for place, there in integration.places.items():
                self._places[name, place] = _route(integration, there, pools, signer)
        self._routes = routes
        return self

    def _origins(self) -> set[str]:
        everywhere = self._integrations.values()
        usual = {integration.origin for integration in everywhere}
        return usual | {place.origin for integration in everywhere for place in integration.places.values()}

    async def __aexit__(self, *_: object) -> None:
        """Close every connection, also those of the upstreams that were made beside it."""
        self._routes = None
        if self._signers is not None:
            await self._signers.close()
        await self._pools.close()

    async def renewed(self, integrations: Mapping[str, Integration]) -> Self:
        """Return an upstream for other integrations beside this one, which goes on; origins keep their connections.

        Raises BadConfig for a key that no header can carry, and then nothing has changed.
        """
        return await type(self)(integrations, self._patience, self._pools, self._signers).__aenter__()

    def succeed(self) -> None:
        """Be the upstream in force: connections to origins that only others have are not kept for later calls."""
        self._pools.keep(set(map(origin_of, self._origins())))

    @property
    def connections(self) -> Mapping[str, int]:
        """How many connections each integration has open; integrations of one origin share theirs."""
        return {name: len(route.pool) for name, route in (self._routes or {}).items()}

    async def send(self, request: Outbound, leave: Hold | FreeRoute) -> HttpAnswer:
        """Send once and return the answer's head. `leave` is the proof that the call may be sent.

        Raises UpstreamFailed, or Refused (malformed_request) before anything is sent.
        """
        invariant(isinstance(leave, (Hold, FreeRoute)), "sending takes a committed hold, or a free-route token")
        if self._routes is None:
            raise RuntimeError("the upstream is not open: use it with `async with`")
        route = self._routes[request.integration]
        if request.place:
            route = self._places[request.integration, request.place]
        try:
            proof = await _proof(request, route) if route.signer is not None else ""
            head = head_of(request, route.stem, proof)
            connection = await route.pool.take()
        except asyncio.CancelledError as cancelled:
            raise Unsent from cancelled
        try:
            message = await connection.exchange(head, request.body, bodiless=request.method == "HEAD")
        except BaseException:  # a cancelled call's connection is in the middle of it, and can serve no other
            connection.abort()
            raise
        return HttpAnswer(message, connection, route.pool)

    async def open(self, request: Outbound, offers: Sequence[Offer], leave: Hold | FreeRoute) -> Opened:
        """Ask for a WebSocket, once, on a connection of its own. `leave` is the proof that it may be asked for.

        Raises UpstreamFailed, or Refused (malformed_request) before anything is sent.
        """
        invariant(isinstance(leave, (Hold, FreeRoute)), "a session takes a committed hold, or a free-route token")
        if self._routes is None:
            raise RuntimeError("the upstream is not open: use it with `async with`")
        route, api_key = self._routes[request.integration], self._integrations[request.integration].api_key
        if request.place:
            route = self._places[request.integration, request.place]
        handshake = Handshake([offer.text + api_key if offer.key else offer.text for offer in offers])
        asked = structs.replace(request, headers=[*request.headers, *handshake.headers])
        proof = await _proof(asked, route) if route.signer is not None else ""
        connection = await route.pool.take()
        try:
            take_over = partial(handshake.take_over, self._patience.stall_s)
            message = await connection.upgrade(head_of(asked, route.stem, proof), take_over)
        except BaseException:  # a cancelled session's connection is in the middle of it, and can serve no other
            connection.abort()
            raise
        if handshake.line is None:
            answer = HttpAnswer(message, connection, route.pool)
            return Opened(answer.headers, answer=answer)
        return Opened(list(message.headers.items()), handshake.line, handshake.chosen)


def _route(integration: Integration, place: Place, pools: Mapping[Origin, Pool], signer: Signer | None) -> Route:
    """Prepare the way to one of an integration's places. Raises BadConfig for a key that no header can carry."""
    origin = origin_of(place.origin)
    stem = stem_of(integration, origin, signer.names if signer is not None else frozenset())
    return Route(stem, pools[origin], place.origin, signer, place.sign_as or integration.sign_as)


async def _proof(request: Outbound, route: Route) -> str:
    """Return the lines that prove whose a request is. Raises Refused (upstream_auth)."""
    if route.signer is None:
        return ""
    headers = await route.signer.sign(request, route.origin, route.sign_as)
    return "".join([f"{name}: {value}\r\n" for name, value in headers])


def _trust() -> ssl.SSLContext:
    """Return what providers' certificates are checked against: the machine's own roots. Reads files."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
