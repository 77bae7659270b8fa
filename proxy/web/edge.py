"""The edge: the server of the providers' traffic. It knows every connection, ends those that take too long, and all.

The operator API is served by aiohttp's own server; here its connection handler is replaced by a leaner one
(`connection.py`), which does what a metering proxy needs and no more.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from aiohttp import web

from proxy.errors import Refusal
from proxy.web.connection import EdgeConnection, Serve
from proxy.web.limits import Commons, EdgeLimits


class EdgeServer:
    """Makes the protocols of new connections, and keeps time for all of them with one timer."""

    def __init__(self, serve: Serve, limits: EdgeLimits, commons: Commons) -> None:
        self._loop = asyncio.get_running_loop()
        self._serve, self._limits, self._commons = serve, limits, commons
        self._connections: set[EdgeConnection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None

    def __call__(self) -> EdgeConnection:
        """Return the protocol of a new connection. A caller who hangs up does not end its call."""
        return EdgeConnection(self._loop, self._serve, self._limits, self._opened, self._gone, self._commons)

    @property
    def connections(self) -> list[EdgeConnection]:
        """Every connection that is open, or whose call goes on without its caller."""
        return list(self._connections)

    @property
    def sweeping(self) -> bool:
        """Whether connections are looked at now and then."""
        return self._timer is not None

    def pre_shutdown(self) -> None:
        """Close what is idle, and let what is not end with the answer under way."""
        for connection in self.connections:
            connection.stop()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Wait until every connection has ended, at most so long; break off what is left, and see its calls end."""
        if self._connections:
            self._empty = self._loop.create_future()
            await asyncio.wait([self._empty], timeout=timeout)
        tasks = [connection.task for connection in self._connections if connection.task is not None]
        for connection in self.connections:
            connection.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _opened(self, connection: EdgeConnection) -> None:
        self._connections.add(connection)
        if self._timer is None:
            self._timer = self._loop.call_later(self._limits.look_s, self._sweep)

    def _gone(self, connection: EdgeConnection) -> None:
        """Forget a connection, but not before its call has ended: somebody must refer to the task that carries it."""
        if connection.task is None:
            self._forget(connection)
        else:
            connection.task.add_done_callback(lambda _: self._forget(connection))

    def _forget(self, connection: EdgeConnection) -> None:
        self._connections.discard(connection)
        if not self._connections and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def _sweep(self) -> None:
        """Look for connections whose time is up."""
        now = self._loop.time()
        for connection in [one for one in self._connections if one.deadline <= now]:
            connection.late()
        self._timer = self._loop.call_later(self._limits.look_s, self._sweep) if self._connections else None


def edge_runner(
    serve: Serve,
    limits: EdgeLimits,
    refused: Callable[[Refusal], None] | None = None,
    *,
    shutdown_timeout: float,
) -> web.ServerRunner:
    """Return the edge as aiohttp's runner listens with it. `refused` is told of every request that became no call.

    The runner asks of a server what `EdgeServer` has: to make protocols, `pre_shutdown` and `shutdown`.
    """
    room = limits.body_total_bytes_max
    commons = Commons(room) if refused is None else Commons(room, refused)
    server = cast("web.Server", EdgeServer(serve, limits, commons))
    return web.ServerRunner(server, shutdown_timeout=shutdown_timeout)
