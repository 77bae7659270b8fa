"""One side of a WebSocket, as a session sees it: messages in, messages out, and how it ended."""

from enum import Enum, auto
from typing import Protocol

from msgspec import Struct

CLOSED_ABNORMALLY = 1006
"""What a connection that ended without a close is said to have ended with; never sent (RFC 6455, section 7.4.1)."""
NO_CODE = 1005
"""What a close without a code is said to have had; never sent (RFC 6455, section 7.4.1)."""
REASON_BYTES_MAX = 123
"""Bytes of a reason that fit into a close (RFC 6455, section 5.5)."""


class Kind(Enum):
    """What a message is."""

    TEXT = auto()
    BINARY = auto()
    PING = auto()
    PONG = auto()
    CLOSE = auto()


class Message(Struct, frozen=True):
    """One message. `data` is its payload as it came; of a close it is the reason, and `code` its number."""

    kind: Kind
    data: bytes = b""
    code: int = 0


class Socket(Protocol):
    """One side of a session. Once the other end is gone, sending does nothing."""

    @property
    def gone(self) -> bool:
        """Whether nothing more can be sent: the other end has left, or we have closed."""
        ...

    async def receive(self) -> Message:
        """Return the next message; a close with code 1006 if the connection ended without one."""
        ...

    async def send(self, message: Message) -> None:
        """Send a message; waits while the other end reads slowly."""
        ...

    async def close(self, code: int, reason: bytes = b"") -> None:
        """Say why, and end. The codes that are never sent end the connection as they say. A second one does nothing."""
        ...


def short(reason: str) -> bytes:
    """Return as much of a reason as fits into a close, cut between characters."""
    encoded = reason.encode()
    if len(encoded) <= REASON_BYTES_MAX:
        return encoded
    return encoded[: REASON_BYTES_MAX - 3].decode("utf-8", "ignore").encode() + "…".encode()
