"""What is told of a call that is over, and which calls are worth a word."""

import re
from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from proxy.ledger.bill import Bill
from proxy.ledger.call import CallRecord, Outcome, Receipt
from proxy.ledger.hold import Hold
from proxy.money import Quantity
from proxy.usage.certainty import Certainty

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


class Marks:
    """When a call's steps were done: seconds on a clock that never jumps; 0.0 for a step that it did not come to."""

    __slots__ = ("asked", "began", "ending", "head", "over", "sent", "settled")

    def __init__(self, began: float) -> None:
        self.began = began
        self.asked = 0.0
        self.sent = 0.0
        self.head = 0.0
        self.ending = 0.0
        self.settled = 0.0
        self.over = began


class CallReport(Struct, frozen=True):
    """One call, told at its end. `template` is its endpoint's path, `origin` its provider's, "" if it had none.

    `traceparent` and `tracestate` are as the caller sent them, and may be anything.
    """

    record: CallRecord
    marks: Marks
    method: str
    template: str = ""
    origin: str = ""
    streamed: bool = False
    hold: Hold | None = None
    bill: Bill | None = None
    receipt: Receipt | None = None
    traceparent: str = ""
    tracestate: str = ""

    @property
    def seconds(self) -> float:
        """How long it took, until its caller had what it got."""
        return self.marks.over - self.marks.began

    @property
    def trace(self) -> str:
        """The id of the trace that the caller is in, or "" if it named none."""
        found = _TRACEPARENT.fullmatch(self.traceparent)
        return found[1] if found else ""

    @property
    def usage(self) -> Mapping[str, Quantity]:
        """What was used in all, by unit, whichever models did it."""
        used: dict[str, Quantity] = {}
        for part in self.bill.parts if self.bill is not None else ():
            for unit, quantity in part.usage.items():
                used[unit] = used.get(unit, 0) + quantity
        return used


class Watcher(Protocol):
    """Somebody who is told of calls."""

    def ended(self, report: CallReport) -> None:
        """Take note of a call that is over. Runs on the event loop, so it must not wait."""
        ...


class Watchers(Struct, frozen=True):
    """Who is told of every call, and who only of those that are not usual."""

    every: tuple[Watcher, ...] = ()
    problems: tuple[Watcher, ...] = ()

    @property
    def anybody(self) -> bool:
        """Whether anybody is ever told anything."""
        return bool(self.every or self.problems)

    def of(self, *, usual: bool) -> tuple[Watcher, ...]:
        """Return who is to be told of a call."""
        return self.every if usual else self.every + self.problems


def usual(outcome: Outcome, hold: Hold | None, bill: Bill | None, receipt: Receipt | None) -> bool:
    """Tell whether a call went as it should: answered, exactly metered, priced as asked for, paid in full."""
    if outcome is Outcome.FREE:
        return True
    if outcome is not Outcome.ANSWERED or hold is None or bill is None or receipt is None:
        return False
    for part in bill.parts:
        if part.priced_as != part.model:
            return False
    return (
        bill.certainty is Certainty.EXACT
        and not receipt.shortfall_nanos
        and not receipt.exposure_nanos
        and not bill.unpriced
        and (bill.charge_nanos <= hold.wallet_nanos or hold.waived)
    )
