"""Holds: what a grant comes to, and upstream's share of it."""

import pytest
from doubles.books import NOW, TODAY, make_id, make_request
from msgspec import structs

from proxy.ledger.hold import Hold, HoldRequest, HoldState, open_hold
from proxy.ledger.wallet import Ask

T = make_id("tnt", 1)


def request(most: int, cost: int, *, waived: bool = False) -> HoldRequest:
    return structs.replace(make_request(T, 1, waived=waived), ask=Ask(0, 0, most), cost_most=cost)


@pytest.mark.parametrize(
    ("most", "cost", "granted", "share"),
    [(120, 100, 120, 100), (120, 100, 60, 50), (120, 100, 61, 51), (120, 100, 0, 0), (0, 100, 0, 100)],
)
def test_the_cost_is_in_proportion_to_the_grant_rounded_up(most: int, cost: int, granted: int, share: int) -> None:
    assert open_hold(request(most, cost), granted, 1).cost_nanos == share


def test_a_waived_call_holds_nothing_on_the_wallet_and_what_it_is_granted_on_caps() -> None:
    made = open_hold(request(120, 100, waived=True), 120, 1)
    assert (made.wallet_nanos, made.cost_nanos, made.waived, made.cap_nanos) == (0, 100, True, 0)
    assert made.covered is None
    capped = open_hold(request(120, 100, waived=True), 60, 1, (("cap_1", TODAY),))
    assert (capped.wallet_nanos, capped.cost_nanos, capped.cap_nanos, capped.covered) == (0, 50, 60, 60)


def test_a_hold_under_caps_holds_the_same_on_each_window() -> None:
    windows = (("cap_1", TODAY), ("cap_2", TODAY[:7]))
    made = open_hold(request(120, 100), 60, 1, windows)
    assert (made.wallet_nanos, made.cap_nanos, made.covered, made.windows) == (60, 60, 60, windows)


def test_a_hold_remembers_what_was_asked() -> None:
    asked = make_request(T, 1)
    made = open_hold(asked, 7, 3)
    assert made == Hold(
        asked.call,
        T,
        asked.key,
        "acme",
        "chat",
        "m-1",
        7,
        made.cost_nanos,
        "card-1",
        0,
        False,
        NOW,
        TODAY,
        3,
        app="tool",
    )
    assert (made.state, made.evidence) == (HoldState.HELD, "")


def test_states_are_what_is_stored() -> None:
    assert [state.value for state in HoldState] == ["held", "settled", "released"]
