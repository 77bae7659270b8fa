"""Spend caps as pure values: whom they cover, when they reset, what they leave, and which one a caller is told of."""

import pytest
from doubles.books import MARKS, NOW, TODAY, make_request
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proxy.clock import MICROS_PER_SECOND, timestamp
from proxy.errors import InvariantBroken
from proxy.ledger.cap import (
    Cap,
    Capped,
    CapPlace,
    Marks,
    Span,
    Standing,
    Window,
    give_back,
    is_near,
    keeps_out,
    room,
    spend,
    take,
)

T = "tnt_1"


def cap(
    span: Span = Span.DAILY, *, limit: int = 100, since: str = TODAY, keys: tuple[str, ...] = (), **names: str
) -> Cap:
    return Cap("cap_1", CapPlace(T, span, **names), limit, since, NOW, keys)


def standing(limit: int, spent: int = 0, held: int = 0, *, span: Span = Span.DAILY, name: str = "cap_1") -> Standing:
    made = structs.replace(cap(span, limit=limit), id=name)
    return Standing(made, Window(name, span.window(TODAY), T, spent, held))


@pytest.mark.parametrize(
    ("span", "day", "window", "resets_at"),
    [
        (Span.DAILY, "2026-11-21", "2026-11-21", "2026-11-22"),
        (Span.DAILY, "2026-12-31", "2026-12-31", "2027-01-01"),
        (Span.DAILY, "2028-02-28", "2028-02-28", "2028-02-29"),
        (Span.MONTHLY, "2026-11-01", "2026-11", "2026-12-01"),
        (Span.MONTHLY, "2026-12-31", "2026-12", "2027-01-01"),
        (Span.MONTHLY, "2028-02-29", "2028-02", "2028-03-01"),
    ],
)
def test_windows_are_days_and_months_of_utc(span: Span, day: str, window: str, resets_at: str) -> None:
    assert span.window(day) == window
    assert timestamp(span.resets_at(window)) == f"{resets_at}T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("names", "covered"),
    [
        ({}, True),
        ({"app": "tool"}, True),
        ({"app": "too"}, False),
        ({"app": "t*"}, False),
        ({"integration": "acme"}, True),
        ({"integration": "bolt"}, False),
        ({"model": "m-1"}, True),
        ({"model": "m-*"}, True),
        ({"model": "M-1"}, False),
        ({"model": "m-"}, False),
        ({"app": "tool", "integration": "acme", "model": "m-?"}, True),
        ({"app": "tool", "integration": "acme", "model": "n-?"}, False),
    ],
)
def test_every_name_must_fit(names: dict[str, str], covered: bool) -> None:
    assert cap(**names).covers(MARKS) is covered
    assert cap(**names).covers(make_request(T, 1)) is covered, "a hold's request has the same marks"


def test_a_cap_on_a_key_covers_those_that_replaced_it() -> None:
    of_key = cap(key="key_1", keys=("key_1", "key_2"))
    for key, covered in (("key_1", True), ("key_2", True), ("key_3", False)):
        assert of_key.covers(Marks("", key, "acme", "m-1")) is covered


def test_calls_of_earlier_windows_are_not_its_business() -> None:
    assert [cap(since="2026-11-21").counts(day) for day in ("2026-11-20", "2026-11-21", "2026-11-22")] == [
        False,
        True,
        True,
    ]
    monthly = cap(Span.MONTHLY, since="2026-11-21")
    assert [monthly.counts(day) for day in ("2026-10-31", "2026-11-01")] == [False, True]


def test_what_is_left_counts_spent_and_held() -> None:
    assert (standing(100, 30, 50).left, standing(100, 30, 50).unspent) == (20, 70)
    assert room([standing(100, 30, 50), standing(90, 75)]) == 15
    assert room([standing(100, 130)]) == 0, "what was spent beyond a cap leaves nothing, not less"


@pytest.mark.parametrize(("needed", "by_spending"), [(71, True), (70, False), (21, False)])
def test_spending_keeps_out_what_would_not_fit_if_all_holds_were_given_back(needed: int, by_spending: bool) -> None:
    assert keeps_out([standing(100, 30, 50)], needed).by_spending is by_spending


def test_the_one_that_keeps_it_out_longest_is_named() -> None:
    roomy = standing(1000, name="cap_roomy")
    held = standing(100, 0, 100, span=Span.MONTHLY, name="cap_held")
    spent = standing(100, 95, name="cap_spent")
    month = standing(100, 95, span=Span.MONTHLY, name="cap_month")
    tighter = standing(100, 99, span=Span.MONTHLY, name="cap_tighter")

    def named(*caps: Standing) -> str:
        return keeps_out(caps, 10).standing.cap.id

    assert named(roomy, held) == "cap_held"
    assert named(roomy, held, spent) == "cap_spent", "holds end before a day does"
    assert named(month, held, spent) == "cap_month"
    assert named(month, tighter, spent) == "cap_tighter"
    with pytest.raises(InvariantBroken, match="kept out by one of them"):
        named(roomy)


def test_taking_and_giving_back() -> None:
    window = Window("cap_1", TODAY, T, 5, 10)
    assert take(window, 7) == structs.replace(window, held=17)
    assert give_back(take(window, 7), 7) == window
    for deed, nanos in ((take, -1), (give_back, 11), (give_back, -1)):
        with pytest.raises(InvariantBroken):
            deed(window, nanos)
    with pytest.raises(InvariantBroken):
        spend(standing(100), -1)


@pytest.mark.parametrize(
    ("limit", "before", "after", "near"),
    [
        (100, 79, 80, True),
        (100, 0, 500, True),
        (100, 78, 79, False),
        (100, 80, 81, False),
        (100, 80, 80, False),
        (99, 79, 80, True),  # 79.2
        (0, 0, 5, False),
    ],
)
def test_it_is_near_once(limit: int, before: int, after: int, near: bool) -> None:
    stood = standing(limit, before)
    assert is_near(stood, spend(stood, after - before)) is near


@given(st.integers(1, 10**12), st.lists(st.integers(0, 10**11), max_size=30))
def test_however_it_is_spent_it_is_near_at_most_once(limit: int, charges: list[int]) -> None:
    stood, told = standing(limit), 0
    for charge in charges:
        after = spend(stood, charge)
        told += is_near(stood, after)
        stood = after
    assert told == (stood.window.spent * 100 >= limit * 80)


def test_it_is_named_for_people() -> None:
    assert str(cap().place) == "daily cap of tnt_1"
    place = CapPlace(T, Span.MONTHLY, "bot", "key_1", "acme", "m-*")
    assert str(place) == "monthly cap of tnt_1, app bot, key key_1, integration acme, model m-*"
    assert place.names == {"app": "bot", "key": "key_1", "integration": "acme", "model": "m-*"}


def test_what_resets_when() -> None:
    assert standing(1).resets_at - standing(1, span=Span.MONTHLY).resets_at == -9 * 86_400 * MICROS_PER_SECOND
    assert Capped(standing(1), 2).standing.cap.limit == 1
