"""An immutable row of a wallet, and the canonical bytes that its hash is computed over.

The canonical form is each field as a netstring (`{bytes}:{text}`), in the order below, so that any database
can compute it: integers in decimal, text in UTF-8, the call's bill as the JSON text that is stored.
"""

from enum import StrEnum
from hashlib import sha256

from msgspec import Struct, structs


class Kind(StrEnum):
    """Why an entry was written. Only `call` entries carry a bill."""

    CALL = "call"
    CREDIT = "credit"
    ADJUSTMENT = "adjustment"
    REFUND = "refund"
    DISPUTE = "dispute"
    RERATE = "rerate"


class Entry(Struct, frozen=True):
    """One movement of one wallet, in nano-USD; negative amounts drain it.

    `seq` counts from 1 without gaps. `period` is the UTC date of the hold (of the entry, where there was
    none). `reference` is the call's id, or the operator's own reference. `bill` is JSON text, empty unless a
    call.
    """

    id: str
    tenant: str
    seq: int
    kind: str
    amount_nanos: int
    waived_nanos: int
    balance_after_nanos: int
    created_at: int
    period: str
    reference: str
    bill: str
    previous: str
    hash: str = ""


def canonical(entry: Entry) -> bytes:
    """Return the bytes that the entry's hash covers."""
    texts = map(str, structs.astuple(entry)[:-1])
    return "".join([f"{len(text.encode())}:{text}" for text in texts]).encode()


def seal(entry: Entry) -> Entry:
    """Return the entry with its hash, which also covers the hash of the entry before it."""
    return structs.replace(entry, hash=digest(entry))


def digest(entry: Entry) -> str:
    """Return the SHA-256 of an entry's canonical bytes, hex."""
    return sha256(canonical(entry)).hexdigest()
