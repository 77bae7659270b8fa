"""The connections to one origin: those in use, and those that wait for the next call."""

import asyncio
import contextlib
import ssl
from collections import deque
from socket import SOCK_STREAM

import aiohappyeyeballs
from aiohappyeyeballs import AddrInfoType

from proxy.upstream.connection import Connection
from proxy.upstream.door import Failure, UpstreamFailed
from proxy.upstream.request import Origin

IDLE_S_MAX = 20.0
"""Seconds that a connection may wait for another call: fewer than after which servers close it."""
FRESH_S = 0.5
"""Seconds of waiting after which a connection is looked at before it is used."""
ADDRESSES_S = 60.0
"""Seconds for which the addresses of a host are remembered."""
SECOND_ADDRESS_AFTER_S = 0.25
"""Seconds after which the next address of a host is tried beside the first (RFC 8305, section 5)."""


class Pool:
    """Connections without a limit. The one used last is used first, so that those too many grow old and are closed."""

    def __init__(
        self, origin: Origin, tls: ssl.SSLContext | None, connect_s: float, answer_s: float, stall_s: float
    ) -> None:
        self._origin, self._tls = origin, tls
        self._connect_s, self._answer_s, self._stall_s = connect_s, answer_s, stall_s
        self._loop = asyncio.get_running_loop()
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._closed = False
        self._retired = False
        self._emptied = asyncio.Event()
        self._addresses: list[AddrInfoType] = []
        self._addresses_until = 0.0

    def __len__(self) -> int:
        return len(self._open)

    async def take(self) -> Connection:
        """Return a connection that nobody else uses. Raises UpstreamFailed (unreachable, not sent)."""
        while self._idle:
            connection = self._idle.pop()
            idle_s = self._loop.time() - connection.idle_since
            if idle_s > IDLE_S_MAX:
                connection.abort()
                continue
            if idle_s > FRESH_S:
                await self._look(connection)
            if connection.usable:
                return connection
        return await self._connect()

    def give(self, connection: Connection) -> None:
        """Take a connection back: for the next call if it can carry one."""
        if self._closed or self._retired or not connection.rest():
            connection.abort()
            return
        connection.idle_since = now = self._loop.time()
        self._idle.append(connection)
        while self._idle and now - self._idle[0].idle_since > IDLE_S_MAX:
            self._idle.popleft().abort()

    def abandon(self, connection: Connection) -> None:
        """Close a connection that its user has forgotten. May be called from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and its connections with it
            self._loop.call_soon_threadsafe(connection.abort)

    def retire(self) -> None:
        """Keep no connection any more: calls under way end as they are, and no later one is expected."""
        self._retired = True
        while self._idle:
            self._idle.pop().abort()

    async def close(self) -> None:
        """Close every connection, whatever it carries, and wait until they are closed."""
        self._closed = True
        self._idle.clear()
        for connection in list(self._open):
            connection.abort()
        while self._open:
            self._emptied.clear()
            await self._emptied.wait()

    async def _look(self, connection: Connection) -> None:
        """Let the loop read once more: a provider's goodbye may have arrived that it has not seen yet.

        It takes two turns: the first finds the socket readable, the second reads it.
        """
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            connection.abort()
            raise

    async def _connect(self) -> Connection:
        """Open a connection within `connect_s`."""
        try:
            async with asyncio.timeout(self._connect_s):
                socket = await aiohappyeyeballs.start_connection(
                    await self._resolve(),
                    happy_eyeballs_delay=SECOND_ADDRESS_AFTER_S,
                    interleave=1,
                    loop=self._loop,
                )
                try:
                    _, connection = await self._loop.create_connection(
                        self._new,
                        sock=socket,
                        ssl=self._tls,
                        server_hostname=self._origin.host if self._tls is not None else None,
                    )
                except BaseException:
                    socket.close()
                    raise
        except (OSError, UnicodeError) as error:  # of all that ssl, socket and asyncio.timeout raise
            self._addresses_until = 0.0
            raise UpstreamFailed(Failure.UNREACHABLE, sent=False) from error
        if self._closed or not connection.usable:
            connection.abort()
            raise UpstreamFailed(Failure.UNREACHABLE, sent=False)
        self._open.add(connection)
        return connection

    async def _resolve(self) -> list[AddrInfoType]:
        if self._loop.time() >= self._addresses_until:
            found = await self._loop.getaddrinfo(self._origin.host, self._origin.port, type=SOCK_STREAM)
            self._addresses = list(found)
            self._addresses_until = self._loop.time() + ADDRESSES_S
        return self._addresses

    def _new(self) -> Connection:
        return Connection(self._loop, self._answer_s, self._stall_s, self._forget)

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open:
            self._emptied.set()
