"""The hold covered the charge of every billable recording, and is not much more than it.

Judged are calls whose cost is in the request: not those with tools at the provider, shortened prompts or stored input.
These are counted, by their reasons, in `tests/corpus/*.yaml`, so that none is passed over silently. `pytest -rP` prints
what was held for a token of each provider.
"""

import sys
from collections import Counter, defaultdict
from statistics import median

import pytest
from doubles.holds import SERVER_TOOLS, STORED, Held, holds
from doubles.recordings import TABLE, needs_corpus

pytestmark = needs_corpus

RATIO_MAX = 6
"""The median of what was held for input to what it cost. A byte of text is held as a token; English takes four."""


@pytest.fixture(scope="module")
def every() -> list[Held]:
    return list(holds())


def above(each: Held) -> bool:
    """Tell whether a recording is known to cost more than what its request says, with the reason."""
    return each.name in TABLE[each.provider].above


def test_the_hold_covers_the_charge(every: list[Held]) -> None:
    """In all, and of the input by itself: the output's part of a hold must not have to make up for it."""
    for each in every:
        if each.most and not above(each):
            assert each.paid <= each.most, each
            assert each.paid_in <= each.base, each


def test_what_cannot_hold_does_not(every: list[Held]) -> None:
    """A reason that is needed no more is taken out."""
    for each in every:
        if above(each):
            assert each.paid > each.most or each.paid_in > each.base, f"{each.name} is not above its hold any more"


def test_nothing_is_left_out_silently(every: list[Held]) -> None:
    apart: dict[str, Counter[str]] = defaultdict(Counter)
    for each in every:
        if each.apart:
            apart[each.provider][each.apart] += 1
    assert apart == {provider: table.apart for provider, table in TABLE.items() if table.apart}
    judged = [each for each in every if not each.apart]
    assert len(judged) > 400
    assert {each.provider for each in judged} == {provider for provider, table in TABLE.items() if table.bounds} - {
        "replicate",  # the recorded requests name a version, and its hardware is not told
        "sagemaker",
    }


def test_holds_are_not_much_more_than_the_charge(every: list[Held]) -> None:
    ratios: dict[str, list[float]] = defaultdict(list)
    for each in every:
        if each.paid_in and each.apart in ("", SERVER_TOOLS, STORED):
            ratios["tools or stored input" if each.apart else each.provider].append(each.base / each.paid_in)
    for provider, found in sorted(ratios.items()):
        sys.stdout.write(f"{provider:24} {len(found):4} calls, held {median(found):8.1f} times their input\n")
    apart = ratios.pop("tools or stored input")
    judged = [ratio for found in ratios.values() for ratio in found]
    sys.stdout.write(f"all that are judged: {median(judged):.2f}; with the others: {median(judged + apart):.2f}\n")
    assert median(judged) < RATIO_MAX
    assert max(median(found) for found in ratios.values() if len(found) >= 10) < 2 * RATIO_MAX
