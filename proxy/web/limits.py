"""What the edge takes from a caller, and how often it looks whether a caller takes too long."""

from msgspec import Struct

LOOK_S_MAX = 1.0
"""Seconds between two looks at every connection, unless a limit is so short that more are needed."""
LOOKS_PER_LIMIT = 4


class EdgeLimits(Struct, frozen=True):
    """Bytes of a body and of one header; seconds for a whole head, between two pieces of a body, and of not reading."""

    body_bytes_max: int
    body_timeout_s: float
    caller_stall_s: float
    header_bytes_max: int
    head_timeout_s: float

    @property
    def look_s(self) -> float:
        """Return the seconds between two looks: a limit is kept to within that."""
        shortest = min(self.body_timeout_s, self.caller_stall_s, self.head_timeout_s)
        return min(LOOK_S_MAX, shortest / LOOKS_PER_LIMIT)
