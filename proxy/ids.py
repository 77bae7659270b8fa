"""Ids: a prefix that says what is named, then a ULID, so that ids sort by the time they were made.

This file holds the format; where the time and the randomness come from is the business of `app.py`.
"""

from collections.abc import Callable
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
    return _text(milliseconds << 80 | randomness)


def _text(value: int) -> str:
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])


class Ulids:
    """Makes ULIDs that sort in the order in which they were made, also within a millisecond, and never twice the same.

    The first of a millisecond is random, each further one is the next number, so most cost two characters. Where the
    clock goes back the last millisecond lasts on.
    """

    def __init__(self, random_bits: Callable[[int], int]) -> None:
        self._random_bits = random_bits
        self._at = -1
        self._value = 0
        self._stem = ""

    def next(self, milliseconds: int) -> str:
        """Return the next one, at a Unix time."""
        if milliseconds > self._at:
            self._at = milliseconds
            # Half of the numbers are left for those that follow: 2 ** 79 at least.
            self._value = milliseconds << 80 | self._random_bits(79)
            self._stem = _text(self._value)[:-4]
        else:
            self._value += 1
            if not self._value & 0xFFFFF:
                self._stem = _text(self._value)[:-4]
        return f"{self._stem}{_PAIRS[self._value >> 10 & 1023]}{_PAIRS[self._value & 1023]}"


def is_id(text: str, prefix: str) -> bool:
    """Tell whether `text` is shaped like an id of that prefix."""
    head, _, tail = text.partition("_")
    return head == prefix and len(tail) == ULID_LENGTH and all(c in _ALPHABET for c in tail)
