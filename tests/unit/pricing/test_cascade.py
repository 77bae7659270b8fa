"""The margin cascade: the narrowest of six levels that is set decides alone."""

from decimal import Decimal
from itertools import product

import pytest

from proxy.pricing.cascade import DEFAULT_PCT, LEVELS, Margin, MarginTable, Slot, level_of

CALL = ("tnt_1", "openai", "output_tokens")
SLOTS: dict[str, Slot] = {
    "tenant_meter": ("tnt_1", "openai", "output_tokens"),
    "tenant_integration": ("tnt_1", "openai", None),
    "tenant": ("tnt_1", None, None),
    "meter": (None, "openai", "output_tokens"),
    "integration": (None, "openai", None),
    "global": (None, None, None),
}
PCTS = {level: Decimal(index * 7 - 10) for index, level in enumerate(SLOTS)}
SUBSETS = [
    frozenset(level for level, chosen in zip(LEVELS, bits, strict=True) if chosen)
    for bits in product((False, True), repeat=len(LEVELS))
]


def narrowest(present: frozenset[str]) -> str:
    """The rule in one sentence: of the levels that are set, the one named first in LEVELS."""
    return min(present, key=LEVELS.index)


@pytest.mark.parametrize("present", SUBSETS, ids=lambda present: "+".join(sorted(present)) or "none")
def test_every_subset_of_levels(present: frozenset[str]) -> None:
    table = MarginTable(1, {SLOTS[level]: PCTS[level] for level in present})
    expected = Margin(narrowest(present), PCTS[narrowest(present)]) if present else Margin("global", DEFAULT_PCT)
    assert table.resolve(*CALL) == expected


def test_there_are_64_subsets() -> None:
    assert len(set(SUBSETS)) == 64


@pytest.mark.parametrize(
    "slot",
    [
        ("tnt_2", "openai", "output_tokens"),
        ("tnt_1", "anthropic", "output_tokens"),
        ("tnt_1", "openai", "input_tokens"),
        ("tnt_2", "openai", None),
        ("tnt_2", None, None),
        (None, "anthropic", "output_tokens"),
        (None, "anthropic", None),
    ],
)
def test_a_margin_of_others_is_not_ours(slot: Slot) -> None:
    assert MarginTable(1, {slot: Decimal(99)}).resolve(*CALL) == Margin("global", DEFAULT_PCT)


def test_zero_and_negative_margins_decide_like_any_other() -> None:
    table = MarginTable(1, {SLOTS["tenant"]: Decimal(0), SLOTS["global"]: Decimal(50)})
    assert table.resolve(*CALL) == Margin("tenant", Decimal(0))
    table = MarginTable(1, {SLOTS["meter"]: Decimal(-100), SLOTS["global"]: Decimal(50)})
    assert table.resolve(*CALL) == Margin("meter", Decimal(-100))


@pytest.mark.parametrize("level", LEVELS)
def test_level_of_names_each_slot(level: str) -> None:
    assert level_of(SLOTS[level]) == level


@pytest.mark.parametrize("slot", [(None, None, "output_tokens"), ("tnt_1", None, "output_tokens")])
def test_a_unit_needs_its_integration(slot: Slot) -> None:
    with pytest.raises(ValueError, match=r"the meter 'output_tokens' needs its integration, as in INTEGRATION\."):
        level_of(slot)


@pytest.mark.parametrize(
    ("pct", "ratio"),
    [("20", "1.2"), ("0", "1"), ("-100", "0"), ("-12.5", "0.875"), ("0.0001", "1.000001"), ("1000000", "10001")],
)
def test_multiplier_is_exact(pct: str, ratio: str) -> None:
    numerator, denominator = Margin("global", Decimal(pct)).multiplier
    assert Decimal(numerator) == Decimal(ratio) * denominator


def test_multiplier_keeps_every_digit() -> None:
    """More digits than Decimal arithmetic would keep."""
    numerator, denominator = Margin("global", Decimal("0.000000000000000000000000000000000001")).multiplier
    assert (numerator - denominator) * 10**38 == denominator
