"""What the house asks of a provider's HTTP side. The client beside it is the real one; a simulation has its own."""

import asyncio
from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from msgspec import Struct

from proxy.calls.socket import Socket
from proxy.errors import FaregateError
from proxy.ledger.hold import Hold
from proxy.providers.permit import FreeRoute

Headers = Sequence[tuple[str, str]]


class Outbound(Struct, frozen=True):
    """A request as the provider will see it, but for our credentials. `target` is path and query, escapes kept.

    `place` names the origin that it goes to, where that is not the integration's usual one.
    """

    integration: str
    method: str
    target: str
    headers: Headers
    body: bytes
    place: str = ""


class Failure(Enum):
    """How an upstream fails without answering, or in the middle of an answer."""

    UNREACHABLE = "unreachable"
    DISCONNECTED = "disconnected"
    NO_ANSWER = "no_answer"
    STALLED = "stalled"
    CUT = "cut"


class UpstreamFailed(FaregateError):
    """The upstream failed. `sent` is False only if it is certain that the provider never saw the request."""

    def __init__(self, failure: Failure, *, sent: bool) -> None:
        super().__init__(failure.value)
        self.failure = failure
        self.sent = sent


class Unsent(asyncio.CancelledError):
    """The call was interrupted before anything of it was sent: the provider never heard of it."""


class Answer(Protocol):
    """An answer whose head has arrived. `framed` tells that its end can be told from a cut."""

    status: int
    headers: Headers
    framed: bool

    @property
    def ended(self) -> bool:
        """Whether all of it has been read, to a good end, so that another `read` would only say so."""
        ...

    async def read(self) -> bytes:
        """Return the next bytes as they came, or `b""` at the end. Raises UpstreamFailed."""
        ...

    def abort(self) -> None:
        """Stop: close the connection, whatever is still under way."""
        ...

    def close(self) -> None:
        """Let go of an answer that was read to its end; its connection may serve another call."""
        ...


class Opened(Struct, frozen=True):
    """What a provider made of a WebSocket's handshake: a socket, or an answer that is none.

    `protocol` is the number of the subprotocol that it chose among those offered.
    """

    headers: Headers
    socket: Socket | None = None
    protocol: int | None = None
    answer: Answer | None = None


class Offer(Struct, frozen=True):
    """A subprotocol to offer; with `key` our key stands behind `text`."""

    text: str
    key: bool = False


class Upstream(Protocol):
    """Sends requests to providers."""

    async def open(self, request: Outbound, offers: Sequence[Offer], leave: Hold | FreeRoute) -> Opened:
        """Ask for a WebSocket, once. Raises UpstreamFailed, or Refused before anything was sent."""
        ...

    async def send(self, request: Outbound, leave: Hold | FreeRoute) -> Answer:
        """Send once and return the answer's head. Raises UpstreamFailed, or Refused before anything was sent.

        A call that is cancelled until then raises Unsent in the place of CancelledError.
        """
        ...
