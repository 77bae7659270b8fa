"""The record of a call that is over: one row whatever became of it."""

from enum import StrEnum

from msgspec import Struct

from proxy.errors import InvariantBroken
from proxy.ledger.bill import Bill
from proxy.ledger.cap import Standing


class Outcome(StrEnum):
    """How a call ended, as metrics and `calls list` name it."""

    ANSWERED = "answered"
    FREE = "free"
    REFUSED = "refused"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_CUT = "upstream_cut"
    CALLER_GONE = "caller_gone"
    TIMED_OUT = "timed_out"
    STOPPED = "stopped"
    RECOVERED = "recovered"


class CallRecord(Struct, frozen=True):
    """What is kept of every call of a known tenant: never a prompt, never an answer.

    `session` is the call of the WebSocket that this one is a turn of, empty if it is none.
    """

    id: str
    tenant: str
    key: str
    integration: str
    endpoint: str
    model: str
    outcome: Outcome
    status: int
    started_at: int
    ended_at: int
    refusal: str = ""
    session: str = ""


class Ending(Struct, frozen=True):
    """The one message that ends a hold. With a bill an entry is written (amount 0 included), else none.

    `waived` and the hold's amounts are the ledger's own; `unseen` is upstream cost that was never seen and is
    exposed as `at_most`; `exposed` is upstream cost known exactly that policy does not ask the tenant for.
    `entry_id` names the entry to be.
    """

    record: CallRecord
    entry_id: str
    bill: Bill | None = None
    exposed: int = 0
    unseen: bool = False
    reason: str = ""


class Receipt(Struct, frozen=True):
    """What became of an ending. `already` tells that the call was over before: nothing was written now.

    `near` are the caps of which, with this call, most is spent.
    """

    paid_nanos: int = 0
    waived_nanos: int = 0
    exposure_nanos: int = 0
    shortfall_nanos: int = 0
    balance_nanos: int = 0
    held_nanos: int = 0
    entry_id: str = ""
    already: bool = False
    near: tuple[Standing, ...] = ()


class NoHold(InvariantBroken):
    """A call that never held anything cannot be raised or ended."""
