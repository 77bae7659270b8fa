"""Checks the windows of spend caps against the ledger and the open holds. Pure.

A store streams a tenant's entries of calls through this, then asks what differs; every problem is a sentence.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from proxy.ledger.cap import Cap, Marks, Window
from proxy.ledger.entry import Entry

At = tuple[str, str]
"""A cap's id and a window's name."""


class CapAudit:
    """Counts one tenant's calls again, for the caps in force."""

    def __init__(self, caps: Sequence[Cap]) -> None:
        self._caps = caps
        self._spent: dict[At, int] = {}
        self._covering: dict[Marks, list[Cap]] = {}

    def follow(self, entry: Entry, marks: Marks) -> None:
        """Count an entry of a call; `marks` are those of its hold."""
        covering = self._covering.get(marks)
        if covering is None:
            covering = self._covering[marks] = [cap for cap in self._caps if cap.covers(marks)]
        for cap in covering:
            if cap.counts(entry.period):
                at = (cap.id, cap.window(entry.period))
                self._spent[at] = self._spent.get(at, 0) + entry.waived_nanos - entry.amount_nanos

    def compare(self, windows: Iterable[Window], held: Mapping[At, int]) -> Iterator[tuple[str, str]]:
        """Yield (cap, problem) for each window that differs; `held` is what open holds hold on each."""
        known = {(window.cap, window.window): window for window in windows}
        in_force = {cap.id: cap for cap in self._caps}
        for cap, name in sorted({*known, *self._spent, *held}):
            window = known.get((cap, name)) or Window(cap, name, "")
            reserved = held.get((cap, name), 0)
            if window.held != reserved:
                yield cap, f"holds {window.held} in {name}, and its open holds sum to {reserved}"
            counted = self._spent.get((cap, name), 0)
            if cap in in_force and name >= in_force[cap].window(in_force[cap].since) and window.spent != counted:
                yield cap, f"has {window.spent} spent in {name}, and its calls come to {counted}"
