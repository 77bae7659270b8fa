"""Admission: what a call is granted, and what a wallet never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import InvariantBroken
from proxy.ledger.wallet import Ask, Wallet, grant, hold, post, unhold
from proxy.money import NANOS_MAX

AMOUNTS = st.integers(0, NANOS_MAX)


@pytest.mark.parametrize(
    ("available", "ask", "granted"),
    [
        (100, Ask(0, 100, 100), 100),
        (99, Ask(0, 100, 100), None),
        (1_000, Ask(0, 100, 100), 100),
        (0, Ask(0, 0, 0), 0),
        (-1, Ask(0, 0, 0), None),
        # Input 10, output at least 5 wished as the larger of 20 and an eighth of 800.
        (800, Ask(10, 15, 10_000, floor=20, share=8), 110),
        (80, Ask(10, 15, 10_000, floor=20, share=8), 30),
        (800, Ask(10, 15, 90, floor=20, share=8), 90),
        (25, Ask(10, 15, 10_000, floor=20, share=8), 25),
        (14, Ask(10, 15, 10_000, floor=20, share=8), None),
    ],
)
def test_what_is_granted(available: int, ask: Ask, granted: int | None) -> None:
    assert grant(available, ask) == granted


@given(st.integers(-NANOS_MAX, NANOS_MAX), AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, st.integers(1, 16))
def test_a_grant_lies_between_least_and_most_and_fits(
    available: int, base: int, more: int, most: int, floor: int, share: int
) -> None:
    ask = Ask(base, base + more, base + more + most, floor, share)
    granted = grant(available, ask)
    if granted is None:
        assert available < ask.least
    else:
        assert ask.least <= granted <= min(ask.most, available)


def test_available_is_balance_less_minimum_and_holds() -> None:
    assert Wallet("t", balance=100, held=30, minimum=10).available == 60
    assert Wallet("t", balance=100, held=0, minimum=-50).available == 150
    assert Wallet("t", balance=5, minimum=10).available == -5


def test_holding_moves_only_what_is_held() -> None:
    wallet = Wallet("t", balance=100, minimum=10, seq=3, head="h")
    held = hold(wallet, 90)
    assert held == Wallet("t", 100, 90, 10, 3, "h")
    assert unhold(held, 90) == wallet


@pytest.mark.parametrize("amount", [-1, 91])
def test_a_hold_must_fit(amount: int) -> None:
    with pytest.raises(InvariantBroken):
        hold(Wallet("t", balance=100, minimum=10), amount)


@pytest.mark.parametrize("amount", [-1, 6])
def test_only_what_is_held_is_given_back(amount: int) -> None:
    with pytest.raises(InvariantBroken):
        unhold(Wallet("t", held=5), amount)


def test_posting_moves_balance_sequence_and_head() -> None:
    assert post(Wallet("t", 5, 2, 1, 7, "old"), -9, "new") == Wallet("t", -4, 2, 1, 8, "new")
    with pytest.raises(InvariantBroken):
        post(Wallet("t", 10 * NANOS_MAX), 1, "new")
