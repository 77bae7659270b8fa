"""The caller's side of a call, as the house sees it: bytes in, bytes out, and whether anybody still listens."""

from collections.abc import Callable, Sequence
from typing import Protocol

from proxy.calls.socket import Socket

Headers = Sequence[tuple[str, str]]


class Sink(Protocol):
    """Where an answer goes. Once the caller is gone every method does nothing, and `gone` says so."""

    @property
    def gone(self) -> bool:
        """Whether the caller has hung up, or has stopped reading for longer than is tolerated."""
        ...

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when the caller hangs up; at once if that has happened."""
        ...

    @property
    def started(self) -> bool:
        """Whether the head of an answer was sent, so that no other answer can be."""
        ...

    async def read_body(self) -> bytes:
        """Return the whole request body. Raises Refused: too_large, request_timeout, malformed_request."""
        ...

    async def send(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        ...

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of an answer whose body follows piece by piece."""
        ...

    async def upgrade(self, headers: Headers, protocol: str) -> Socket | None:
        """Switch to a WebSocket, with that subprotocol if it is not empty; None if the caller is gone."""
        ...

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; waits while the caller reads slowly."""
        ...

    async def finish(self) -> None:
        """Send the end that tells the caller that the answer is whole."""
        ...

    def cut(self) -> None:
        """Break the answer off where it is, so that nobody can take it for a whole one."""
        ...
