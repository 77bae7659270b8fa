"""Ids: a prefix that says what is named, then a ULID, so that ids sort by the time they were made.

This file holds the format; where the time and the randomness come from is the business of `app.py`.
"""

from typing import Protocol

PREFIXES = ("tnt", "key", "bal", "txn", "led", "call", "aud")
ULID_LENGTH = 26
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_SHIFTS = range(120, -1, -10)
"""Two characters are ten bits, the first two the highest."""


class Ids(Protocol):
    """Makes ids; the real one reads the clock and the system's randomness, a simulation's is seeded."""

    def new(self, prefix: str) -> str:
        """Return a fresh id such as `call_01J...`."""
        ...


def ulid(milliseconds: int, randomness: int) -> str:
    """Write 48 bits of Unix time and 80 random bits as 26 characters of Crockford's base 32."""
    value = (milliseconds << 80) | randomness
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])


def is_id(text: str, prefix: str) -> bool:
    """Tell whether `text` is shaped like an id of that prefix."""
    head, _, tail = text.partition("_")
    return head == prefix and len(tail) == ULID_LENGTH and all(c in _ALPHABET for c in tail)
