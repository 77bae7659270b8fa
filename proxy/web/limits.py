"""What the edge takes from a caller, and how often it looks whether a caller takes too long."""

from collections.abc import Callable

from msgspec import Struct

from proxy.errors import Refusal

LOOK_S_MAX = 1.0
"""Seconds between two looks at every connection, unless a limit is so short that more are needed."""
LOOKS_PER_LIMIT = 4


class EdgeLimits(Struct, frozen=True):
    """Bytes of a body, of all bodies under way and of one header; seconds for a whole head, between two pieces of a
    body, and of not reading.
    """

    body_bytes_max: int
    body_total_bytes_max: int
    body_timeout_s: float
    caller_stall_s: float
    header_bytes_max: int
    head_timeout_s: float

    @property
    def look_s(self) -> float:
        """Return the seconds between two looks: a limit is kept to within that."""
        shortest = min(self.body_timeout_s, self.caller_stall_s, self.head_timeout_s)
        return min(LOOK_S_MAX, shortest / LOOKS_PER_LIMIT)


def _uncounted(_code: Refusal) -> None:
    """What is told of refusals where nobody asked."""


class Commons:
    """What all connections share: room for the bodies of their requests, and who counts what becomes no call.

    A body that comes with its head, in one packet, takes no room: it is no larger than what a connection takes anyway.
    """

    def __init__(self, room: int, refused: Callable[[Refusal], None] = _uncounted) -> None:
        self.refused = refused
        self._left = room

    def take(self, amount: int) -> bool:
        """Take so many bytes if there are as many."""
        if amount > self._left:
            return False
        self._left -= amount
        return True

    def give(self, amount: int) -> None:
        """Give them back."""
        self._left += amount
