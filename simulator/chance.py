"""What may go wrong in one world, how often, and what has: all drawn from the seed."""

import random
from collections import Counter
from collections.abc import Callable, Mapping

FAULTS: Mapping[str, tuple[float, str]] = {
    # name: how often it strikes where it can, in a world that has it; what it is
    "unreachable": (0.1, "the provider cannot be connected to"),
    "disconnected": (0.08, "the provider takes the request and closes"),
    "no_answer": (0.06, "the provider takes the request and says nothing"),
    "cut": (0.15, "the answer is cut at some byte"),
    "ended_early": (0.1, "the answer ends in good form before its end"),
    "stalled": (0.08, "the answer stops coming"),
    "provider_error": (0.12, "the provider answers with an error"),
    "slow_provider": (0.2, "the provider takes a minute"),
    "usage_missing": (0.1, "the answer says no usage"),
    "usage_absurd": (0.08, "the answer says usage that cannot be"),
    "usage_repeated": (0.2, "the answer says its usage more than once"),
    "bills_after_abort": (0.5, "the provider goes on when it is left, and bills it"),
    "work_fails": (0.2, "work that finishes later fails"),
    "work_unknown": (0.1, "the provider no longer knows its work"),
    "hang_up": (0.2, "the caller hangs up"),
    "stalled_caller": (0.08, "the caller stops reading"),
    "busy": (0.04, "the database is locked by another hand"),
    "full": (0.03, "the disk of the database is full"),
    "slow_commit": (0.08, "a commit takes seconds"),
    "unread": (0.02, "the database cannot be read"),
    "journal_full": (0.3, "the journal cannot be written"),
    "dead_disk": (0.004, "a commit fails for good, and may have been made"),
    "crash": (0.5, "the process is killed"),
    "torn_journal": (0.5, "a crash leaves half a line in the journal"),
    "restart": (0.3, "the process is told to end, and started again"),
    "clock_jump": (0.5, "the wall clock jumps"),
    "margin_change": (0.6, "a margin changes"),
    "rates_change": (0.4, "the rates change"),
    "key_revoked": (0.3, "a key is revoked"),
    "suspended": (0.2, "a tenant is suspended, and let in again"),
    "cap_set": (0.3, "a spend cap is set, changed or unset"),
    "correction": (0.3, "money is taken back"),
}
WHOLE = ("crash", "crash", "restart", "clock_jump", "margin_change", "rates_change", "key_revoked", "suspended",
         "cap_set", "correction")  # fmt: skip
"""What may happen to the whole house; it is killed twice as often as anything else happens."""

EVERYWHERE = ("crash", "restart", "clock_jump", "margin_change", "rates_change", "suspended", "cap_set", "correction")
"""Of these, those that must have found a call in every state."""

STATES = ("admitting", "holding", "held", "sent", "streaming", "ending", "ended", "late", "waiting")
"""Where a call may be: `held` and `ended` are on disk, and the call does not know it yet; `late` is a call that is over
and in the journal, as the ledger was too slow for it; `waiting` is for work that finishes later."""


class Chance:
    """The dice of one world. Each part of it has its own, so that more of one does not change another."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        dice = self.dice("faults")
        share = dice.choice((0.0, 0.1, 0.3, 0.6, 1.0))
        self.enabled = frozenset(name for name in FAULTS if dice.random() < share)
        self.struck: Counter[str] = Counter()
        self.found: Counter[tuple[str, str]] = Counter()
        self.quiet = False
        self._rolls = self.dice("rolls")
        self.told: Callable[[str], None] = lambda _: None

    def dice(self, name: str) -> random.Random:
        """Return dice of their own for a part of the world."""
        return random.Random(f"{self.seed}/{name}")  # a world must play the same again

    def strikes(self, fault: str, state: str = "") -> bool:
        """Tell whether a fault strikes here and now; `state` is that of the call that it strikes."""
        if self.quiet or fault not in self.enabled or self._rolls.random() >= FAULTS[fault][0]:
            return False
        self.note(fault, state)
        return True

    def note(self, fault: str, state: str = "") -> None:
        """Count a fault that struck."""
        self.struck[fault] += 1
        if state:
            self.found[fault, state] += 1
        self.told(f"fault {fault} {state}")
