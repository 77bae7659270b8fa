"""The levels as they are looked at must lead to the margin that prices a call."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from proxy.pricing.cascade import LEVELS, MarginTable, Slot
from proxy.pricing.levels import look, winner

T, I, U = "tnt_1", "acme", "input_tokens"  # noqa: E741  # the names of a slot's three places
SLOTS: list[Slot] = [(t, i, u) for t in (T, "tnt_2", None) for i in (I, "bolt", None) for u in (U, None) if i or not u]
TABLES = st.dictionaries(st.sampled_from(SLOTS), st.integers(-100, 200).map(Decimal))


@given(TABLES)
def test_the_level_that_wins_is_the_one_that_prices(slots: dict[Slot, Decimal]) -> None:
    table = MarginTable(1, slots)
    looks = look(table, T, I, U)
    assert tuple(each.level for each in looks) == LEVELS
    assert sum(each.wins for each in looks) == 1
    won, margin = winner(looks), table.resolve(T, I, U)
    assert (won.level, won.pct) == (margin.level, margin.pct)
    before = looks[: looks.index(won)]
    assert all(each.pct is None for each in before)


def test_a_margin_of_zero_wins() -> None:
    table = MarginTable(1, {(T, None, None): Decimal(0), (None, I, None): Decimal(50)})
    assert winner(look(table, T, I, U)).level == "tenant"


def test_levels_that_were_not_asked_for_are_left_out() -> None:
    table = MarginTable(1, {(T, I, U): Decimal(1), (None, I, U): Decimal(2), (None, None, None): Decimal(3)})
    assert [each.level for each in look(table, T, I, None)] == ["tenant_integration", "tenant", "integration", "global"]
    assert [(each.level, each.pct) for each in look(table, None, I, U)] == [
        ("meter", 2),
        ("integration", None),
        ("global", 3),
    ]
    assert [each.level for each in look(table, T, None, None)] == ["tenant", "global"]


def test_the_global_margin_that_nobody_set_is_marked() -> None:
    (last,) = look(MarginTable(), None, None, None)
    assert (last.level, last.pct, last.wins, last.default) == ("global", Decimal(20), True, True)
    (last,) = look(MarginTable(1, {(None, None, None): Decimal(20)}), None, None, None)
    assert not last.default
