"""Holds three witnesses against one another: what the provider billed, what callers saw, what the books say.

Its arithmetic is its own. A finding is a sentence with a call's name in it; none at all is what a run is to end with.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from rig.books import Books, Written, nanos
from rig.callers import Saw
from rig.plan import POLICIES, Does, Ends, cost_nanos

MARGIN = Fraction(120, 100)
NEAR_S = 2.0
"""An answer that was whole so long before a death must have been settled; later ones may have been lost with it."""


@dataclass
class Billed:
    """What the provider billed for one call. `times` is how often it was sent one of that name."""

    times: int = 0
    began: float = 0.0
    ended: float = 0.0
    input: int = 0
    output: int = 0
    reported: bool = False
    left: bool = False
    whole: bool = False

    @property
    def cost(self) -> int:
        """What it asks, in nanos."""
        return cost_nanos(self.input, self.output)


@dataclass
class Verdict:
    """What was found wrong, and what there was to look at. Amounts in nanos."""

    findings: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    billed_nanos: int = 0
    booked_nanos: int = 0
    charged_nanos: int = 0
    exposed_nanos: int = 0
    exact_nanos: int = 0


def read_log(path: Path) -> dict[str, Billed]:
    """Read the provider's log."""
    truth: dict[str, Billed] = {}
    for line in path.read_text().splitlines():
        told = json.loads(line)
        billed = truth.setdefault(told["call"], Billed())
        if told.get("begun"):
            billed.times += 1
            billed.began = told["at"]
        else:
            billed.ended = told["at"]
            billed.input += told["input"]
            billed.output += told["output"]
            billed.reported |= told["reported"]
            billed.left |= told["left"]
            billed.whole |= told["whole"]
    return truth


def audit(truth: dict[str, Billed], saw: Sequence[Saw], books: Books, deaths: Sequence[tuple[float, float]]) -> Verdict:
    """Hold them against one another. `deaths` are the spans (from, until) in which the server was made to end."""
    verdict = Verdict()
    seen = {each.plan.name: each for each in saw}
    for name in sorted({*truth, *books.calls}):
        written, billed = books.calls.get(name), truth.get(name)
        told = list(about(billed, written, seen.get(name), deaths))
        verdict.findings += [f"{name}: {what}" for what in told]
        tally(verdict, billed, written)
    for each in saw:
        verdict.counts[f"caller {each.plan.does}"] += 1
        written, billed = books.calls.get(each.plan.name), truth.get(each.plan.name)
        verdict.findings += [f"{each.plan.name}: {what}" for what in about_answer(each, billed, written)]
    verdict.findings += about_wallets(books)
    return verdict


def about(
    billed: Billed | None, written: Written | None, saw: Saw | None, deaths: Sequence[tuple[float, float]]
) -> Iterator[str]:
    """Say what is wrong with one call in the books."""
    if billed is not None and billed.times > 1:
        yield f"was sent to the provider {billed.times} times"
    if written is None:
        if billed is not None:
            yield f"was billed {billed.cost} and is in no book"
        return
    if len(written.ids) != 1 or len(written.entries) > 1:
        yield f"is in the books {len(written.ids)} times, with {len(written.entries)} entries"
    booked = booked_nanos(written)
    if billed is None:
        if any(entry["amount_nanos"] for entry in written.entries) and not only_input(written):
            yield "was charged, and the provider never had it"
        return
    if booked < billed.cost:
        yield f"cost {billed.cost} at the provider, and {booked} is booked ({written.outcome})"
    exact = certainty_of(written) == "exact"
    if exact and booked != billed.cost:
        yield f"is exact with {booked} booked, but the provider billed {billed.cost}"
    calm = not any(billed.began < until and start < billed.ended + NEAR_S for start, until in deaths)
    if calm and billed.whole and billed.reported and not exact and saw is not None and read_on(saw):
        yield f"was reported whole with nobody dying, and is {certainty_of(written) or 'without an entry'}"
    if exact and -written.entries[0]["amount_nanos"] != charge_of(billed.cost):
        yield f"is charged {-written.entries[0]['amount_nanos']}, and {charge_of(billed.cost)} is due"


def read_on(saw: Saw) -> bool:
    """Tell whether the whole answer is read, whatever its caller does."""
    return POLICIES[saw.plan.integration] == "drain" or saw.plan.does is Does.STAYS


def only_input(written: Written) -> bool:
    """Tell whether a caller who left pays for a request that was sent, though it was lost on the way."""
    return written.outcome == "caller_gone" and set(written.entries[0]["call"]["usage"]) == {"input_tokens"}


def about_answer(saw: Saw, billed: Billed | None, written: Written | None) -> Iterator[str]:
    """Say what is wrong with what a caller was told."""
    if not saw.whole:
        return
    if saw.status >= 400:
        if written is not None and any(entry["amount_nanos"] for entry in written.entries):
            yield f"was answered {saw.status} and charged"
        return
    if billed is None or (saw.plan.ends in (Ends.CUT, Ends.RESET) and not billed.reported):
        yield f"looked whole to its caller, and the provider broke it off: {saw.body!r}"
    if written is None or not written.entries:
        yield "was answered, and has no entry"
    elif saw.charge_usd and nanos(saw.charge_usd) != -written.entries[0]["amount_nanos"]:
        yield f"was told a charge of {saw.charge_usd}, and charged {-written.entries[0]['amount_nanos']}"


def about_wallets(books: Books) -> Iterator[str]:
    """Say what is wrong with the whole."""
    if not books.sound:
        yield "the ledger does not verify"
    if books.open_holds:
        yield f"{books.open_holds} holds are open, and nothing runs"
    for tenant, (_, left, held) in books.wallets.items():
        if left < 0:
            yield f"the wallet of {tenant} is below zero, or not the sum of its entries"
        if held:
            yield f"the wallet of {tenant} has {held} on hold, and nothing runs"


def certainty_of(written: Written) -> str:
    """Return how sure the entry of a call is; empty if it has none."""
    return written.entries[0]["call"]["certainty"] if written.entries else ""


def booked_nanos(written: Written) -> int:
    """Return the upstream cost that is on record for a call: what was charged for, and what is exposed."""
    booked = sum(exposure["exposure_nanos"] for exposure in written.exposures)
    for entry in written.entries:
        of = entry["call"]
        paid = -entry["amount_nanos"] + entry["waived_nanos"]
        share = Fraction(paid, of["charge_nanos"]) if of["charge_nanos"] else Fraction(1)
        booked += -int(-of["upstream_cost_nanos"] * share // 1)
    return booked


def charge_of(cost: int) -> int:
    """Return what a tenant owes for a cost: with the margin, rounded half to even."""
    return round(cost * MARGIN)


def tally(verdict: Verdict, billed: Billed | None, written: Written | None) -> None:
    """Count a call."""
    if billed is not None:
        verdict.counts["sent"] += 1
        verdict.billed_nanos += billed.cost
    if written is None:
        return
    verdict.counts[f"outcome {written.outcome}"] += 1
    verdict.booked_nanos += booked_nanos(written)
    verdict.exposed_nanos += sum(exposure["exposure_nanos"] for exposure in written.exposures)
    verdict.charged_nanos -= sum(entry["amount_nanos"] for entry in written.entries)
    if written.entries:
        verdict.counts[f"certainty {certainty_of(written)}"] += 1
    if billed is not None and certainty_of(written) == "exact":
        verdict.exact_nanos += billed.cost
