"""Writes an answer to the wire, and breaks it where steering says so."""

from collections.abc import Awaitable, Callable

from proxy.sandbox.encoding import encoder
from proxy.sandbox.steering import Steering

Write = Callable[[bytes], Awaitable[None]]


class CutHere(Exception):
    """The answer ends here, as asked."""


class Outlet:
    """One answer's way out: counts bytes, cuts at a byte, compresses, splits."""

    def __init__(self, write: Write, steering: Steering) -> None:
        self._write = write
        self._encoder = encoder(steering.encoding)
        self._left = steering.cut_bytes
        self._split = steering.split

    async def send(self, data: bytes) -> None:
        """Write some of the body. Raises CutHere after the byte at which it is to be cut."""
        cut = self._left is not None and len(data) >= self._left
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        await self._pass(self._encoder.feed(data) if data else b"")
        if cut:
            raise CutHere

    async def finish(self) -> None:
        """Write what the encoding still owes."""
        await self._pass(self._encoder.finish())

    async def _pass(self, data: bytes) -> None:
        step = self._split or len(data) or 1
        for at in range(0, len(data), step):
            await self._write(data[at : at + step])
